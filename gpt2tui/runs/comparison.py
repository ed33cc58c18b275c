"""Runs side by side: their configurations field by field, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import RunFinished, Step
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import seconds_at_work
from gpt2tui.text import duration, loss_text, one_line

_OF_THE_MOMENT = ("created", "host.", "name", "versions.")
"""Fields that differ between any two runs and decide nothing. A name may be another by now."""


class Field(NamedTuple):
    """A field of several configurations: its dotted name, its values now and at the start in the order of the runs."""

    name: str
    values: tuple[Any, ...]
    begun: tuple[Any, ...]

    @property
    def texts(self) -> list[str]:
        """The values for people, with what they were before they were changed. A seed is no amount: it is as typed."""
        text = str if self.name == "seed" else field_text
        return [
            text(value) if value == before else f"{text(value)} (was {text(before)})"
            for value, before in zip(self.values, self.begun, strict=True)
        ]

    @property
    def is_different(self) -> bool:
        """Whether the runs differ in it, or did at the start, and it decides something."""
        pairs = [*zip(self.values, self.begun, strict=True)]
        return not self.name.startswith(_OF_THE_MOMENT) and any(pair != pairs[0] for pair in pairs[1:])


def present_config(view: RunView) -> RunConfig:
    """A run's configuration with what was changed since its start: limits, target and learning rate."""
    recipe = view.config.recipe.with_learning_rate(view.peak_learning_rate)
    return msgspec.structs.replace(view.config, limits=view.limits, recipe=recipe)


def compared(configs: Sequence[RunConfig], begun: Sequence[RunConfig]) -> list[Field]:
    """Every field that any of the configurations has; ``begun`` are those that the runs were started with."""
    now, before = ([flat(msgspec.to_builtins(config)) for config in each] for each in (configs, begun))
    names = dict.fromkeys(name for fields in now for name in fields)
    return [Field(name, *(tuple(fields.get(name) for fields in each) for each in (now, before))) for name in names]


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """A configuration as dotted fields: ``recipe.schedule.unit``."""
    if isinstance(value, dict) and value:
        return {key: leaf for name, inner in value.items() for key, leaf in flat(inner, f"{prefix}{name}.").items()}
    return {prefix.removesuffix("."): value}


def field_text(value: Any) -> str:
    """A field of a configuration for people."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.6g}"
        case list() | tuple():
            return ", ".join(map(field_text, value)) or "-"
        case dict():
            return "-"
        case _:
            return one_line(str(value))


def result_cells(
    state: str, step: Step | None, finished: RunFinished | None, best_corpus_loss: float | None
) -> dict[str, str]:
    """What came of a run, for people; ``state`` in words."""
    return {
        "state": state,
        "step": f"{step.step:,}" if step else "0",
        "tokens": f"{step.tokens:,}" if step else "0",
        "passes": f"{step.passes:,.2f}" if step else "0.00",
        "time in training": duration(seconds_at_work(step, finished)),
        "running loss": loss_text(step.running_loss if step else None),
        "best corpus loss": loss_text(best_corpus_loss),
    }
