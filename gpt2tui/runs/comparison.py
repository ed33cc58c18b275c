"""Runs side by side: their configurations field by field, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import Step
from gpt2tui.text import duration, loss_text, one_line

_OF_THE_MOMENT = ("created", "host.", "versions.")
"""Fields that differ between any two runs and decide nothing."""


class Field(NamedTuple):
    """A field of several configurations: its dotted name, its values in the order of the runs."""

    name: str
    values: tuple[Any, ...]

    @property
    def is_different(self) -> bool:
        """Whether the runs differ in it, and it decides something."""
        return not self.name.startswith(_OF_THE_MOMENT) and any(value != self.values[0] for value in self.values[1:])


def compared(configs: Sequence[RunConfig]) -> list[Field]:
    """Every field that any of the configurations has."""
    flattened = [flat(msgspec.to_builtins(config)) for config in configs]
    names = dict.fromkeys(name for fields in flattened for name in fields)
    return [Field(name, tuple(fields.get(name) for fields in flattened)) for name in names]


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A configuration as dotted fields: ``recipe.schedule.unit``."""
    if isinstance(value, dict) and value:
        return {key: leaf for name, inner in value.items() for key, leaf in flat(inner, f"{prefix}{name}.").items()}
    return {prefix.removesuffix("."): value}


def field_text(value: Any) -> str:
    """A field of a configuration for people."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}" if value >= 10_000 else str(value)
        case list() | tuple():
            return ", ".join(map(field_text, value)) or "-"
        case dict():
            return "-"
        case _:
            return one_line(str(value))


def result_cells(state: str, step: Step | None, best_corpus_loss: float | None) -> dict[str, str]:
    """What came of a run, for people; ``state`` in words."""
    return {
        "state": state,
        "step": f"{step.step:,}" if step else "0",
        "tokens": f"{step.tokens:,}" if step else "0",
        "passes": f"{step.passes:,.2f}" if step else "0.00",
        "time in training": duration(step.elapsed if step else 0.0),
        "running loss": loss_text(step.running_loss if step else None),
        "best corpus loss": loss_text(best_corpus_loss),
    }
