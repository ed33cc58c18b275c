"""What a chart shows and how: its runs, the window on them, the reading cursor. Nothing of Textual in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from gpt2tui.runs.events import Evaluated
from gpt2tui.text import loss_text
from gpt2tui.tui.axes import time_label
from gpt2tui.tui.columns import History, Unit
from gpt2tui.tui.picture import Look, Picture, Subject, draw_picture
from gpt2tui.tui.window import Window

_UNITS: tuple[Unit, ...] = ("step", "tokens", "passes", "elapsed")


class Source(Protocol):
    """A run: where its series is, and what its journal tells."""

    path: Path
    name: str

    @property
    def evaluations(self) -> Sequence[Evaluated]: ...

    @property
    def target_loss(self) -> float | None: ...


class Plot:
    """A run, perhaps another one over it, and what is seen of them."""

    def __init__(self, *, is_ascii: bool = False) -> None:
        self._is_ascii = is_ascii
        self._source: Source | None = None
        self._other: Source | None = None
        self._histories: dict[Path, History] = {}
        self._told: tuple[object, ...] = ()
        self._picture: Picture | None = None
        self.window = Window()
        self.unit: Unit = "step"
        self.is_log = True
        self.cursor: float | None = None
        """The place that is read, in the unit of x."""

    def show(self, source: Source | None, other: Source | None) -> None:
        """Take these runs in; what is seen stays as it is while the run is the same."""
        if source is None or self._source is None or source.path != self._source.path:
            self._picture, self.cursor = None, None
            self.window.show_all()
        self._source = source
        self._other = other if source and other and other.path != source.path else None
        kept = {one.path for one in (self._source, self._other) if one}
        self._histories = {path: self._histories.get(path) or History(path) for path in kept}
        self.refresh()

    def refresh(self) -> bool:
        """Take in what was written since; whether there was anything."""
        told = (
            (tuple(self._source.evaluations[-1:]), len(self._source.evaluations), self._source.target_loss)
            if self._source
            else ()
        )
        changes = [history.refresh() for history in self._histories.values()]
        is_changed = any(changes) or told != self._told
        self._told = told
        return is_changed

    def draw(self, columns: int, rows: int) -> Picture | None:
        """The picture on so many cells; None without a run."""
        if not (subject := self._subject):
            return None
        look = Look(self.window, self.unit, self.is_log, self.cursor, self._is_ascii)
        self._picture = draw_picture(subject, look, columns, rows, self._picture.scale if self._picture else None)
        return self._picture

    @property
    def _subject(self) -> Subject | None:
        if not self._source:
            return None
        overlay = self._histories[self._other.path] if self._other else None
        return Subject(self._histories[self._source.path], self._source.evaluations, self._source.target_loss, overlay)

    def legend(self) -> list[str]:
        """What there is to see besides raw and mean: ``validation``, ``corpus``, ``overlay``."""
        splits = {event.split for event in self._source.evaluations if not event.partial} if self._source else set()
        found = [name for split, name in (("validation", "validation"), ("train", "corpus")) if split in splits]
        return found + (["overlay"] if self._other else [])

    # The window

    def toggle_log(self) -> None:
        self.is_log = not self.is_log

    def cycle_x(self) -> None:
        """The next unit of x; what is seen stays the same part of the run."""
        unit = _UNITS[(_UNITS.index(self.unit) + 1) % len(_UNITS)]
        if subject := self._subject:
            extent = subject.extent(self.unit)
            if not self.window.is_whole:
                left, right = (self._translated(edge, unit) for edge in self.window.bounds(extent))
                if right > left:
                    self.window.span = right - left
                    self.window.right = None if self.window.is_following else right
                else:
                    self.window.show_all()
            if self.cursor is not None:
                self.cursor = self._translated(self.cursor, unit)
        self.unit = unit

    def zoom(self, factor: float, *, column: int | None = None) -> None:
        """See so many times as much, about a column of the picture, the cursor, or the right edge."""
        if not (subject := self._subject):
            return
        about = self.cursor
        if column is not None and self._picture:
            about = self._picture.x_at(column + 0.5)
        extent = subject.extent(self.unit)
        if about is not None:
            left, right = self.window.bounds(extent)
            about = about if left <= about <= right else None
        self.window.zoom(factor, extent, about=about)

    def pan(self, share: float) -> None:
        """Move by so much of what is seen."""
        if subject := self._subject:
            self.window.pan(share, subject.extent(self.unit))

    # The reading cursor

    def toggle_cursor(self) -> None:
        """Put the cursor on the last step that is seen, or take it away."""
        subject = self._subject
        if self.cursor is not None or not subject or not len(subject.history):
            self.cursor = None
            return
        _, right = self.window.bounds(subject.extent(self.unit))
        self.cursor = self._at(int(subject.history.place_of(self.unit, right)))

    def move_cursor(self, columns: int) -> None:
        """Move the cursor by so many columns, at least to the next step; the window goes with it."""
        subject = self._subject
        if self.cursor is None or not subject or not len(subject.history) or not self._picture:
            return
        extent = subject.extent(self.unit)
        left, right = self.window.bounds(extent)
        history = subject.history
        present = int(history.place_of(self.unit, self.cursor))
        goal = self.cursor + columns * (right - left) / self._picture.columns
        index = int(history.place_of(self.unit, goal))
        if columns > 0:
            index = max(index, present + 1)
        elif self._at(index) >= self.cursor:
            index = present - 1
        self.cursor = self._at(min(max(index, 0), len(history) - 1))
        self.window.reveal(self.cursor, extent)

    def point_at(self, column: int) -> None:
        """Put the cursor, if it is there, at a column of the picture."""
        subject = self._subject
        if self.cursor is not None and self._picture and subject and len(subject.history):
            place = self._picture.x_at(column + 0.5)
            self.cursor = self._at(int(subject.history.place_of(self.unit, place)))

    def reading(self) -> list[str]:
        """What stands at the cursor, the most important first."""
        subject = self._subject
        if self.cursor is None or not subject or not self._picture or not len(subject.history):
            return []
        history, picture = subject.history, self._picture
        column = picture.column_of(self.cursor)
        start, end = picture.x_at(column), picture.x_at(column + 1)
        first, last = (int(index) for index in np.searchsorted(history.values(self.unit), (start, end)))
        if first >= last or column < 0:
            first = int(history.place_of(self.unit, self.cursor))
            last = first + 1
        edges = history.values("step")[[first, last - 1]]
        found = history.columns("step", edges)
        index = last - 1
        loss = loss_text(_number(found.mean[0]), none="not finite")
        if last - first > 1 and np.isfinite(found.lowest[0]):
            loss += f" ({loss_text(float(found.lowest[0]))} to {loss_text(float(found.highest[0]))})"
        steps = f"step {edges[1]:,.0f}" if last - first == 1 else f"steps {edges[0]:,.0f} to {edges[1]:,.0f}"
        parts = [
            steps,
            f"loss {loss}",
            f"mean {loss_text(_number(history.values('running_loss')[index]), none='not finite')}",
            f"pass {history.values('passes')[index]:,.2f}",
            time_label(float(history.values("elapsed")[index]), 1),
            f"{history.values('tokens')[index]:,.0f} tokens",
        ]
        if subject.overlay and self._other and len(subject.overlay):
            place = int(subject.overlay.place_of(self.unit, self.cursor))
            if self.cursor <= subject.overlay.values(self.unit)[-1]:
                other = loss_text(_number(subject.overlay.values("running_loss")[place]), none="not finite")
                parts.insert(3, f"{self._other.name[:24]} {other}")
        return parts

    def _at(self, index: int) -> float:
        assert self._source
        return float(self._histories[self._source.path].values(self.unit)[max(index, 0)])

    def _translated(self, x: float, unit: Unit) -> float:
        """The same place in another unit, between two steps in proportion."""
        subject = self._subject
        assert subject
        history = (
            subject.overlay if subject.overlay and len(subject.overlay) > len(subject.history) else subject.history
        )
        if not len(history):
            return x
        before = int(history.place_of(self.unit, x))
        after = min(before + 1, len(history) - 1)
        old, new = history.values(self.unit), history.values(unit)
        span = float(old[after] - old[before])
        share = (x - float(old[before])) / span if span > 0 else 0.0
        return float(new[before]) + share * float(new[after] - new[before])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
