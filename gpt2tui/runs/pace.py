"""How fast this machine has trained before: what earlier runs tell about the time that a new one takes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.run import Run
from gpt2tui.runs.series import Series
from gpt2tui.text import duration, rounded_seconds

_STEPS = 50
_RUNS = 50
"""Older runs than so many are not looked at."""

_SHARE = (0.25, 0.9)
"""Of the rate of its matrix products, what a training has: the least on busy cores, the most (docs/benchmarks.md)."""

_PASSES = {"fast": (11, 32), "sprint": (6, 26)}
"""Passes to a target near 0.1, by recipe: of the 124M and ``mini`` on 34,000 tokens, of ``nano`` on 1,200."""

_NEAR = (0.05, 0.2)
"""Targets that take about as many passes as 0.1 does."""

_FINISHED = b'{"type":"run_finished",'
"""How the line of an end begins, as msgspec writes it."""

_ALIKE = 1.25
"""Texts whose sizes differ by no more than this factor are expected to take equally long."""


class Success(NamedTuple):
    """A target that was reached: the corpus loss, and the seconds and passes until then."""

    loss: float
    seconds: float
    passes: float


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What one run tells: its speed, and its successes, the first first."""

    run: str
    parameters: int
    device: str
    recipe: str
    batch_size: int
    block_size: int
    tokens: int
    tokens_per_second: float
    successes: tuple[Success, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run that is to be started. ``tokens`` is None for a text that is not here yet.

    ``matrix_rate`` is what its device was just measured at, in FLOP a second, where that was done.
    """

    parameters: int
    device: str
    recipe: str
    batch_size: int
    block_size: int
    tokens: int | None
    target_loss: float | None
    flops_per_token: int = 0
    matrix_rate: float | None = None

    @classmethod
    def of(cls, found: Mapping[str, Any], *, tokens: int | None, target_loss: float | None) -> Plan:
        """That of the object which ``gpt2tui train --dry-run --json`` prints."""
        shared = {name: found[name] for name in cls.__struct_fields__ if name in found and name != "tokens"}
        return cls(tokens=tokens, target_loss=target_loss, **shared)


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
    """The pace of one run; None before it made a step whose time could be taken.

    Raises:
        Gpt2TuiError, OSError, ValueError: it cannot be read.
    """
    if not run.events_file.is_file():
        return None
    series = run.series()
    if not len(series):
        return None
    rates = sorted(series["tokens_per_second"][index] for index in range(max(0, len(series) - _STEPS), len(series)))
    if not (rate := rates[len(rates) // 2]) > 0:
        return None
    config = run.config()
    return Pace(
        run=run.name(),
        parameters=config.model.parameters,
        device=config.device,
        recipe=config.recipe.name,
        batch_size=config.recipe.batch_size,
        block_size=config.block_size,
        tokens=config.corpus.train_tokens,
        tokens_per_second=rate,
        successes=tuple(_successes(run, series)),
    )


def _successes(run: Run, series: Series) -> Iterator[Success]:
    """What came of the sessions that reached their target; a run may have gone on with a lower one."""
    reader = event_reader(run.events_file)
    for line in reader.lines():
        if line.startswith(_FINISHED):  # all others, of which most are steps, need not be decoded
            event = reader.decode(line)
            if isinstance(event, RunFinished) and event.reason == "target_reached" and event.loss is not None:
                last = max(0, bisect_right(series["step"], event.step) - 1)
                yield Success(event.loss, event.seconds, series["passes"][last])


def time_words(plan: Plan, paces: Sequence[Pace]) -> list[str]:
    """What can be said of the time: to the target, and of one pass. ``paces`` begin with the newest run's."""
    alike = [pace for pace in paces if (pace.parameters, pace.device) == (plan.parameters, plan.device)]
    if not alike:
        return _rough_words(plan)
    tokens = plan.tokens
    if not tokens:
        return [_target_words(plan, [], 0.0)]
    nearest = sorted(alike, key=lambda pace: abs(math.log(pace.tokens / tokens)))  # of equals the newest first
    same = [pace for pace in alike if (pace.batch_size, pace.block_size) == (plan.batch_size, plan.block_size)]
    a_pass = tokens / (same or nearest)[0].tokens_per_second
    return [_target_words(plan, nearest, a_pass), f"a pass takes about {duration(a_pass)} here"]


def _rough_words(plan: Plan) -> list[str]:
    """What a rate of matrix products lets expect where nothing of this shape has been trained."""
    if not (plan.tokens and plan.matrix_rate):
        return ["not known: no run of this shape has trained on this device yet"]
    least, most = (plan.tokens * plan.flops_per_token / (plan.matrix_rate * share) for share in reversed(_SHARE))
    words = [f"a pass takes {_range(least, most)}, by a short measurement"]
    few, many = _PASSES.get(plan.recipe, (0, 0))
    if few and plan.target_loss and _NEAR[0] <= plan.target_loss <= _NEAR[1]:
        words.insert(0, f"{_range(few * least, many * most)} to the target, if it takes {few} to {many} passes")
    return words


def _range(least: float, most: float) -> str:
    few, many = (duration(rounded_seconds(seconds)) for seconds in (least, most))
    if most < 1:
        return "less than 1 s"
    return f"up to {many}" if least < 1 else f"about {many}" if few == many else f"{few} to {many}"


def _target_words(plan: Plan, paces: Sequence[Pace], a_pass: float) -> str:
    """Of the time to the target, by the first of ``paces`` that tells it; a pass takes ``a_pass`` seconds."""
    target = plan.target_loss
    if not target:
        none = "no target:" if target is None else "to the target: never, for no loss is below 0;"
        return f"{none} it ends at a limit, or when it is stopped"
    for pace in paces:
        success = next((success for success in pace.successes if success.loss < target), None)
        if not (success and plan.tokens and pace.recipe == plan.recipe):
            continue
        trained = f"run {pace.run} on {pace.tokens:,} tokens"
        most = "at most " * (success.loss < target / 2)
        if 1 / _ALIKE <= plan.tokens / pace.tokens <= _ALIKE:
            to = f" to a loss of {success.loss:.2g}" * bool(most)
            return f"{most}about {duration(success.seconds)} to the target: {trained} took that{to}"
        passes = success.passes
        return (
            f"{most}about {duration(passes * a_pass)} to the target, if it takes {passes:,.1f} passes as {trained} did"
        )
    return "to the target: not known, no such run has reached it yet"
