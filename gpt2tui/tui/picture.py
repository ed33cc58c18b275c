"""The picture of a run's losses: curves, marks, target and axes on a canvas. Nothing of Textual in it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from typing import NamedTuple

import numpy as np

from gpt2tui.runs.events import Evaluated
from gpt2tui.tui.axes import Floats, Scale, loss_scale, loss_ticks, x_ticks
from gpt2tui.tui.canvas import Canvas, band, dot_rows
from gpt2tui.tui.columns import Columns, History, Unit
from gpt2tui.tui.window import Extent, Window

UNIT_NAMES: dict[Unit, str] = {"step": "steps", "tokens": "tokens", "passes": "passes", "elapsed": "time"}

_TALL = 9
"""From so many rows on the x axis has a line above its labels."""

_LABELLED = 5
_WIDE = 24
"""From so many rows and columns on the axes are labelled."""

_NEAR = 3.0
"""A target within this factor of what is seen is taken into a picture that is zoomed in."""


class Ink(IntEnum):
    """What a cell belongs to; the later cover the earlier."""

    BLANK = 0
    AXIS = auto()
    TARGET = auto()
    CURSOR = auto()
    RAW = auto()
    OVERLAY = auto()
    MEAN = auto()
    VALIDATION = auto()
    CORPUS = auto()


class Signs(NamedTuple):
    """What lines and marks are drawn with."""

    target: str
    upright: str
    level: str
    corner: str
    left_tick: str
    bottom_tick: str
    corpus: str
    validation: str
    point: str
    reading: str
    below: str
    above: str


UNICODE = Signs("┄", "│", "─", "└", "┤", "┬", "◆", "◇", "•", "●", "↓", "↑")
ASCII = Signs("-", "|", "-", "+", "+", "+", "o", "x", ".", "@", "v", "^")


class Subject(NamedTuple):
    """What is drawn: a run, its evaluations, its target, and another run."""

    history: History
    evaluations: Sequence[Evaluated] = ()
    target: float | None = None
    overlay: History | None = None

    def extent(self, unit: Unit) -> Extent:
        """How far the longer of both runs goes."""
        histories = [self.history, *([self.overlay] if self.overlay else [])]
        longest = max(histories, key=lambda history: _last(history, unit))
        return Extent(_last(longest, unit), len(longest), unit)


class Look(NamedTuple):
    """How it is drawn."""

    window: Window
    unit: Unit = "step"
    is_log: bool = True
    cursor: float | None = None
    is_ascii: bool = False


class Picture(NamedTuple):
    """A canvas, and where on it the curves are: left, top, columns and rows in cells, edges in the unit of x."""

    canvas: Canvas
    left: int
    columns: int
    rows: int
    bounds: tuple[float, float]
    scale: Scale | None

    def x_at(self, column: float) -> float:
        """The place of a column of the canvas, in the unit of x."""
        start, end = self.bounds
        return start + (column - self.left) / max(1, self.columns) * (end - start)

    def column_of(self, x: float) -> int:
        """The column of the canvas that a place is in."""
        start, end = self.bounds
        share = (x - start) / (end - start)
        return self.left + min(self.columns - 1, int(share * self.columns)) if 0 <= share <= 1 else -1


def draw_picture(subject: Subject, look: Look, columns: int, rows: int, previous: Scale | None = None) -> Picture:
    """Draw on so many columns and rows; ``previous`` is the scale of losses that is kept where it fits."""
    canvas = Canvas(columns, rows, is_ascii=look.is_ascii)
    margin, needed = 0, 6 if columns >= _WIDE and rows >= _LABELLED else 0
    while margin < needed:
        margin = needed
        drawing = _Drawing(canvas, subject, look, margin, previous)
        needed = drawing.margin_needed()
    if not needed:
        drawing = _Drawing(canvas, subject, look, 0, previous)
    return drawing.draw()


class _Drawing:
    def __init__(self, canvas: Canvas, subject: Subject, look: Look, margin: int, previous: Scale | None) -> None:
        self._canvas, self._subject, self._look, self._margin = canvas, subject, look, margin
        self._signs = ASCII if look.is_ascii else UNICODE
        self._has_line = bool(margin) and canvas.rows >= _TALL
        self._rows = canvas.rows - (1 + self._has_line if margin else 0)
        self._columns = canvas.columns - margin
        self._bounds = look.window.bounds(subject.extent(look.unit))
        self._edges = np.linspace(*self._bounds, self._columns * canvas.dots_across + 1)
        self._own = subject.history.columns(look.unit, self._edges)
        self._other = subject.overlay.columns(look.unit, self._edges) if subject.overlay else None
        self._marks = {split: self._places(split) for split in ("validation", "train")}
        self._scale = self._scale_of(previous)
        self._ticks = loss_ticks(self._scale, max(2, self._rows // 3)) if self._scale else []

    def margin_needed(self) -> int:
        return max((len(tick.label) + 1 for tick in self._ticks), default=0)

    def draw(self) -> Picture:
        if self._scale:
            if self._margin:
                self._draw_axes(self._scale)
            self._draw_target(self._scale)
            self._draw_cursor_line()
            self._draw_raw(self._scale)
            if self._other and self._subject.overlay:
                self._draw_mean(self._subject.overlay, self._other, Ink.OVERLAY, "+", self._scale)
            self._draw_mean(self._subject.history, self._own, Ink.MEAN, "*", self._scale)
            self._draw_marks(self._scale)
            self._draw_reading(self._scale)
        else:
            words = "no steps yet" if not len(self._subject.history) else "nothing to see here; 0 shows all"
            middle = max(0, (self._canvas.columns - len(words)) // 2)
            self._canvas.write((self._canvas.rows - 1) // 2, middle, words, Ink.AXIS)
        return Picture(self._canvas, self._margin, self._columns, self._rows, self._bounds, self._scale)

    def _places(self, split: str) -> tuple[Floats, Floats]:
        """Where evaluations stand: x and loss. One that ended early is no corpus loss and is left out."""
        kept = [event for event in self._subject.evaluations if event.split == split and not event.partial]
        if not kept or not len(self._subject.history):
            return np.empty(0), np.empty(0)
        history = self._subject.history
        indices = history.place_of("step", np.array([float(event.step) for event in kept]))
        return history.values(self._look.unit)[indices], np.array([event.loss for event in kept])

    def _scale_of(self, previous: Scale | None) -> Scale | None:
        seen = [self._own.lowest, self._own.highest, self._own.running]
        if self._other:
            seen.append(self._other.running)
        start, end = self._bounds
        for x, losses in self._marks.values():
            seen.append(losses[(x >= start) & (x <= end)])
        values = np.concatenate(seen)
        values = values[np.isfinite(values)]
        if self._look.is_log:
            values = values[values > 0]
        if not len(values):
            around = self._around(self._subject.history, self._own)
            values = np.array(
                [loss for _, loss, _ in around if np.isfinite(loss) and (loss > 0 or not self._look.is_log)]
            )
            if not len(values):
                return None
        low, high = float(values.min()), float(values.max())
        target = self._subject.target
        is_drawable = target is not None and (target > 0 or not self._look.is_log)
        if target is not None and is_drawable and (self._look.window.is_whole or _is_near(target, low, high)):
            low, high = min(low, target), max(high, target)
        return loss_scale(low, high, is_log=self._look.is_log, previous=previous)

    # The curves

    def _around(self, history: History, columns: Columns) -> list[tuple[float, float, float]]:
        """The steps just outside of the window, where its curves come from and go to: x, loss, running loss."""
        found = []
        for index in (int(columns.first[0]) - 1, int(columns.last[-1])):
            if 0 <= index < len(history):
                values = (history.values(name)[index] for name in (self._look.unit, "loss", "running_loss"))
                found.append(tuple(float(value) for value in values))
        return found  # type: ignore[return-value]

    def _joined(self, columns: Columns, outside: list[tuple[float, float]], values: Floats, scale: Scale) -> Floats:
        """Values of columns as shares of the height; between columns with steps a straight line, NaN beyond them."""
        start, end = self._bounds
        count = len(values)
        is_known = np.isfinite(values)
        x = np.flatnonzero(is_known).astype(float)
        shares = scale.share(values[is_known])
        for place, loss in outside:
            if np.isfinite(loss):
                position = (place - start) / (end - start) * count - 0.5
                at = 0 if place < start else len(x)
                x, shares = np.insert(x, at, position), np.insert(shares, at, scale.share(np.array([loss]))[0])
        if not len(x):
            return np.full(count, np.nan)
        return np.interp(np.arange(count), x, shares, left=np.nan, right=np.nan)

    def _draw_raw(self, scale: Scale) -> None:
        around = [(x, loss) for x, loss, _ in self._around(self._subject.history, self._own)]
        low = self._joined(self._own, around, self._own.lowest, scale)
        high = self._joined(self._own, around, self._own.highest, scale)
        self._draw_band(low, high, Ink.RAW)
        first, last = int(self._own.first[0]), int(self._own.last[-1])
        if last - first <= self._columns // 4:
            points = np.s_[first:last]
            history = self._subject.history
            self._put(
                history.values(self._look.unit)[points],
                history.values("loss")[points],
                Ink.RAW,
                self._signs.point,
                scale,
            )

    def _draw_mean(self, history: History, columns: Columns, ink: Ink, sign: str, scale: Scale) -> None:
        around = [(x, running) for x, _, running in self._around(history, columns)]
        line = self._joined(columns, around, columns.running, scale)
        self._draw_band(line, line, ink, sign)

    def _draw_band(self, low: Floats, high: Floats, ink: Ink, sign: str = "") -> None:
        dots = band(low, high, self._rows * self._canvas.dots_down)
        self._canvas.draw_dots(dots, ink, column=self._margin, sign=sign)

    def _draw_marks(self, scale: Scale) -> None:
        for split, ink, sign in (
            ("validation", Ink.VALIDATION, self._signs.validation),
            ("train", Ink.CORPUS, self._signs.corpus),
        ):
            self._put(*self._marks[split], ink, sign, scale)

    def _put(self, x: Floats, losses: Floats, ink: Ink, sign: str, scale: Scale) -> None:
        start, end = self._bounds
        is_seen = (x >= start) & (x <= end) & np.isfinite(losses)
        columns = np.minimum(((x[is_seen] - start) / (end - start) * self._columns).astype(np.intp), self._columns - 1)
        shares = scale.share(losses[is_seen])
        is_inside = (shares >= 0) & (shares <= 1)
        rows = self._cells(shares)
        self._canvas.put(rows[is_inside], columns[is_inside] + self._margin, sign, ink)

    def _cells(self, shares: Floats) -> np.ndarray:
        down = self._canvas.dots_down
        return dot_rows(shares, self._rows * down) // down

    # Lines and words

    def _draw_target(self, scale: Scale) -> None:
        target = self._subject.target
        if target is None:
            return
        share = float(scale.share(np.array([target]))[0])
        words = f"target {target:g}"
        if share < 0 or share > 1:
            arrow = self._signs.below if share < 0 else self._signs.above
            row = self._rows - 1 if share < 0 else 0
            self._canvas.write(row, self._margin + 1, f" {arrow} {words} ", Ink.TARGET)
            return
        row = int(self._cells(np.array([share]))[0])
        self._canvas.write(row, self._margin, self._signs.target * self._columns, Ink.TARGET)
        if self._columns > len(words) + 8:
            self._canvas.write(row, self._margin + 2, f" {words} ", Ink.TARGET)

    def _cursor_column(self) -> int:
        if self._look.cursor is None:
            return -1
        start, end = self._bounds
        share = (self._look.cursor - start) / (end - start)
        return self._margin + min(self._columns - 1, int(share * self._columns)) if 0 <= share <= 1 else -1

    def _draw_cursor_line(self) -> None:
        column = self._cursor_column()
        if column >= 0:
            rows = np.arange(self._rows)
            self._canvas.put(rows, np.full(self._rows, column), self._signs.upright, Ink.CURSOR)

    def _draw_reading(self, scale: Scale) -> None:
        column = self._cursor_column()
        if column < 0 or not len(self._subject.history):
            return
        index = int(self._subject.history.place_of(self._look.unit, self._look.cursor or 0.0))
        running = float(self._subject.history.values("running_loss")[index])
        share = scale.share(np.array([running]))
        if np.isfinite(running) and 0 <= share[0] <= 1:
            self._canvas.put(self._cells(share), np.array([column]), self._signs.reading, Ink.CURSOR)

    def _draw_axes(self, scale: Scale) -> None:
        canvas, signs = self._canvas, self._signs
        axis = self._margin - 1
        for row in range(self._rows):
            canvas.write(row, axis, signs.upright, Ink.AXIS)
        for tick in self._ticks:
            row = int(self._cells(scale.share(np.array([tick.value])))[0])
            canvas.write(row, 0, f"{tick.label:>{axis}}{signs.left_tick}", Ink.AXIS)
        if self._has_line:
            canvas.write(self._rows, axis, signs.corner + signs.level * self._columns, Ink.AXIS)
        name = UNIT_NAMES[self._look.unit]
        free, limit = 0, canvas.columns - len(name) - 1
        start, end = self._bounds
        for tick in x_ticks(start, end, max(2, self._columns // 11), unit=self._look.unit):
            column = self._margin + round((tick.value - start) / (end - start) * (self._columns - 1))
            left = max(0, column - len(tick.label) // 2)
            if left >= free and left + len(tick.label) < limit:
                canvas.write(canvas.rows - 1, left, tick.label, Ink.AXIS)
                free = left + len(tick.label) + 2
                if self._has_line:
                    canvas.write(self._rows, column, signs.bottom_tick, Ink.AXIS)
        canvas.write(canvas.rows - 1, canvas.columns - len(name), name, Ink.AXIS)


def _is_near(target: float, low: float, high: float) -> bool:
    return low / _NEAR <= target <= high * _NEAR


def _last(history: History, unit: Unit) -> float:
    return float(history.values(unit)[-1]) if len(history) else 0.0
