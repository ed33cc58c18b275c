"""How fast this machine has trained before: what earlier runs tell about the time that a new one takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import RunFinished, RunStarted
from gpt2tui.runs.journal import last_events
from gpt2tui.runs.run import Run
from gpt2tui.text import duration

_STEPS = 50
_RUNS = 50
"""Older runs than so many are not looked at."""

_ALIKE = 1.25
"""Texts whose sizes differ by no more than this factor are expected to take equally long."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What one run tells: its speed, and how long it took to its target if it reached it. Times in seconds."""

    run: str
    parameters: int
    device: str
    recipe: str
    tokens: int
    tokens_per_second: float
    reached_loss: float | None = None
    seconds_to_target: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run that is to be started. ``tokens`` is None for a text that is not here yet."""

    parameters: int
    device: str
    recipe: str
    tokens: int | None
    target_loss: float | None


def measured_paces(runs: Iterable[Run]) -> list[Pace]:
    """The paces of the first of ``runs``, in their order; those that have none or cannot be read are left out."""
    found = []
    for _, run in zip(range(_RUNS), runs, strict=False):
        try:
            pace = measured_pace(run)
        except (Gpt2TuiError, OSError, ValueError):
            continue
        if pace:
            found.append(pace)
    return found


def measured_pace(run: Run) -> Pace | None:
    """The pace of one run; None before it made a step.

    Raises:
        Gpt2TuiError, OSError, ValueError: it cannot be read.
    """
    if not run.events_file.is_file():
        return None
    series = run.series()
    if not len(series):
        return None
    rates = sorted(series["tokens_per_second"][index] for index in range(max(0, len(series) - _STEPS), len(series)))
    config = run.config()
    end = _end(run)
    has_reached = end is not None and end.reason == "target_reached"
    return Pace(
        run=run.name(),
        parameters=config.model.parameters,
        device=config.device,
        recipe=config.recipe.name,
        tokens=config.corpus.train_tokens,
        tokens_per_second=rates[len(rates) // 2],
        reached_loss=end.loss if end and has_reached else None,
        seconds_to_target=series["elapsed"][len(series) - 1] if has_reached else None,
    )


def _end(run: Run) -> RunFinished | None:
    """The end of a run that was not resumed since, found in the last lines of its journal."""
    end = None
    for event in last_events(run.events_file):
        if isinstance(event, RunFinished):
            end = event
        elif isinstance(event, RunStarted):
            end = None
    return end


def time_words(plan: Plan, paces: Sequence[Pace]) -> list[str]:
    """What can be said of the time: to the target, and of one pass. The newest pace that fits counts."""
    alike = [pace for pace in paces if (pace.parameters, pace.device) == (plan.parameters, plan.device)]
    if not alike:
        return ["not known: no run of this shape has trained on this device yet"]
    words = [_target_words(plan, alike)]
    if plan.tokens and (rate := alike[0].tokens_per_second) > 0:
        words.append(f"a pass takes about {duration(plan.tokens / rate)} here")
    return words


def _target_words(plan: Plan, paces: Sequence[Pace]) -> str:
    target = plan.target_loss
    if not target:
        return "no target: it ends at a limit, or when it is stopped"
    for pace in paces:
        seconds, reached = pace.seconds_to_target, pace.reached_loss
        if not (seconds and reached and plan.tokens and pace.recipe == plan.recipe and reached < target):
            continue
        growth = plan.tokens / pace.tokens
        if 1 / _ALIKE <= growth <= _ALIKE:
            return f"about {duration(seconds)} to the target: run {pace.run} on {pace.tokens:,} tokens took that"
        return (
            f"about {duration(seconds * growth)} to the target, if it takes as many passes as run {pace.run}, "
            f"which took {duration(seconds)} on {pace.tokens:,} tokens"
        )
    return "to the target: not known, no such run has reached it yet"
