"""Bars and sparklines of text, in Unicode blocks or in ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

# No full block: two sparklines below each other would grow together.
_BLOCKS = "▁▂▃▄▅▆▇"
_ASCII = "_.-:=+#"


def sparkline(values: Sequence[float], width: int, *, is_unicode: bool = True) -> str:
    """The values as at most ``width`` columns, each the mean of those it stands for; empty without values."""
    if not values or width < 1:
        return ""
    columns = min(width, len(values))
    edges = [index * len(values) // columns for index in range(columns + 1)]
    means = [sum(values[start:end]) / (end - start) for start, end in pairwise(edges)]
    lowest, span = min(means), max(means) - min(means)
    levels = _BLOCKS if is_unicode else _ASCII
    # What hardly moves is drawn flat: noise blown up to full height looks like an event.
    if span <= 1e-3 * max(abs(lowest), abs(lowest + span)):
        return levels[len(levels) // 2] * columns
    return "".join(levels[min(len(levels) - 1, int((mean - lowest) / span * len(levels)))] for mean in means)


def bar(share: float, width: int, *, is_unicode: bool = True) -> tuple[str, str]:
    """A bar that is full for a share of 1: its filled part and the rest, together ``width`` columns."""
    share = min(1.0, max(0.0, share))
    if not is_unicode:
        full = int(share * width)
        return "#" * full, "." * (width - full)
    halves = int(share * width * 2)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return filled, "─" * (width - len(filled))
