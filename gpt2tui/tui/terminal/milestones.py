"""What is worth saying of a run: sentences in words alone, at a calm rate."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gpt2tui.runs.event_lines import event_words
from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    DeviceReading,
    Evaluated,
    Phase,
    PhaseChanged,
    RunFinished,
    RunStarted,
    Sampled,
    Step,
)
from gpt2tui.runs.room import lacking_bytes
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import AT_WORK, REASONS, above_words, left_words, limits_words, state_words, unsaved_words
from gpt2tui.text import byte_size, count, duration, loss_text, one_line

_PASS_SECONDS = 30.0
"""Passes are told no more often than this."""

_STEP_SECONDS = 120.0
"""And something is told at least so often."""

_SAMPLE_LENGTH = 300

_PHASES: dict[Phase, str] = {
    "starting": "The training starts.",
    "compiling": "The model is being compiled; that may take a minute.",
    "training": "It trains.",
    "paused": "It is paused; the model stays loaded.",
}
"""Evaluating and saving are told by what comes of them."""


class Milestones:
    """Folds a run's events into a view, and says what matters in them."""

    def __init__(self, run: Run, view: RunView) -> None:
        self._run = run
        self.view = view
        self._told_at = -math.inf
        self._told_pass = 0
        self._told_phase: Phase | None = None
        self._halvings = 0
        self._state: State | None = None

    def opening(self, state: State) -> list[str]:
        """What the run is, and how it stands."""
        view, config = self.view, self.view.config
        name, corpus = one_line(self._run.name()), one_line(config.corpus.name)
        target = f"down to a loss of {view.target_loss:g}" if view.target_loss else "without a target"
        lines = [
            f"Run {name}: a GPT-2 of {count(config.model.parameters)} parameters on {corpus}, {target}.",
            f"State: {state_words(view, state)}.",
        ]
        if (limits := limits_words(view.limits)) and state not in ("finished", "crashed", "gone"):
            lines.append(f"At the latest it {limits}.")
        if unsaved := _unsaved(view):
            lines.append(unsaved)
        if view.step:
            lines.append(self._step(view.step, is_over=state not in AT_WORK))
            self._told_at, self._told_pass = view.step.time, int(view.step.passes)
            self._halvings = self._halved()
        if view.corpus_loss:
            lines.append(_corpus_loss(view.corpus_loss, view.target_loss))
        self._told_phase, self._state = view.phase, state
        return lines

    def take(self, events: Iterable[AnyEvent]) -> list[str]:
        """What is worth saying of new events, oldest first."""
        lines = []
        for event in events:
            self.view.fold([event])
            if line := self._line(event):
                lines.append(line)
        return lines

    def watch(self, state: State) -> list[str]:
        """What no event says: that a run is silent, or that its process has died."""
        was, self._state = self._state, state
        if state == was:
            return []
        if state == "stalled":
            lacking = lacking_bytes(self._run, self.view)
            why = f"Its disk is full: free {byte_size(lacking)}, and it goes on." if lacking else "It may be stuck."
            return [f"Nothing has come from the training for some time. {why}"]
        if state == "gone":
            return ["The run's folder is gone: it was deleted, or moved elsewhere."]
        if state == "crashed":
            return [
                "The training process has died without a word. What it printed last is in its log:",
                *self.log_tail(),
            ]
        return ["It goes on."] if was == "stalled" and state == "training" else []

    def log_tail(self, lines: int = 4) -> list[str]:
        """The last lines that the training process printed."""
        try:
            text = self._run.log_file.read_text(errors="replace")
        except OSError:
            return []
        return [one_line(line) for line in text.splitlines()[-lines:]]

    def _line(self, event: AnyEvent) -> str | None:
        match event:
            case Step():
                return self._milestone(event)
            case PhaseChanged():
                if event.phase not in _PHASES or event.phase == self._told_phase:
                    return None
                was, self._told_phase = self._told_phase, event.phase
                return "It goes on." if was == "paused" and event.phase == "training" else _PHASES[event.phase]
            case RunStarted():
                self._told_phase = "starting"
                after = f"goes on after step {event.from_step:,}" if event.from_step else "starts"
                return f"The training {after}, on {event.device}."
            case Evaluated():
                return _corpus_loss(event, self.view.target_loss)
            case CheckpointSaved():
                return f"Checkpoint saved at step {event.step:,}."
            case Sampled():
                text = one_line(event.prompt + event.text)
                return f"Sample at step {event.step:,}: {text[:_SAMPLE_LENGTH]}"
            case RunFinished():
                end = f"The training has ended: {REASONS[event.reason]}, at step {event.step:,}, " + (
                    f"after {duration(event.seconds)}."
                )
                return " ".join(filter(None, (end, _unsaved(self.view))))
            case DeviceReading():
                return None
            case _:
                words = event_words(event)
                return words and f"{words[:1].upper()}{words[1:]}."

    def _milestone(self, step: Step) -> str | None:
        """The step, where it is the first, has halved what is left, began a pass, or broke a long silence."""
        silence = step.time - self._told_at
        halved = self._halved()
        is_due = (
            halved > self._halvings
            or (int(step.passes) > self._told_pass and silence >= _PASS_SECONDS)
            or silence >= _STEP_SECONDS
        )
        if not is_due:
            return None
        self._told_at, self._told_pass, self._halvings = step.time, int(step.passes), max(halved, self._halvings)
        return self._step(step)

    def _halved(self) -> int:
        """How often what is left to the target, on a log scale, has been halved."""
        left = 1 - self.view.progress()
        return int(-math.log2(left)) if left > 1e-3 else self._halvings

    def _step(self, step: Step, *, is_over: bool = False) -> str:
        line = f"Step {step.step:,}, pass {step.passes:.1f}: running loss {loss_text(step.running_loss)}"
        if self.view.target_loss:
            line += f", {self.view.progress():.0%} of the way"
            if not is_over and (found := self.view.forecast()) and found.is_on_course:
                line += f", {left_words(found)} left"
        return f"{line}."


def _unsaved(view: RunView) -> str:
    words = unsaved_words(view)
    return words and f"{words[:1].upper()}{words[1:]}."


def _corpus_loss(event: Evaluated, target: float | None) -> str:
    kind = "Corpus loss" if event.split == "train" else "Validation loss"
    at = f"{kind} at step {event.step:,}"
    if event.partial:
        return f"{at}: {above_words(event)}."
    line = f"{at}: {loss_text(event.loss)}"
    if event.split == "train" and target:
        line += f", {'below' if event.loss < target else 'above'} the target of {target:g}"
    return f"{line}, an estimate." if event.estimate else f"{line}."
