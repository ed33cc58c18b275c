"""Times and rhythms as people type them."""

from __future__ import annotations

import re

from gpt2tui.errors import UsageError
from gpt2tui.runs.config import Every

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def parse_seconds(text: str) -> float:
    """Seconds of a time such as ``90``, ``30m`` or ``1h30m``.

    Raises:
        UsageError: it is not one.
    """
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    if not _TIME.fullmatch(text):
        raise UsageError(f"{text!r} is not a time; say for example 90s, 30m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def typed_seconds(seconds: float) -> str:
    """A time as a person would type it: ``45s``, ``30m``, ``1h30m``."""
    hours, rest = divmod(round(seconds, 3), _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    parts = ((hours, "h"), (minutes, "m"), (round(rest, 3), "s"))
    return "".join(f"{number:g}{unit}" for number, unit in parts if number) or "0s"


def parse_every(text: str) -> Every:
    """The rhythm of ``500`` (steps), ``10m`` (time) or ``never``.

    Raises:
        UsageError: it is none of these.
    """
    if text in ("never", "0"):
        return Every()
    if text.isdecimal():
        return Every(steps=int(text))
    if not _TIME.fullmatch(text):
        raise UsageError(f"{text!r} is no rhythm; say for example 500 (steps), 10m (time) or never")
    return Every(seconds=parse_seconds(text))
