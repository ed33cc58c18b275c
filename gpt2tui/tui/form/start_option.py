"""One option of a training: its name, default and meaning, and what can be checked of it while it is typed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import msgspec

from gpt2tui.errors import UsageError
from gpt2tui.runs.naming import name_problem
from gpt2tui.runs.recipe import RATE_WORDS, is_rate
from gpt2tui.runs.spans import parse_every, parse_seconds
from gpt2tui.text import point_hint

NO_TARGET = "none"

Kind = Literal[
    "text", "name", "words", "whole", "number", "rate", "time", "rhythm", "batch", "target", "choice", "flag"
]


class StartOption(msgspec.Struct, frozen=True, kw_only=True):
    """One option of ``gpt2tui train``. ``default`` is the command line's own, as it would be typed."""

    name: str
    label: str
    kind: Kind
    meaning: str
    default: str = ""
    placeholder: str = ""
    least: float = 0
    below: float = math.inf
    choices: tuple[tuple[str, str], ...] = ()
    is_main: bool = False

    @property
    def spelling(self) -> str:
        """How it is typed, without the dashes."""
        return self.name.replace("_", "-")

    def problem(self, value: str) -> str | None:
        """What is wrong with a value as far as that can be told without the text, a machine or a model."""
        value = value.strip()
        if value == self.default:
            return None
        return _CHECKS[self.kind](self, value) if value else None

    def remark(self, value: str) -> str:
        """What is to be known of a value that is not wrong; empty for most."""
        typed = value.strip()
        if self.problem(typed) or typed in ("", NO_TARGET):
            return ""
        if self.kind == "time" and typed[-1].isdecimal():
            return f"{typed} seconds; minutes are {typed}m"
        if self.kind == "target" and float(typed) == 0:
            return "never met, for no loss is below 0: the run goes on until a limit, or until it is stopped"
        return ""


def _check_whole(option: StartOption, value: str) -> str | None:
    try:
        number = int(value)
    except ValueError:
        return f"{value!r} is not a whole number"
    return None if number >= option.least else f"it must be at least {option.least:.0f}"


def _check_number(option: StartOption, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return f"{value!r} is not a number{point_hint(value)}"
    if option.below < math.inf:
        return None if option.least <= number < option.below else f"it must be from {option.least:g} to below 1"
    return None if option.least < number < math.inf else f"it must be above {option.least:g}"


def _check_rate(option: StartOption, value: str) -> str | None:
    try:
        is_right = is_rate(float(value))
    except ValueError:
        is_right = False
    return None if is_right else f"the {option.label.lower()} must be {RATE_WORDS}{point_hint(value)}"


def _check_target(option: StartOption, value: str) -> str | None:
    if value == NO_TARGET:
        return None
    try:
        number = float(value)
    except ValueError:
        return f"{value!r} is neither a loss nor {NO_TARGET}{point_hint(value)}"
    return None if 0 <= number < math.inf else "it must be a number that is not negative"


def _check_time(option: StartOption, value: str) -> str | None:
    try:
        seconds = parse_seconds(value)
    except UsageError as error:
        return str(error)
    return None if option.least < seconds < math.inf else f"it must be above {option.least:g}"


def _check_rhythm(option: StartOption, value: str) -> str | None:
    try:
        parse_every(value)
    except UsageError as error:
        return str(error)
    return None


def _check_batch(option: StartOption, value: str) -> str | None:
    return None if value == "auto" or (value.isdecimal() and int(value) > 0) else "it must be auto or at least 1"


def _nothing(option: StartOption, value: str) -> str | None:
    return None


def _check_name(option: StartOption, value: str) -> str | None:
    return name_problem(value)


def _check_text(option: StartOption, value: str) -> str | None:
    return None if value.isprintable() else "it must be text without control characters"


_CHECKS: dict[Kind, Callable[[StartOption, str], str | None]] = {
    "text": _check_text,
    "name": _check_name,
    "words": _nothing,
    "whole": _check_whole,
    "number": _check_number,
    "rate": _check_rate,
    "time": _check_time,
    "rhythm": _check_rhythm,
    "batch": _check_batch,
    "target": _check_target,
    "choice": _nothing,
    "flag": _nothing,
}
