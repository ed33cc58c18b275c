"""The smallest app around a chart, and where what is drawn in it lies."""

from __future__ import annotations

import numpy as np
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from gpt2tui.tui.chart.inks import Ink
from gpt2tui.tui.chart.picture import Picture
from gpt2tui.tui.chart.plot import Source
from gpt2tui.tui.glyphs import UNICODE, Glyphs
from gpt2tui.tui.widgets.chart import LossChart
from tests.tui.apps import until


def rows_of(picture: Picture, *inks: Ink) -> list[set[int]]:
    """Of each column of the frame the rows that have one of these inks."""
    frame, styles = picture.frame, picture.canvas.styles
    part = styles[: frame.rows, frame.left : frame.left + frame.columns]
    return [set(np.flatnonzero(np.isin(column, inks)).tolist()) for column in part.T]


class Host(App[None]):
    """A chart and nothing else."""

    CSS = "LossChart { height: 1fr; border: round $panel; } .-ascii LossChart { border: ascii $panel; }"

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.set_class(glyphs.is_ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield LossChart()


async def shown(pilot: Pilot[None], run: Source, other: Source | None = None) -> LossChart:
    """The chart of a run, drawn and with the focus."""
    chart = pilot.app.query_one(LossChart)
    chart.show(run)
    chart.overlay(other)
    await until(pilot, lambda: chart.is_ready)
    chart.focus()
    await pilot.pause()
    return chart
