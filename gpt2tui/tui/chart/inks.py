"""What the cells of a chart belong to, and the signs they are drawn with."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple


class Ink(IntEnum):
    """What a cell belongs to; the chart gives each its colour."""

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
    """Lines and marks; in ASCII also what curves are made of, so that they differ without colours."""

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
    raw: str
    mean: str
    overlay: str


UNICODE = Signs("┄", "│", "─", "└", "┤", "┬", "◆", "◇", "•", "●", "↓", "↑", "⣿", "━", "━")
ASCII = Signs("-", "|", "-", "+", "+", "+", "o", "x", ".", "@", "v", "^", ":", "*", "+")
