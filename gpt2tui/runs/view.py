"""What screens show of a run: the events, folded. No widgets, no files but the run's own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from gpt2tui.runs.config import TARGET_LOSS, RunConfig
from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    DeviceReading,
    Evaluated,
    Notice,
    Phase,
    PhaseChanged,
    Rewound,
    RunFinished,
    RunStarted,
    Sampled,
    SettingChanged,
    Step,
)
from gpt2tui.runs.forecast import Forecast, forecast
from gpt2tui.runs.history import LONGEST, remember
from gpt2tui.runs.journal import skim_events
from gpt2tui.runs.lessons import ALONE, weight_of_lessons, with_lessons
from gpt2tui.runs.phases import Phases
from gpt2tui.runs.run import Run

State = Phase | Literal["stalled", "finished", "crashed", "gone", "new"]

RECENT = 400
"""Steps kept for medians and sparklines; the whole history is in the series."""

_KEPT_NOTICES = 50
_HIGH = 2.5
"""Above this loss, it does not matter at which phase a pass began."""
_RISEN = 1.1
"""Of the first loss: batches of an untrained model differ by less."""
_KEPT_NEWS = 300
_LEADING_PASSES = 2


class RunView:
    """The state of a run as its journal tells it, up to the last event that was folded in."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.limits = config.limits
        self.peak_learning_rate = config.recipe.learning_rate
        self.started: RunStarted | None = None
        self.finished: RunFinished | None = None
        self.phase: Phase = "starting"
        self.is_held = False
        """Whether it is paused, be it that it saves meanwhile."""
        self.last_event: float = 0.0
        self.first_loss: float | None = None
        self.step: Step | None = None
        self.steps: deque[Step] = deque(maxlen=RECENT)
        self._lowest = math.inf
        """Of the running losses."""
        self.history: list[Step] = []
        """Steps from all of the run, thinned: what forecasts are made from."""
        self.corpus_loss: Evaluated | None = None
        self.validation_loss: Evaluated | None = None
        self.best_corpus_loss: float | None = None
        self.evaluations: list[Evaluated] = []
        self.sample: Sampled | None = None
        self.checkpoint: CheckpointSaved | None = None
        self.saved_step = 0
        """The one that a resume goes on after; 0 where there is no checkpoint but that of the beginning."""
        self.device: DeviceReading | None = None
        self.notices: deque[Notice] = deque(maxlen=_KEPT_NOTICES)
        self.readings: deque[DeviceReading] = deque(maxlen=RECENT)
        self.news: deque[AnyEvent] = deque(maxlen=_KEPT_NEWS)
        """Everything but steps and readings, the newest last."""

    @classmethod
    def of(cls, run: Run) -> RunView:
        """The view of all that a run's journal holds now."""
        view = cls(run.config())
        view.fold(skim_events(run.events_file, recent=RECENT, spread=LONGEST))
        return view

    def fold(self, events: Iterable[AnyEvent]) -> None:
        """Take events in, oldest first."""
        for event in events:
            self.last_event = max(self.last_event, event.time)
            if not isinstance(event, Step | DeviceReading):
                self.news.append(event)
            match event:
                case Step():
                    self.step = event
                    self.steps.append(event)
                    remember(self.history, event)
                    if self.first_loss is None:
                        self.first_loss = event.loss
                    self._lowest = min(self._lowest, event.running_loss)
                case RunStarted():
                    self.started, self.finished, self.phase, self.is_held = event, None, "starting", False
                    self._go_to(event.from_step)
                case PhaseChanged():
                    self.phase = event.phase
                    self.is_held = event.phase == "paused" or (self.is_held and event.phase == "saving")
                case Evaluated():
                    self._take_evaluations([*self.evaluations, event])
                case Sampled():
                    self.sample = event
                case CheckpointSaved():
                    self.checkpoint, self.saved_step = event, event.step
                case DeviceReading():
                    self.device = event
                    self.readings.append(event)
                case Notice():
                    self.notices.append(event)
                case SettingChanged(name="learning_rate"):
                    self.peak_learning_rate = event.value or self.config.recipe.learning_rate
                case SettingChanged():
                    self.limits = self.limits.changed(event.name, event.value)
                case Rewound():
                    self._go_to(event.to_step)
                case RunFinished():
                    self.finished = event

    @property
    def target_loss(self) -> float | None:
        """The target as it is now."""
        return self.limits.target_loss

    @property
    def is_target_reached(self) -> bool:
        """Whether the last corpus loss over the whole text is below the target."""
        corpus = self.corpus_loss
        return bool(self.target_loss and corpus and not corpus.partial and corpus.loss < self.target_loss)

    def state(self, *, is_alive: bool, now: float) -> State:
        """What the run does, given whether its lock is held and the time (seconds since the epoch)."""
        if self.finished:
            return "finished"
        if not is_alive:
            return "crashed" if self.started else "new"
        silence = max(60.0, 10 * self.median_step_seconds())
        if self.phase == "training" and now - self.last_event > silence:
            return "stalled"
        return self.phase

    def median_step_seconds(self) -> float:
        """Median seconds between recent steps; 0 before there are two."""
        steps = list(self.steps)[-50:]
        gaps = sorted(after.elapsed - before.elapsed for before, after in pairwise(steps))
        return gaps[len(gaps) // 2] if gaps else 0.0

    def progress(self) -> float:
        """How far from the first loss to the target, on a log scale, in [0, 1].

        The loss is the lowest of the corpus losses and of the running losses, which rise again with each pass that
        is cut elsewhere; where it is above the first loss, nothing is left of the way. Only a corpus loss below the
        target makes it 1.
        """
        if self.is_target_reached:
            return 1.0
        if not (self.first_loss and self.step and self.target_loss):
            return 0.0
        whole = math.log(self.first_loss / self.target_loss)
        gone = 0.0 if self.is_worse_than_untrained else math.log(self.first_loss / max(self.lowest_loss, 1e-12))
        return min(0.99, max(0.0, gone / whole)) if whole > 0 else 0.99

    @property
    def is_worse_than_untrained(self) -> bool:
        """Whether the running loss has risen above where it began, by more than one batch differs from another."""
        first, step = self.first_loss, self.step
        return first is not None and step is not None and step.running_loss > _RISEN * first

    @property
    def lowest_loss(self) -> float:
        """Of the corpus losses and the running losses so far; infinite before there is one."""
        return min(self._lowest, math.inf if self.best_corpus_loss is None else self.best_corpus_loss)

    @property
    def has_ended_at_target(self) -> bool:
        """Whether reaching the target is what ended it."""
        return self.finished is not None and self.finished.reason == "target_reached"

    @property
    def unsaved_steps(self) -> range:
        """The last steps of a run that has ended, where there is no checkpoint of them: a resume does them again."""
        return range(self.saved_step + 1, self.finished.step + 1) if self.finished else range(0)

    def steps_to_do_again(self, state: State) -> int:
        """How many steps a resume does again: those since its checkpoint, where it crashed or was not saved."""
        done = self.step.step if self.step and state == "crashed" else 0
        return max(len(self.unsaved_steps), done - self.saved_step)

    @property
    def reached_loss(self) -> float:
        """The lowest corpus loss, below which a run that reached its target can go on; else the target itself."""
        return self.best_corpus_loss or self.target_loss or TARGET_LOSS

    @property
    def leading_corpus_loss(self) -> Evaluated | None:
        """The last corpus loss, where it tells more of the run as it is than the running loss does; else None.

        It is of these weights, or a lower one that is not old: near the target, it is looked at every two passes.
        """
        corpus, step = self.corpus_loss, self.step
        if not corpus or not step or corpus.partial:
            return None
        age = step.step - corpus.step
        is_young = age <= _LEADING_PASSES * self.config.steps_per_pass + 1
        return corpus if age == 0 or (is_young and corpus.loss < step.running_loss) else None

    def forecast(self) -> Forecast | None:
        """The time left until the target, in seconds of training; None while it is too early to say.

        It goes by the passes that are cut as the evaluation cuts them, and counts time in what passes are worth.
        """
        step = self.step
        weight = weight_of_lessons(self.config)
        fewest = 1 if weight >= ALONE else 2
        if not self.target_loss or not step or (step.passes < fewest and len(self.steps) < RECENT):
            return None
        phases = Phases(self.config)
        points = []
        for past in self.history:
            before = past.passes * (1 - 1 / past.step)
            if past.loss > _HIGH or phases.aligned_share(before, past.passes) > 0.6:
                points.append((phases.worth(past.passes), past.loss))
        now = phases.worth(step.passes)
        found = forecast(points, self.target_loss, now=now, is_blurred=phases.is_blurred)
        found = with_lessons(found, points, self.target_loss, now=now, weight=weight)
        if found is None or not found.is_on_course:
            return found
        crossing, earliest, latest = (phases.passes(now + left) - step.passes for left in found)
        # Only in an aligned pass the loss comes so low that the corpus loss is looked at.
        wait = phases.next_aligned(step.passes + crossing) - step.passes - crossing
        fast, slow = self._seconds_per_pass(step)
        if found.is_latest:
            return Forecast(slow * (latest + wait), 0.0, slow * (latest + wait))
        last = max(latest + wait, phases.next_aligned(step.passes + latest) - step.passes)
        return Forecast((fast + slow) / 2 * (crossing + wait), fast * earliest, slow * last)

    def _seconds_per_pass(self, step: Step) -> list[float]:
        """The pace of all of the run and of its last fifth, the faster one first; samples and checkpoints included.

        What else a machine does comes and goes.
        """
        whole = recent = step.elapsed / step.passes
        since = next((past for past in self.history if past.step >= 0.8 * step.step), step)
        if since.passes < step.passes:
            recent = (step.elapsed - since.elapsed) / (step.passes - since.passes)
        return sorted((whole, recent))

    def _go_to(self, step: int) -> None:
        """Stand at a step of which there is a checkpoint, or at the beginning; what came after it is void."""
        self.saved_step = step
        while self.steps and self.steps[-1].step > step:
            self.steps.pop()
        while self.history and self.history[-1].step > step:
            self.history.pop()
        # Where more steps are void than are kept, the last that counts is known from the thinned history only.
        left = self.steps or self.history
        self.step = left[-1] if left else None
        self._lowest = min((past.running_loss for past in (*self.history, *self.steps)), default=math.inf)
        self._take_evaluations([event for event in self.evaluations if event.step <= step])
        if self.sample and self.sample.step > step:
            self.sample = None
        if self.checkpoint and self.checkpoint.step > step:
            self.checkpoint = None

    def _take_evaluations(self, events: list[Evaluated]) -> None:
        self.evaluations = events
        train = [event for event in events if event.split == "train"]
        self.corpus_loss = train[-1] if train else None
        self.validation_loss = next((event for event in reversed(events) if event.split == "validation"), None)
        self.best_corpus_loss = min((event.loss for event in train if not event.partial), default=None)
