"""Characters in cells: curves of dots (eight a cell in braille, two in ASCII), signs and words, each with its style."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Dots = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot, by its row and column in the cell."""

_ASCII = ((0x01,), (0x02,))
_HALVES = " '.:"


class Canvas:
    """So many cells; what is drawn later covers what was there before, cell by cell.

    A style is a small number whose meaning is the drawer's; 0 is the background.
    """

    def __init__(self, columns: int, rows: int, *, is_ascii: bool = False) -> None:
        self.columns, self.rows = columns, rows
        self._is_ascii = is_ascii
        self._bits = _ASCII if is_ascii else _BRAILLE
        self.characters = np.full((rows, columns), ord(" "), dtype="<u4")
        self.styles = np.zeros((rows, columns), dtype=np.uint8)

    @property
    def dots_across(self) -> int:
        """Dots in a cell's width."""
        return len(self._bits[0])

    @property
    def dots_down(self) -> int:
        """Dots in a cell's height."""
        return len(self._bits)

    def draw_dots(self, dots: Dots, style: int, *, row: int = 0, column: int = 0, sign: str = "") -> None:
        """Draw dots, (dot rows, dot columns), whose first cell is at ``row`` and ``column``.

        ``sign`` is drawn in ASCII in place of dots, so that curves differ without colours.
        """
        down, across = self.dots_down, self.dots_across
        codes = np.zeros((dots.shape[0] // down, dots.shape[1] // across), dtype=np.uint32)
        for y, bits in enumerate(self._bits):
            for x, bit in enumerate(bits):
                codes |= dots[y::down, x::across] * np.uint32(bit)
        if not self._is_ascii:
            drawn = codes + np.uint32(0x2800)
        elif sign:
            drawn = np.full(codes.shape, ord(sign), dtype=np.uint32)
        else:
            drawn = np.array([ord(half) for half in _HALVES], dtype=np.uint32)[codes]
        place = np.s_[row : row + codes.shape[0], column : column + codes.shape[1]]
        is_drawn = codes > 0
        self.characters[place][is_drawn] = drawn[is_drawn]
        self.styles[place][is_drawn] = style

    def write(self, row: int, column: int, words: str, style: int) -> None:
        """Write words, each character one cell wide; what does not fit is left out."""
        if not 0 <= row < self.rows:
            return
        words = words[max(0, -column) : max(0, self.columns - column)]
        start = max(0, column)
        self.characters[row, start : start + len(words)] = [ord(character) for character in words]
        self.styles[row, start : start + len(words)] = style

    def put(self, rows: Rows, columns: Rows, sign: str, style: int) -> None:
        """Put a sign into each of some cells; those outside are left out."""
        is_inside = (rows >= 0) & (rows < self.rows) & (columns >= 0) & (columns < self.columns)
        self.characters[rows[is_inside], columns[is_inside]] = ord(sign)
        self.styles[rows[is_inside], columns[is_inside]] = style

    def lines(self) -> list[list[tuple[str, int]]]:
        """The rows from top to bottom, each as pieces of one style."""
        lines = []
        for characters, styles in zip(self.characters, self.styles, strict=True):
            text = characters.tobytes().decode("utf-32-le")
            cuts = [0, *(np.flatnonzero(np.diff(styles)) + 1).tolist(), self.columns]
            lines.append([(text[start:end], int(styles[start])) for start, end in pairwise(cuts) if start < end])
        return lines

    def text(self) -> str:
        """The picture without its styles."""
        return "\n".join(row.tobytes().decode("utf-32-le") for row in self.characters)


def band(low: Floats, high: Floats, height: int) -> Dots:
    """Dots from ``low`` to ``high`` of each dot column, (height, columns), joined to the columns beside it.

    Both are shares of the height, 0 at the bottom; NaN draws nothing.
    """
    # Two columns that do not meet are each drawn half-way to the other.
    low, high = low.copy(), high.copy()
    left, right = np.s_[:-1], np.s_[1:]
    with np.errstate(invalid="ignore"):
        rises = low[right] > high[left]
        falls = high[right] < low[left]
    up, down = (low[right] + high[left]) / 2, (high[right] + low[left]) / 2
    joined_low, joined_high = low.copy(), high.copy()
    joined_high[left][rises] = np.maximum(high[left], up)[rises]
    joined_low[right][rises] = np.minimum(low[right], up)[rises]
    joined_low[left][falls] = np.minimum(joined_low[left], down)[falls]
    joined_high[right][falls] = np.maximum(joined_high[right], down)[falls]
    is_seen = (joined_high >= -0.5 / height) & (joined_low <= 1 + 0.5 / height)
    top = dot_rows(joined_high, height)
    bottom = dot_rows(joined_low, height)
    rows = np.arange(height)[:, None]
    return (rows >= top) & (rows <= bottom) & is_seen


def dot_rows(shares: Floats, height: int) -> Rows:
    """The dot row of each share of the height, from the top, inside of it; NaN is row 0."""
    filled = np.clip(np.nan_to_num(shares, nan=1.0), 0.0, 1.0)
    return np.rint((1 - filled) * (height - 1)).astype(np.intp)
