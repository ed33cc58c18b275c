"""What the states, ends and losses of a run are called."""

from __future__ import annotations

import math
from collections.abc import Callable

from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import Evaluated, Reason, RunFinished, Step
from gpt2tui.runs.forecast import UNTRIED, Forecast
from gpt2tui.runs.room import waits_for_room
from gpt2tui.runs.view import RunView, State
from gpt2tui.text import clock_time, duration, loss_text, rounded_seconds

REASONS: dict[Reason, str] = {
    "target_reached": "target reached",
    "limit": "ended at its limit",
    "stopped": "stopped",
    "diverged": "diverged",
    "out_of_memory": "out of memory",
    "interrupted": "interrupted",
    "failed": "failed",
    "imported": "imported",
}

_STYLES: dict[State, str] = {
    "training": "green",
    "paused": "yellow",
    "stalled": "bold red",
    "crashed": "bold red",
    "gone": "bold red",
    "finished": "cyan",
    "new": "dim",
}

SETTINGS: dict[str, str] = {
    "target_loss": "target loss",
    "learning_rate": "learning rate",
    "max_steps": "step limit",
    "max_seconds": "time limit",
    "max_tokens": "token limit",
}
"""What the settings that can be changed while a run goes on are called."""

AT_WORK = ("starting", "compiling", "training", "evaluating", "saving")
_LONGEST_GAP = 10.0
"""Seconds, or if that is longer so many usual steps, without one after which steps do not come."""
_PASS_STEPS = 200
"""The running loss is a mean over one pass, but never over more steps than these."""


def state_words(view: RunView, state: State) -> str:
    """The state, and for a run that is finished the reason."""
    if state == "finished" and view.finished:
        return REASONS.get(view.finished.reason, view.finished.reason)
    if state == "gone":
        return "folder gone"
    return "paused, disk full" if state == "paused" and waits_for_room(view) else state


def unsaved_words(view: RunView) -> str:
    """What an end left unsaved, such as ``steps 29 to 45 were not saved``; empty where that is nothing."""
    if not (steps := view.unsaved_steps):
        return ""
    first, last = steps[0], steps[-1]
    if first == 1:
        return "nothing was saved"
    return f"steps {first:,} to {last:,} were not saved" if first < last else f"step {last:,} was not saved"


def stop_words(view: RunView) -> str:
    """What a run that was stopped or interrupted has kept: a sentence."""
    assert view.finished is not None
    ended = REASONS[view.finished.reason].capitalize()
    if not view.finished.step:
        return f"{ended} before its first step."
    if unsaved := unsaved_words(view):
        return "; ".join(filter(None, (f"{ended}, but {unsaved}", loss_words(view)))) + "."
    return f"{ended} and saved, {loss_words(view)}."


def place_words(view: RunView) -> str:
    """Where a resume goes on from."""
    return f"step {view.saved_step:,}" if view.saved_step else "the beginning"


def state_style(view: RunView, state: State) -> str:
    """The Rich style of a state."""
    if state == "finished" and view.finished:
        if view.finished.reason == "target_reached":
            return "bold green"
        if view.finished.reason in ("diverged", "out_of_memory", "failed"):
            return "bold red"
    return _STYLES.get(state, "blue")


def running_loss_words(view: RunView) -> str:
    """What the running loss is a mean of."""
    span = min(_PASS_STEPS, round(view.config.steps_per_pass) or 1)
    if view.step and view.step.step < span:
        return "so far"
    return "last pass" if view.config.steps_per_pass <= _PASS_STEPS else f"last {span} steps"


def loss_words(view: RunView) -> str:
    """The loss that tells most of a run as it is, by its name; empty before the first step."""
    if corpus := view.leading_corpus_loss:
        return f"corpus loss {loss_text(corpus.loss)}"
    return f"running loss {loss_text(view.step.running_loss)}" if view.step else ""


def above_words(partial: Evaluated) -> str:
    """What a look that ended early has seen."""
    return "above the target" if partial.above is None else f"above {partial.above:.5g}"


def corpus_loss_words(evaluated: Evaluated) -> str:
    """Where a corpus loss comes from, and how far it can be trusted."""
    words = f"at step {evaluated.step:,}"
    if evaluated.partial:
        words += f", so far: {evaluated.tokens:,} tokens were enough to see it is {above_words(evaluated)}"
    elif evaluated.estimate:
        words += f", estimate over {evaluated.tokens:,} tokens"
    return words


def is_stepping(view: RunView, state: State, now: float) -> bool:
    """Whether steps come, so that the time that is left passes; ``now`` in seconds since the epoch."""
    if state not in AT_WORK or not view.step:
        return False
    return now - view.step.time <= max(_LONGEST_GAP, _LONGEST_GAP * view.median_step_seconds())


def outlook_words(view: RunView, state: State, now: float) -> str:
    """When the target will be reached, or why that is not said, and what may end the run before; ``now`` in seconds
    since the epoch.
    """
    if state == "finished" and view.finished:
        ended = clock_time(view.finished.time, now=now)
        words = f"{state_words(view, state)} at {ended}, after {duration(view.finished.seconds)}"
        return "; ".join(filter(None, (words, unsaved_words(view))))
    if state == "gone":
        return state_words(view, state)
    limits = limits_words(view.limits)
    risen = "the loss is above where it began: the learning rate may be too high" * view.is_worse_than_untrained
    if state == "crashed":
        return risen or f"it can go on from {place_words(view)}"
    if not view.target_loss:
        told = "; ".join(filter(None, (risen, limits)))
        none = "no target and no limit" if view.target_loss is None else "no limit"
        return told or f"{none}: it trains until it is stopped"
    step, found = view.step, view.forecast()
    words = risen or _no_forecast(view)
    if step and found and not risen:
        words = _target_words(found, step, is_stepping(view, state, now), now)
    if not limits:
        return words
    is_first = step and found and found.is_on_course and _seconds_to_limit(view, step) < found.seconds
    return f"{words}; before that, it {limits}" if is_first else f"{words}; at the latest it {limits}"


def _no_forecast(view: RunView) -> str:
    if view.target_loss and view.target_loss < UNTRIED and view.step and view.step.passes > 2:
        return "no forecast: how long so low a target takes is not known"
    return "no forecast yet: too early to say"


def _seconds_to_limit(view: RunView, step: Step) -> float:
    """Of training, at its pace so far, until the first limit; infinite where there is none."""
    limits, since = view.limits, view.started.from_step if view.started else 0
    lefts = [math.inf]
    if limits.max_steps is not None:
        lefts.append((limits.max_steps - step.step) * step.elapsed / step.step)
    if limits.max_tokens is not None:
        lefts.append((limits.max_tokens - step.tokens) * step.elapsed / step.tokens)
    if limits.max_seconds is not None:
        before = max((past.elapsed for past in view.history if past.step <= since), default=0.0)
        lefts.append(limits.max_seconds - (step.elapsed - before))  # counted from the session's start
    return min(lefts)


def _target_words(found: Forecast, step: Step, does_step: bool, now: float) -> str:
    if not found.is_on_course:
        return "the target is not on this course: at this pace it is out of sight"
    if found.seconds <= 0:
        return "about there; the corpus loss decides"
    if not does_step:
        return f"below the target after {left_words(found)} more of training"
    reached, passed = step.time + found.seconds, now - step.time
    left = Forecast(*(max(0.0, seconds - passed) for seconds in found))
    at = "by" if found.is_latest else "at about"
    return f"below the target {at} {clock_time(reached, now=now)}, in {left_words(left).removeprefix('about ')}"


def left_words(found: Forecast) -> str:
    """The time that is left, and the interval: ``about 8 min (5 min to 12 min)``, ``about 8 min (up to 12 min)``; or
    ``up to 12 min``.
    """
    seconds = rounded_seconds(found.seconds)
    earliest, latest = _edge(found.earliest, math.floor), _edge(found.latest, math.ceil)
    if found.is_latest:
        return f"up to {duration(latest)}"
    interval = f"{duration(earliest)} to {duration(latest)}" if earliest else f"up to {duration(latest)}"
    return f"about {duration(seconds)} ({interval})"


def _edge(seconds: float, towards: Callable[[float], int]) -> float:
    """An end of an interval: in whole minutes, where it is some of them."""
    rounded = rounded_seconds(seconds)
    return 60.0 * towards(rounded / 60) if 60 < rounded < 900 else rounded


def next_target(reached: float) -> str:
    """A target for a run that is at this loss: half of it, as it would be typed."""
    return f"{reached / 2:.3g}"


def is_imported(view: RunView) -> bool:
    """Whether a run holds a model from elsewhere, and no text that it could go on with."""
    return view.finished is not None and view.finished.reason == "imported"


def resume_words(run: str, view: RunView) -> str:
    """The command that goes on with a run that has ended: past its target where that was reached, and on a text where
    it was imported and has none.
    """
    if is_imported(view):
        return f"gpt2tui train --init {run} TEXT"
    past = f" --target-loss {next_target(view.reached_loss)}" if view.has_ended_at_target else ""
    return f"gpt2tui resume {run} --headless{past}"


def seconds_at_work(step: Step | None, finished: RunFinished | None) -> float:
    """How long a run trained: one that has ended also after its last step, to measure and to save."""
    return finished.seconds if finished else step.elapsed if step else 0.0


def time_words(step: Step, finished: RunFinished | None) -> str:
    """The same for people."""
    return duration(seconds_at_work(step, finished))


def limits_words(limits: Limits) -> str:
    """What ends a run whatever its loss is; empty where nothing does."""
    parts = []
    if limits.max_steps is not None:
        parts.append(f"{limits.max_steps:,} steps")
    if limits.max_tokens is not None:
        parts.append(f"{limits.max_tokens:,} tokens")
    if limits.max_seconds is not None:
        parts.append(f"{duration(limits.max_seconds)} of this session")
    return f"ends after {' or '.join(parts)}" if parts else ""
