"""Where a training stands: its step, its phase, how it is to end; reading what came of updates, and going back."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import TrainerState
from gpt2tui.checkpoints.tensors import NotFiniteError
from gpt2tui.errors import DivergedError
from gpt2tui.runs import commands, events
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.estimate import estimate
from gpt2tui.runs.events import AnyEvent, Notice, Phase, PhaseChanged
from gpt2tui.training.controls import Controls, Rhythm
from gpt2tui.training.examiner import Examiner
from gpt2tui.training.learner import Learner
from gpt2tui.training.pending import Pending
from gpt2tui.training.progress import Progress
from gpt2tui.training.rewinds import Rewinds
from gpt2tui.training.saver import Saver, Unsaved

Events = Iterator[AnyEvent]

_FIRST_CHECKPOINT = 60.0
"""Seconds of training after which there is something to go on from, however long the rhythm."""


class Course:
    """The parts of one training and how far they are. ``begin()`` comes first: it makes the ``learner``.

    ``ending`` is why the run ends, once it does; ``signal`` and ``is_stopping`` say that somebody asked for it.
    """

    learner: Learner

    def __init__(self, config: RunConfig, tokens: np.ndarray, checkpoints: CheckpointFolder) -> None:
        self.config = config
        self.train_tokens = tokens[: config.corpus.train_tokens]
        self.progress = Progress(config)
        self.pending = Pending(config.device, is_rate_by_loss=config.recipe.schedule.unit == "loss")
        self.controls = Controls(config.limits, peak=config.recipe.learning_rate)
        self.examiner = Examiner(config, tokens)
        self.saver = Saver(checkpoints, keep=config.keep, needed_bytes=estimate(config).checkpoint)
        self._rewinds = Rewinds()
        self.phase: Phase = "training"
        self.ending: events.Reason | None = None
        self.signal: int | None = None
        self.is_stopping = False

    def begin(self, first_weights: Mapping[str, Tensor] | None) -> None:
        """Stand at step 0, with these weights or a draw."""
        self.learner = Learner(self.config, self.train_tokens)
        self.learner.reset(first_weights)
        self._start_clocks()

    def go_on(self, checkpoint: Checkpoint, state: TrainerState) -> None:
        """Stand where an earlier process stood when it wrote a checkpoint."""
        self.learner = Learner(self.config, self.train_tokens)
        self._go_to(checkpoint, state)
        self.progress.restore_clock(state.elapsed)
        self.examiner.restore(state)
        peak = self.config.recipe.learning_rate
        self.controls = Controls(state.limits, peak=peak, factor=state.learning_rate_factor)
        self._rewinds.count, self._rewinds.failed_step = state.rewinds, state.failed_step
        self._start_clocks()

    def _start_clocks(self) -> None:
        self._began = now = self.progress.elapsed
        self.checkpoints_due = Rhythm(self.config.checkpoint_every, now=now, first=_FIRST_CHECKPOINT)
        self.evaluations_due = Rhythm(self.config.evaluate_every, now=now)
        self.samples_due = Rhythm(self.config.sample_every, now=now)

    # Updates that were sent but not yet read count

    @property
    def step(self) -> int:
        """Updates made."""
        return self.progress.step + len(self.pending)

    @property
    def tokens(self) -> int:
        """Tokens seen."""
        return self.progress.tokens + self.pending.tokens

    @property
    def passes(self) -> float:
        """Passes through the training tokens."""
        return self.tokens / self.config.tokens_per_pass

    @property
    def is_leaving(self) -> bool:
        """Whether a signal or a command asked for the end."""
        return self.signal is not None or self.is_stopping

    def met_limit(self) -> str | None:
        """The limit that ends the run now, in words."""
        return self.controls.met_limit(self.step, self.tokens, self.progress.elapsed - self._began)

    def state(self) -> TrainerState:
        """What a checkpoint keeps of all this beside tensors."""
        place, updater = self.learner.place, self.learner.updater
        return TrainerState(
            step=self.progress.step,
            tokens=self.progress.tokens,
            pass_index=place.pass_index,
            position=place.position,
            limits=self.controls.limits,
            learning_rate_factor=self.controls.factor,
            recent_losses=self.progress.losses,
            micro_batch=updater.micro_batch,
            threads=torch.get_num_threads(),
            device=self.config.device,
            dtype=self.config.dtype,
            elapsed=self.progress.elapsed,
            rewinds=self._rewinds.count,
            failed_step=self._rewinds.failed_step,
            scaler=updater.scaler.state_dict(),
            **self.examiner.state(),
        )

    def read(self) -> Events:
        """Learn what came of the updates sent.

        Raises:
            NotFiniteError: a loss or a gradient was not finite; updates after it do not count either.
        """
        progress = self.progress
        results = self.pending.read()
        for index, result in enumerate(results):
            if not (math.isfinite(result.loss) and self.learner.updater.is_good(result.gradient_norm)):
                what = "gradient" if math.isfinite(result.loss) else "loss"
                raise NotFiniteError(f"the {what} of step {progress.step + 1} is not finite")
            progress.add(result.loss, result.tokens, result.seconds)
            yield events.Step(
                step=progress.step,
                tokens=progress.tokens,
                passes=progress.passes,
                loss=result.loss,
                running_loss=progress.running_loss,
                learning_rate=result.learning_rate,
                gradient_norm=result.gradient_norm if math.isfinite(result.gradient_norm) else 0.0,
                tokens_per_second=progress.tokens_per_second,
                elapsed=progress.elapsed - result.seconds * (len(results) - 1 - index),
            )

    def settle(
        self, way_out: Callable[[], str] = lambda: "it is left out"
    ) -> Generator[AnyEvent, None, Unsaved | None]:
        """Wait for the checkpoint under way, if there is one, and tell of it; the one that there was no room for."""
        outcome = self.saver.wait()
        if isinstance(outcome, Unsaved):
            yield Notice(level="error", text=f"{outcome.why_not}; {way_out()}", command=outcome.command)
            return outcome
        if outcome:
            yield outcome
        return None

    def rewind(self, why: str) -> Events:
        """Go back to the newest checkpoint that is whole, or to the beginning, with half the learning rate.

        Raises:
            DivergedError: that has not helped before, or there is nothing to go back to.
        """
        self.pending.drop()
        yield from self.settle()
        rate = self.controls.learning_rate
        self._rewinds.add(why, failed_step=self.progress.step + 1, saved_step=self.saver.saved_step, learning_rate=rate)
        good = self.saver.last_good(self.progress.step)
        if good:
            self._go_to(good, good.state())
        elif self.config.init:
            raise DivergedError(f"{why}, and there is no whole checkpoint to go back to")
        else:
            self.learner.reset()
            self.progress.restore(step=0, tokens=0, losses=())
            self.saver.went_to(0)
        self.examiner.forget()
        if self.ending == "limit":
            self.ending = None
        yield events.Rewound(to_step=self.progress.step, why=why)
        yield Notice(level="warning", text=f"{why}: back to step {self.progress.step}, with half the learning rate")
        yield from self.controls.set(commands.Set(name="learning_rate", value=rate / 2))
        yield PhaseChanged(phase=self.phase)

    def _go_to(self, checkpoint: Checkpoint, state: TrainerState) -> None:
        self.learner.restore(checkpoint, state)
        self.progress.restore(step=state.step, tokens=state.tokens, losses=state.recent_losses)
        self.saver.went_to(state.step)
