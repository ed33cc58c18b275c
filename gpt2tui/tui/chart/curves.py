"""The curves of a run as dots: all losses of a column from lowest to highest, and the running mean as a line."""

from __future__ import annotations

import numpy as np

from gpt2tui.tui.chart.axes import Floats, Scale
from gpt2tui.tui.chart.canvas import Dots, band
from gpt2tui.tui.chart.columns import Columns, History, Unit
from gpt2tui.tui.chart.frame import Frame


class Curves:
    """The part of a run's history inside a frame, ``dots`` columns of dots wide."""

    def __init__(self, history: History, unit: Unit, frame: Frame, dots: int) -> None:
        self._history, self._unit, self._frame = history, unit, frame
        self.columns: Columns = history.columns(unit, np.linspace(frame.start, frame.end, dots + 1))

    @property
    def points(self) -> slice:
        """The records inside the frame."""
        return slice(int(self.columns.first[0]), int(self.columns.last[-1]))

    def raw(self, scale: Scale, height: int) -> Dots:
        """The losses, (height, dots)."""
        outside = self._outside("loss")
        low = self._joined(self.columns.lowest, outside, scale)
        return band(low, self._joined(self.columns.highest, outside, scale), height)

    def mean(self, scale: Scale, height: int) -> Dots:
        """The running loss, (height, dots)."""
        line = self._joined(self.columns.running, self._outside("running_loss"), scale)
        return band(line, line, height)

    def values(self) -> Floats:
        """All losses that decide on the scale; where no step is inside, those before and after."""
        columns = self.columns
        found: Floats = np.concatenate((columns.lowest, columns.highest, columns.running))
        found = found[np.isfinite(found)]
        if len(found):
            return found
        beside: Floats = np.array([loss for _, loss in self._outside("loss")])
        return beside[np.isfinite(beside)]

    def _outside(self, column: str) -> list[tuple[float, float]]:
        """The steps just outside of the frame, which the curves come from and go to: position in dots, value."""
        found = []
        width = len(self.columns.first)
        for index in (self.points.start - 1, self.points.stop):
            if 0 <= index < len(self._history):
                x = float(self._history.values(self._unit)[index])
                share = (x - self._frame.start) / (self._frame.end - self._frame.start)
                found.append((share * width - 0.5, float(self._history.values(column)[index])))
        return found

    def _joined(self, values: Floats, outside: list[tuple[float, float]], scale: Scale) -> Floats:
        """Values as shares of the height; straight lines over columns without a step, NaN beyond the first and last."""
        is_known = np.isfinite(values)
        x = np.flatnonzero(is_known).astype(float)
        shares = scale.share(values[is_known])
        for position, value in outside:
            if np.isfinite(value):
                at = 0 if position < 0 else len(x)
                x, shares = np.insert(x, at, position), np.insert(shares, at, scale.share(np.array([value]))[0])
        if not len(x):
            return np.full(len(values), np.nan)
        return np.interp(np.arange(len(values)), x, shares, left=np.nan, right=np.nan)
