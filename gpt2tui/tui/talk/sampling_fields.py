"""The fields of the sampling settings: their limits, their meaning, and how what was typed is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gpt2tui.runs.sampling import SamplingSettings, typed_stop
from gpt2tui.text import point_hint, whole_number

_MOST_TOKENS = 100_000
_MOST_SEED = 2**63


class Field(NamedTuple):
    """One setting: its name in :class:`SamplingSettings`, what it is called, how it is read, limits and meaning."""

    name: str
    label: str
    read: Callable[[str], Any]
    tooltip: str
    none: str = ""
    """What an empty field means, where it is not the default."""

    @property
    def empty(self) -> str:
        """What an empty field means."""
        return self.none or typed_value(SamplingSettings(), self.name)


def _whole(name: str, most: int) -> Callable[[str], int]:
    def read(typed: str) -> int:
        if (number := whole_number(typed.strip())) is None:
            raise ValueError(f"{name} must be a whole number")
        if number >= most:
            raise ValueError(f"{name} must be below {most:,}")
        return number

    return read


def _real(name: str) -> Callable[[str], float]:
    def read(typed: str) -> float:
        try:
            number = float(typed)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{name} must be a number{point_hint(typed.strip())}")
        return number

    return read


def _seed(typed: str) -> int | None:
    if not typed.strip():
        return None
    seed = _whole("seed", _MOST_SEED)(typed)
    if seed < 0:
        raise ValueError("seed must not be negative")
    return seed


def _stop(typed: str) -> tuple[str, ...]:
    return tuple(map(typed_stop, typed.split("|"))) if typed else ()


FIELDS: tuple[Field, ...] = (
    Field(
        "temperature",
        "temperature",
        _real("temperature"),
        "0 or more. Below 1 the likely tokens become likelier, above 1 the text grows wilder. 0 always takes the "
        "likeliest token.",
    ),
    Field("top_k", "top-k", _whole("top-k", 2**31), "0 or more. Draw from the k likeliest tokens only; 0 is off."),
    Field(
        "top_p",
        "top-p",
        _real("top-p"),
        "Above 0, at most 1. Draw from the likeliest tokens that have this share of the odds together; 1 is off.",
    ),
    Field(
        "min_p",
        "min-p",
        _real("min-p"),
        "0 to 1. Leave out tokens less likely than this share of the likeliest one; 0 is off.",
    ),
    Field(
        "repetition_penalty",
        "repetition",
        _real("repetition"),
        "Above 0. More than 1 makes tokens that have occurred less likely; 1 is off.",
    ),
    Field(
        "max_new_tokens",
        "length",
        _whole("length", _MOST_TOKENS),
        f"1 or more, below {_MOST_TOKENS:,}. The most tokens to draw.",
    ),
    Field(
        "seed",
        "seed",
        _seed,
        "0 or more. The same seed gives the same text; empty draws a new one for every turn.",
        "a new one",
    ),
    Field(
        "stop",
        "stop",
        _stop,
        "The text ends before any of these strings. | stands between several, \\n is a line break; empty is none.",
        "none",
    ),
)


def typed_value(settings: SamplingSettings, name: str) -> str:
    """A setting as it is typed."""
    value = getattr(settings, name)
    if name == "stop":
        return "|".join(part.replace("\n", "\\n").replace("\t", "\\t") for part in value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def read_settings(typed: Mapping[str, str]) -> tuple[SamplingSettings, dict[str, str]]:
    """The settings that were typed, and what is wrong by field; a field that is wrong or empty has its default."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in FIELDS:
        if not field.none and not typed[field.name].strip():
            continue
        try:
            value = field.read(typed[field.name])
        except ValueError as error:
            problems[field.name] = str(error)
            continue
        if found := SamplingSettings(**{field.name: value}).problems():
            problems[field.name] = found[0].replace(field.name.replace("_", "-"), field.label)
        else:
            values[field.name] = value
    return SamplingSettings(**values), problems
