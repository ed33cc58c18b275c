"""What the states, ends and losses of a run are called."""

from __future__ import annotations

from gpt2tui.runs.events import Evaluated, Reason
from gpt2tui.runs.view import RunView, State

REASONS: dict[Reason, str] = {
    "target_reached": "target reached",
    "limit": "ended at its limit",
    "stopped": "stopped",
    "diverged": "diverged",
    "out_of_memory": "out of memory",
    "interrupted": "interrupted",
    "failed": "failed",
}

_STYLES: dict[State, str] = {
    "training": "green",
    "paused": "yellow",
    "stalled": "bold red",
    "crashed": "bold red",
    "finished": "cyan",
    "new": "dim",
}

_PASS_STEPS = 200
"""The running loss is a mean over one pass, but never over more steps than these."""


def state_words(view: RunView, state: State) -> str:
    """The state, and for a run that is finished the reason."""
    if state == "finished" and view.finished:
        return REASONS.get(view.finished.reason, view.finished.reason)
    return state


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
        return "mean loss so far"
    return "loss of the last pass" if view.config.steps_per_pass <= _PASS_STEPS else f"loss of {span} steps"


def corpus_loss_words(evaluated: Evaluated) -> str:
    """Where a corpus loss comes from, and how far it can be trusted."""
    words = f"at step {evaluated.step:,}"
    if evaluated.partial:
        words += f", so far: {evaluated.tokens:,} tokens were enough to see it is above the target"
    elif evaluated.estimate:
        words += f", estimate over {evaluated.tokens:,} tokens"
    return words
