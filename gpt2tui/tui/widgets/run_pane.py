"""Below the table: the run under the cursor in words and as a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer

from gpt2tui.runs.entry import Entry
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.run_curve import RunCurve, curve_of
from gpt2tui.tui.widgets.run_detail import RunDetail

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_REST_SECONDS = 0.15
"""A key that is held down passes by many runs, whose curves nobody sees."""


class RunPane(Horizontal):
    """Details, and where there is room the losses of a run and of one that it is compared with."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry | None, Entry | None] = (None, None)
        self._curves: list[RunCurve] = []
        self._drawing: Timer | None = None

    def compose(self) -> ComposeResult:
        yield RunDetail()
        yield LossChart()

    def show(self, entry: Entry | None, other: Entry | None, now: float) -> None:
        """The run to tell of, and one whose losses are laid over its own."""
        self.query_one(RunDetail).show(entry, now)
        self._entries = entry, other
        if self._drawing:
            self._drawing.stop()
        self._drawing = self.set_timer(_REST_SECONDS, self._draw)

    def _draw(self) -> None:
        chart = self.query_one(LossChart)
        curves = [curve_of(entry, self.app.glyphs) for entry in self._entries]
        there = [curve for curve in curves if curve]
        if there and [curve.path for curve in there] == [curve.path for curve in self._curves]:
            for old, new in zip(self._curves, there, strict=True):
                old.entry = new.entry
            chart.refresh_data()
            return
        self._curves = there
        chart.show(curves[0])
        chart.overlay(curves[1] if curves[0] else None)
