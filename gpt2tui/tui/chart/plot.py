"""What a chart shows and how: its runs, the window on them, the reading cursor. Nothing of Textual in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gpt2tui.runs.events import Evaluated
from gpt2tui.tui.chart.axes import Scale
from gpt2tui.tui.chart.columns import History, Unit
from gpt2tui.tui.chart.frame import Frame
from gpt2tui.tui.chart.picture import Look, Picture, Subject, draw_picture
from gpt2tui.tui.chart.reading import SPLITS, overlay_words, reading_words
from gpt2tui.tui.chart.window import Window

_UNITS: tuple[Unit, ...] = ("step", "tokens", "passes", "elapsed")
_NAME = 24


class Source(Protocol):
    """A run: where its series is, and what its journal tells."""

    path: Path
    name: str

    @property
    def evaluations(self) -> Sequence[Evaluated]: ...

    @property
    def target_loss(self) -> float | None: ...


class Plot:
    """A run, perhaps another one over it, and what is seen of them. Without a run all keys are without effect."""

    def __init__(self, *, is_ascii: bool = False) -> None:
        self._is_ascii = is_ascii
        self._source: Source | None = None
        self._other: Source | None = None
        self._histories: dict[Path, History] = {}
        self._told: tuple[object, ...] = ()
        self._frame: Frame | None = None
        self._scale: Scale | None = None
        self._window = Window()
        self._unit: Unit = "step"
        self.is_log = True
        self.cursor: float | None = None
        """The place that is read, in the unit of x."""

    def show(self, source: Source | None, other: Source | None) -> None:
        """Take these runs in; what is seen stays as it is while the run is the same."""
        if source is None or self._source is None or source.path != self._source.path:
            self.cursor = None
            self.show_all()
        self._source = source
        self._other = other if source and other and other.path != source.path else None
        paths = [one.path for one in (self._source, self._other) if one]
        self._histories = {path: self._histories.get(path, History(path)) for path in paths}
        self.refresh()

    def refresh(self) -> bool:
        """Take in what was written since; whether there was anything."""
        changes = [history.refresh() for history in self._histories.values()]
        before, self._told = self._told, self._what_is_told()
        return any(changes) or self._told != before

    def draw(self, columns: int, rows: int) -> Picture | None:
        """The picture on so many cells; None without a run."""
        subject = self._subject
        if not subject:
            return None
        look = Look(self._window, self._unit, self.is_log, self.cursor, self._is_ascii)
        picture = draw_picture(subject, look, columns, rows, self._scale)
        self._frame, self._scale = picture.frame, picture.scale
        return picture

    def legend(self) -> list[str]:
        """What there is to see besides raw and mean: ``corpus``, ``validation``, ``overlay``."""
        splits = {event.split for event in self._source.evaluations if not event.partial} if self._source else set()
        found = [name for split, name in SPLITS.items() if split in splits]
        return found + (["overlay"] if self._other else [])

    def reading(self) -> list[str]:
        """What the cursor says, a part each; nothing where there is no cursor."""
        subject = self._subject
        if self.cursor is None or not subject or not self._frame or not len(subject.history):
            return []
        words = reading_words(subject.history, self._unit, self._frame, self.cursor, subject.evaluations)
        if subject.overlay is not None and self._other:
            words[3:3] = overlay_words(subject.overlay, self._unit, self.cursor, self._other.name[:_NAME])
        return words

    # What is seen

    def toggle_log(self) -> None:
        """Draw losses on the other scale."""
        self.is_log = not self.is_log

    def cycle_x(self) -> None:
        """The next unit of x; what is seen stays the same part of the run."""
        unit = _UNITS[(_UNITS.index(self._unit) + 1) % len(_UNITS)]
        subject = self._subject
        if subject and len(subject.history):
            if not self._window.is_whole:
                edges = self._window.bounds(subject.extent(self._unit))
                left, right = (self._translated(subject.history, edge, unit) for edge in edges)
                self._window.set_bounds(left, right)
            if self.cursor is not None:
                self.cursor = self._translated(subject.history, self.cursor, unit)
        self._unit = unit

    def zoom(self, factor: float, *, column: int | None = None) -> None:
        """See so many times as much, about a column of the picture, the cursor, or the right edge."""
        subject = self._subject
        if not subject:
            return
        about = self.cursor if column is None or not self._frame else self._frame.x_at(column + 0.5)
        extent = subject.extent(self._unit)
        left, right = self._window.bounds(extent)
        self._window.zoom(factor, extent, about=about if about is not None and left <= about <= right else None)
        self._scale = None

    def pan(self, share: float) -> None:
        """Move by so much of what is seen."""
        if subject := self._subject:
            self._window.pan(share, subject.extent(self._unit))
            self._scale = None

    def show_all(self) -> None:
        """See all of the run, and follow it."""
        self._window.show_all()
        self._scale = None

    def follow(self) -> None:
        """Go to the end of the run, and follow it."""
        self._window.follow()
        self._scale = None

    # The reading cursor

    def toggle_cursor(self) -> None:
        """Put the cursor on the last step that is seen, or take it away."""
        subject = self._subject
        if self.cursor is not None or not subject or not len(subject.history):
            self.cursor = None
            return
        _, right = self._window.bounds(subject.extent(self._unit))
        self.cursor = self._place(subject.history, int(subject.history.place_of(self._unit, right)))

    def move_cursor(self, columns: int) -> None:
        """Move the cursor by so many columns, at least to the next step; the window goes with it."""
        subject = self._subject
        if self.cursor is None or not subject or not self._frame:
            return
        history, frame = subject.history, self._frame
        here = int(history.place_of(self._unit, self.cursor))
        # A cursor that a zoom left outside moves by one step, and the view goes to it.
        column = int(frame.columns_of(self.cursor))
        goal = frame.x_at(column + columns + 1) if column >= 0 else self.cursor
        there = int(history.place_of(self._unit, math.nextafter(goal, -math.inf)))
        there = max(there, here + 1) if columns > 0 else min(there, here - 1)
        self.cursor = self._place(history, there)
        if self._window.reveal(self.cursor, subject.extent(self._unit)):
            self._scale = None

    def point_at(self, column: int) -> None:
        """Put the cursor, if it is there, at a column of the picture."""
        subject = self._subject
        if self.cursor is not None and self._frame and subject:
            x = self._frame.x_at(column + 0.5)
            self.cursor = self._place(subject.history, int(subject.history.place_of(self._unit, x)))

    @property
    def _subject(self) -> Subject | None:
        if not self._source:
            return None
        overlay = self._histories[self._other.path] if self._other else None
        return Subject(self._histories[self._source.path], self._source.evaluations, self._source.target_loss, overlay)

    def _what_is_told(self) -> tuple[object, ...]:
        if not self._source:
            return ()
        evaluations = self._source.evaluations
        return len(evaluations), *evaluations[-1:], self._source.target_loss

    def _place(self, history: History, record: int) -> float | None:
        """Where a record stands, the first or last one where there is none of that number."""
        if not len(history):
            return None
        return float(history.values(self._unit)[min(max(record, 0), len(history) - 1)])

    def _translated(self, history: History, x: float, unit: Unit) -> float:
        """The same place in another unit, between two steps and beyond them in proportion."""
        old, new = history.values(self._unit), history.values(unit)
        before = min(int(history.place_of(self._unit, x)), max(0, len(history) - 2))
        after = min(before + 1, len(history) - 1)
        span = float(old[after] - old[before])
        share = (x - float(old[before])) / span if span > 0 else 0.0
        return float(new[before]) + share * float(new[after] - new[before])
