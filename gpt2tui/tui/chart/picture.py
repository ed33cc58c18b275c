"""The picture of a run's losses: curves, marks, target and axes on a canvas. Nothing of Textual in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gpt2tui.runs.events import Evaluated
from gpt2tui.tui.chart.axes import Floats, Scale, loss_scale, loss_ticks, x_ticks
from gpt2tui.tui.chart.canvas import Canvas
from gpt2tui.tui.chart.columns import History, Unit
from gpt2tui.tui.chart.curves import Curves
from gpt2tui.tui.chart.frame import Frame
from gpt2tui.tui.chart.inks import ASCII, UNICODE, Ink
from gpt2tui.tui.chart.window import Extent, Window

UNIT_NAMES: dict[Unit, str] = {"step": "steps", "tokens": "tokens", "passes": "passes", "elapsed": "time"}

_TALL = 9
"""From so many rows the x axis has a line above its labels."""

_LABELLED_ROWS, _LABELLED_COLUMNS = 5, 24
"""From here on the axes are labelled."""

_MARGIN = 6
"""Cells left of the curves, where no label needs more."""

_NEAR = 3.0
"""In a picture that is zoomed in, a target or an evaluation has its place if it is within this factor of the losses."""


class Subject(NamedTuple):
    """What is drawn: a run, its evaluations, its target, and another run."""

    history: History
    evaluations: Sequence[Evaluated] = ()
    target: float | None = None
    overlay: History | None = None

    def extent(self, unit: Unit) -> Extent:
        """How far the run goes, and how far the longer of both."""
        last = self.history.last(unit)
        farthest = max(last, self.overlay.last(unit)) if self.overlay else last
        return Extent(last, len(self.history), unit, farthest)


class Look(NamedTuple):
    """How it is drawn; ``cursor`` is the place that is read, in the unit of x."""

    window: Window
    unit: Unit = "step"
    is_log: bool = True
    cursor: float | None = None
    is_ascii: bool = False


class Picture(NamedTuple):
    """A canvas, where on it the curves are, and the scale of losses; None where there is nothing to see."""

    canvas: Canvas
    frame: Frame
    scale: Scale | None


def draw_picture(subject: Subject, look: Look, columns: int, rows: int, previous: Scale | None = None) -> Picture:
    """Draw on so many columns and rows; ``previous`` is the scale of losses that is kept where it fits."""
    margin = _MARGIN if columns >= _LABELLED_COLUMNS and rows >= _LABELLED_ROWS else 0
    drawing = _Drawing(subject, look, columns, rows, margin, previous)
    if margin and drawing.margin_needed() > margin:
        drawing = _Drawing(subject, look, columns, rows, drawing.margin_needed(), previous)
    return drawing.draw()


class _Drawing:
    def __init__(
        self, subject: Subject, look: Look, columns: int, rows: int, margin: int, previous: Scale | None
    ) -> None:
        self._subject, self._look = subject, look
        self._canvas = Canvas(columns, rows, is_ascii=look.is_ascii)
        self._signs = ASCII if look.is_ascii else UNICODE
        self._has_labels, self._has_line = margin > 0, margin > 0 and rows >= _TALL
        axis_rows = self._has_labels + self._has_line
        self._frame = Frame(margin, columns - margin, rows - axis_rows, *look.window.bounds(subject.extent(look.unit)))
        self._own = self._curves(subject.history)
        self._other = self._curves(subject.overlay) if subject.overlay else None
        self._scale = self._scale_of(previous)
        self._ticks = loss_ticks(self._scale, max(2, self._frame.rows // 3)) if self._scale else []

    def margin_needed(self) -> int:
        """Cells that the labels of losses and the axis take."""
        return max((len(tick.label) + 1 for tick in self._ticks), default=0)

    def draw(self) -> Picture:
        if self._scale is None:
            self._draw_nothing()
        else:
            if self._has_labels:
                self._draw_axes(self._scale)
            self._draw_target_line(self._scale)
            self._draw_cursor()
            self._draw_curves(self._scale)
            for split, ink, sign in (
                ("validation", Ink.VALIDATION, self._signs.validation),
                ("train", Ink.CORPUS, self._signs.corpus),
            ):
                self._put(*self._evaluations(split), sign, ink, self._scale)
            self._draw_reading(self._scale)
            self._draw_target_words(self._scale)
        return Picture(self._canvas, self._frame, self._scale)

    def _curves(self, history: History) -> Curves:
        return Curves(history, self._look.unit, self._frame, self._frame.columns * self._canvas.dots_across)

    def _evaluations(self, split: str) -> tuple[Floats, Floats]:
        """Where they stand: x and loss. One that ended early is no corpus loss and is left out."""
        history = self._subject.history
        kept = [event for event in self._subject.evaluations if event.split == split and not event.partial]
        if not kept or not len(history):
            return np.empty(0), np.empty(0)
        records = history.place_of("step", np.array([float(event.step) for event in kept]))
        return history.values(self._look.unit)[records], np.array([event.loss for event in kept])

    def _scale_of(self, previous: Scale | None) -> Scale | None:
        is_log = self._look.is_log
        losses = np.concatenate((self._own.values(), self._other.columns.running if self._other else np.empty(0)))
        losses = losses[np.isfinite(losses) & (losses > 0 if is_log else True)]
        if not len(losses):
            return None
        low, high = float(losses.min()), float(losses.max())
        beside = [np.array([np.nan if self._subject.target is None else self._subject.target])]
        for split in ("validation", "train"):
            x, found = self._evaluations(split)
            beside.append(found[self._frame.columns_of(x) >= 0])
        others = np.concatenate(beside)
        others = others[np.isfinite(others) & (others > 0 if is_log else True)]
        if not self._look.window.is_whole:
            others = others[(others >= low / _NEAR) & (others <= high * _NEAR)]
        low, high = float(np.min(others, initial=low)), float(np.max(others, initial=high))
        return loss_scale(low, high, is_log=is_log, previous=previous)

    # The curves and marks

    def _draw_curves(self, scale: Scale) -> None:
        height, signs = self._frame.rows * self._canvas.dots_down, self._signs
        left = self._frame.left
        self._canvas.draw_dots(self._own.raw(scale, height), Ink.RAW, column=left)
        points = self._own.points
        if points.stop - points.start <= self._frame.columns // 4:
            history = self._subject.history
            x, losses = history.values(self._look.unit)[points], history.values("loss")[points]
            self._put(x, losses, signs.point, Ink.RAW, scale)
        if self._other:
            self._canvas.draw_dots(self._other.mean(scale, height), Ink.OVERLAY, column=left, sign=signs.overlay)
        self._canvas.draw_dots(self._own.mean(scale, height), Ink.MEAN, column=left, sign=signs.mean)

    def _put(self, x: Floats, losses: Floats, sign: str, ink: Ink, scale: Scale) -> None:
        rows = self._frame.rows_of(losses, scale, self._canvas.dots_down)
        self._canvas.put(rows, self._frame.columns_of(x), sign, ink)

    def _draw_cursor(self) -> None:
        if self._look.cursor is not None:
            rows = np.arange(self._frame.rows)
            columns = np.full(len(rows), self._frame.columns_of(self._look.cursor))
            self._canvas.put(rows, columns, self._signs.upright, Ink.CURSOR)

    def _draw_reading(self, scale: Scale) -> None:
        history, cursor = self._subject.history, self._look.cursor
        if cursor is not None and len(history):
            record = int(history.place_of(self._look.unit, cursor))
            mean = history.values("running_loss")[record : record + 1]
            self._put(np.array([cursor]), mean, self._signs.reading, Ink.CURSOR, scale)

    # Lines and words

    def _draw_nothing(self) -> None:
        words = "no steps yet" if not len(self._subject.history) else "no losses here"
        column = max(0, (self._canvas.columns - len(words)) // 2)
        self._canvas.write((self._canvas.rows - 1) // 2, column, words, Ink.AXIS)

    def _target_row(self, scale: Scale) -> int:
        target = np.array([self._subject.target], dtype=float)
        return int(self._frame.rows_of(target, scale, self._canvas.dots_down)[0])

    def _draw_target_line(self, scale: Scale) -> None:
        if self._subject.target is not None and (row := self._target_row(scale)) >= 0:
            self._canvas.write(row, self._frame.left, self._signs.target * self._frame.columns, Ink.TARGET)

    def _draw_target_words(self, scale: Scale) -> None:
        target = self._subject.target
        if target is None:
            return
        words, row = f"target {target:g}", self._target_row(scale)
        if row < 0:
            is_below = target < scale.low
            row = self._frame.rows - 1 if is_below else 0
            words = f"{self._signs.below if is_below else self._signs.above} {words}"
        if self._frame.columns > len(words) + 8:
            self._canvas.write(row, self._frame.left + 2, f" {words} ", Ink.TARGET)

    def _draw_axes(self, scale: Scale) -> None:
        canvas, frame, signs = self._canvas, self._frame, self._signs
        axis = frame.left - 1
        for row in range(frame.rows):
            canvas.write(row, axis, signs.upright, Ink.AXIS)
        for tick in self._ticks:
            row = int(frame.rows_of(np.array([tick.value]), scale, canvas.dots_down)[0])
            canvas.write(row, 0, f"{tick.label:>{axis}}{signs.left_tick}", Ink.AXIS)
        if self._has_line:
            canvas.write(frame.rows, axis, signs.corner + signs.level * frame.columns, Ink.AXIS)
        name = UNIT_NAMES[self._look.unit]
        free, limit = 0, canvas.columns - len(name) - 1
        for tick in x_ticks(frame.start, frame.end, max(2, frame.columns // 11), unit=self._look.unit):
            column = int(frame.columns_of(tick.value))
            start = max(0, column - len(tick.label) // 2)
            if column >= 0 and start >= free and start + len(tick.label) < limit:
                canvas.write(canvas.rows - 1, start, tick.label, Ink.AXIS)
                free = start + len(tick.label) + 2
                if self._has_line:
                    canvas.write(frame.rows, column, signs.bottom_tick, Ink.AXIS)
        canvas.write(canvas.rows - 1, canvas.columns - len(name), name, Ink.AXIS)
