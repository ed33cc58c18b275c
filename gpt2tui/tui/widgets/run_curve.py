"""A run of the ledger as the chart takes it."""

from __future__ import annotations

from collections.abc import Sequence

from gpt2tui.runs.entry import Entry
from gpt2tui.runs.events import Evaluated
from gpt2tui.tui.glyphs import Glyphs
from gpt2tui.tui.widgets.run_columns import shown

_SHORT = 8 << 20
"""Bytes of a journal from which a series that is missing is made at once."""


class RunCurve:
    """Its series, and what its journal told; ``entry`` may be replaced by a later one of the same run."""

    def __init__(self, entry: Entry, glyphs: Glyphs) -> None:
        self.entry = entry
        self.path = entry.run.series_file
        self.name = shown(entry.name, glyphs)

    @property
    def evaluations(self) -> Sequence[Evaluated]:
        return self.entry.evaluations

    @property
    def target_loss(self) -> float | None:
        return self.entry.target_loss


def curve_of(entry: Entry | None, glyphs: Glyphs) -> RunCurve | None:
    """The curve of a run; None where there is nothing to draw, or not at once."""
    if entry is None or entry.step is None:
        return None
    run = entry.run
    try:
        has_curve = run.series_file.is_file() or run.events_file.stat().st_size <= _SHORT
    except OSError:
        has_curve = False
    return RunCurve(entry, glyphs) if has_curve else None
