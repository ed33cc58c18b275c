"""Numbers for people, untrusted text made safe to look at, and pictures of text: bars and sparklines."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

# No full block: two sparklines below each other would grow together.
_BLOCKS = "▁▂▃▄▅▆▇"
_ASCII = "_.-:=+#"
MARK = "·"
"""Seen in place of a character without a glyph."""
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_JOINERS = "\u200c\u200d\u00ad"
_GRAINS = ((10, 1), (60, 5), (300, 15), (900, 60), (7_200, 300), (36_000, 900))
"""Below so many seconds, what lies ahead is told in multiples of so many."""


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


def visible(text: str, *, keep: str = "\n") -> str:
    """Text from a model, a file or another program with all that a terminal might obey or hide shown instead.

    Control characters become ``^[``, joiners and soft hyphens, which a text may be full of, a mark, everything else
    without a glyph of its own (bidirectional overrides, zero-width spaces, surrogates, private use) ``\\u202e``. Spaces
    of any kind and characters in ``keep`` stay; a tab is a space.
    """
    return "".join(character if character in keep else _shown(character) for character in text)


def one_line(text: str) -> str:
    """The same on one line."""
    return visible(" ".join(text.split()), keep="")


def _shown(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return character
    if character in _JOINERS:
        return MARK
    if character.isprintable() and not unicodedata.category(character).startswith("C"):
        return character
    if character == "\t":
        return " "
    code = ord(character)
    if code < 32 or code == 127:
        return f"^{chr(code ^ 64)}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``1 h 12 min``, ``2 d 3 h``."""
    if not math.isfinite(seconds):
        return "unknown"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    for unit, size, smaller, parts in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // parts
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def rounded_seconds(seconds: float) -> float:
    """No finer than what lies ahead can be told: some tenth of it."""
    if math.isinf(seconds):
        return seconds
    grain = next((grain for limit, grain in _GRAINS if seconds < limit), 3_600)
    return grain * round(seconds / grain)


def clock_time(at: float, *, now: float) -> str:
    """``14:32`` today, ``Tue 14:32`` within a week, else the date as well; in local time."""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    if abs(at - now) < 6 * 86_400:
        return time.strftime("%a %H:%M", then)
    return time.strftime("%Y-%m-%d %H:%M", then)


def byte_size(size: float) -> str:
    """``512 B``, ``1.5 MB``: decimal units, three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def count(number: float) -> str:
    """``124.4M``: a large number in short."""
    for unit in ("", "k", "M", "G"):
        if number < 999.95:
            return f"{number:.0f}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:,.1f}T"


def loss_text(loss: float | None, *, none: str = "-") -> str:
    """A loss with four digits; more where it is below a thousandth."""
    if loss is None:
        return none
    return f"{loss:.4f}" if loss >= 0.001 or loss == 0 else f"{loss:.2e}"


def point_hint(text: str) -> str:
    """What to write in place of a number that has a comma for its point; empty for everything else."""
    pointed = text.replace(",", ".")
    try:
        float(pointed)
    except ValueError:
        return ""
    return f": write {pointed}" if "," in text else ""


def whole_number(text: str) -> int | None:
    """A whole number, with commas between its thousands or without; None for everything else, so for ``1,50``."""
    try:
        return int(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    except ValueError:
        return None
