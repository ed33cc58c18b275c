"""How fast this machine has trained before: what earlier runs tell about the time that a new one takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.run import Run
from gpt2tui.text import duration

_STEPS = 50
_RUNS = 50
"""Older runs than so many are not looked at."""

_FINISHED = b'{"type":"run_finished",'
"""How the line of an end begins, as msgspec writes it."""

_ALIKE = 1.25
"""Texts whose sizes differ by no more than this factor are expected to take equally long."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What one run tells: its speed, and its successes, the first first: corpus losses, and seconds until then."""

    run: str
    parameters: int
    device: str
    recipe: str
    tokens: int
    tokens_per_second: float
    successes: tuple[tuple[float, float], ...] = ()


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
    return Pace(
        run=run.name(),
        parameters=config.model.parameters,
        device=config.device,
        recipe=config.recipe.name,
        tokens=config.corpus.train_tokens,
        tokens_per_second=rates[len(rates) // 2],
        successes=tuple(_successes(run)),
    )


def _successes(run: Run) -> Iterator[tuple[float, float]]:
    """What came of the sessions that reached their target; a run may have gone on with a lower one."""
    reader = event_reader(run.events_file)
    for line in reader.lines():
        if line.startswith(_FINISHED):  # all others, of which most are steps, need not be decoded
            event = reader.decode(line)
            if isinstance(event, RunFinished) and event.reason == "target_reached" and event.loss is not None:
                yield event.loss, event.seconds


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
        seconds = next((seconds for reached, seconds in pace.successes if reached < target), None)
        if not (seconds and plan.tokens and pace.recipe == plan.recipe):
            continue
        growth = plan.tokens / pace.tokens
        if 1 / _ALIKE <= growth <= _ALIKE:
            return f"about {duration(seconds)} to the target: run {pace.run} on {pace.tokens:,} tokens took that"
        return (
            f"about {duration(seconds * growth)} to the target, if it takes as many passes as run {pace.run}, "
            f"which took {duration(seconds)} on {pace.tokens:,} tokens"
        )
    return "to the target: not known, no such run has reached it yet"
