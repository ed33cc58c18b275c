"""Where on a canvas the curves of a chart are, and which place of the run and which loss a cell stands for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gpt2tui.tui.chart.axes import Floats, Scale
from gpt2tui.tui.chart.canvas import dot_rows

Cells = npt.NDArray[np.intp]

_NEARLY = 1e-6
"""A share so little outside of 0 to 1 is at the edge: bounds and ticks are rounded."""


class Frame(NamedTuple):
    """``columns`` by ``rows`` cells right of ``left``, from the top of the canvas; x goes from ``start`` to ``end``."""

    left: int
    columns: int
    rows: int
    start: float
    end: float

    def x_at(self, column: float) -> float:
        """The place of a column of the canvas, in the unit of x."""
        return self.start + (column - self.left) / self.columns * (self.end - self.start)

    def columns_of(self, x: Floats | float) -> Cells:
        """The columns of the canvas that places are in; -1 for those that are not seen."""
        places = np.asarray(x, dtype=float)
        with np.errstate(invalid="ignore"):
            shares = (places - self.start) / (self.end - self.start)
            is_seen = (shares >= -_NEARLY) & (shares <= 1 + _NEARLY)
        inside = np.clip((np.where(is_seen, shares, 0.0) * self.columns).astype(np.intp), 0, self.columns - 1)
        return np.where(is_seen, inside + self.left, -1)

    def rows_of(self, losses: Floats | float, scale: Scale, dots_down: int) -> Cells:
        """The rows that losses are in, in cells of so many dots; -1 for those that are not seen."""
        shares = scale.share(np.asarray(losses, dtype=float))
        with np.errstate(invalid="ignore"):
            is_seen = (shares >= -_NEARLY) & (shares <= 1 + _NEARLY)
        return np.where(is_seen, dot_rows(shares, self.rows * dots_down) // dots_down, -1)
