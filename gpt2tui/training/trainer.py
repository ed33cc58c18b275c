"""The training loop: a generator of events that does no output of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.tensors import NotFiniteError
from gpt2tui.errors import DivergedError, Gpt2TuiError, OutOfMemoryError
from gpt2tui.model.device import is_out_of_memory
from gpt2tui.runs import commands, events
from gpt2tui.runs.commands import AnyCommand
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import AnyEvent, Notice, PhaseChanged
from gpt2tui.training.course import Course, Events
from gpt2tui.training.fitting import fitting_update
from gpt2tui.training.learner import first_micro_batch
from gpt2tui.training.saver import DiskFullError
from gpt2tui.training.steering import Steering
from gpt2tui.training.telemetry import Telemetry
from gpt2tui.training.update import TornUpdateError

_SAVING_BYTES = 16 << 20
_LONG_LOOK = 10.0
"""Seconds: before a look at the corpus loss that is likely to take longer, what was learnt is saved."""


class Trainer:
    """Trains one run. ``run()`` yields what happens; ``interrupt()`` and the inbox steer it from outside.

    ``tokens`` are the run's own (uint16), its validation part last. ``inbox`` gives the commands that came since
    it was asked last. With a ``checkpoint`` the run goes on from there, else from ``first_weights`` or a draw.
    """

    def __init__(
        self,
        config: RunConfig,
        tokens: np.ndarray,
        checkpoints: CheckpointFolder,
        *,
        checkpoint: Checkpoint | None = None,
        first_weights: Mapping[str, Tensor] | None = None,
        inbox: Callable[[], Iterable[AnyCommand]] = list,
        changes: Iterable[commands.Set] = (),
    ) -> None:
        self._config = config
        self._checkpoint = checkpoint
        self._first_weights = first_weights
        self._changes = list(changes)
        self._telemetry = Telemetry(config.device)
        self.course = Course(config, tokens, checkpoints)
        self.steering = Steering(self.course, inbox)

    def interrupt(self, signal_number: int) -> None:
        """Ask the run to save and end after the step under way. Safe to call from a signal handler."""
        self.course.signal = signal_number

    def run(self) -> Events:
        """Train to an end; every end is one ``run_finished``, the last event.

        Raises:
            Gpt2TuiError: the run cannot begin or a file cannot be written.
        """
        course = self.course
        try:
            yield from self._start()
            yield from self._steps()
        except DivergedError as error:
            course.pending.drop()
            yield from self._fail("diverged", error)
        except (RuntimeError, MemoryError, OutOfMemoryError) as error:
            if not (isinstance(error, OutOfMemoryError) or is_out_of_memory(error)):
                raise
            yield from self._fail("out_of_memory", error)
            if isinstance(error, TornUpdateError):
                course.pending.drop()
                yield from course.settle()
            else:
                yield from self._save_if_possible()
        assert course.ending is not None
        yield self.ended(course.ending)

    def close(self) -> None:
        """Return when nothing is being written any more; for when ``run()`` was left before its end."""
        self.course.saver.close()

    def ended(self, reason: events.Reason) -> AnyEvent:
        """The end of the run as it stands; also for one whose ``run()`` raised."""
        course = self.course
        running = course.progress.running_loss if course.progress.losses else None
        measured = course.examiner.loss_at(course.step)
        return events.RunFinished(
            reason=reason,
            step=course.step,
            loss=running if measured is None else measured,
            seconds=course.progress.elapsed,
            signal=course.signal,
        )

    def settled(self) -> Events:
        """What came of the checkpoint under way, which is not left half; for when ``run()`` was left before its end."""
        try:
            yield from self.course.settle()
        except Gpt2TuiError as error:
            yield Notice(level="error", text=str(error))

    def _start(self) -> Events:
        config, course, checkpoint = self._config, self.course, self._checkpoint
        state = checkpoint.state() if checkpoint else None
        torch.set_num_threads(state.threads if state else config.threads)
        yield events.RunStarted(
            from_step=state.step if state else 0,
            config=config.digest(),
            device=config.device,
            dtype=config.dtype,
            threads=torch.get_num_threads(),
            micro_batch=state.micro_batch if state else first_micro_batch(config),
            parameters=config.model.parameters,
            corpus_tokens=config.corpus.tokens,
            pid=os.getpid(),
        )
        yield PhaseChanged(phase="starting")
        if checkpoint and state:
            course.go_on(checkpoint, state)
        else:
            course.begin(self._first_weights)
        for change in self._changes:
            if not course.controls.holds(change):
                yield from course.controls.set(change)
        if checkpoint:
            yield from course.controls.drop_met_limits(course.progress)
        elif self._first_weights is not None:
            # They cannot be drawn anew, so going back to the beginning needs them on disk.
            yield from self.steering.save("start", is_awaited=True)
            self._first_weights = None
        self._is_compiling = config.compile
        yield PhaseChanged(phase="compiling" if config.compile else "training")

    def _steps(self) -> Events:
        """Step until there is a reason to end, and save; go back whenever a value is not finite."""
        course = self.course
        while True:
            try:
                while course.ending is None:
                    yield from self.steering.obey()
                    if course.ending is None:
                        yield from self._advance()
                if course.step:
                    yield from self.steering.save("end", is_awaited=True)
                    yield from self.steering.sample_at_end()
                return
            except NotFiniteError as error:
                yield from course.rewind(str(error))

    def _advance(self) -> Events:
        """One step, and all that is due after it."""
        course, recipe = self.course, self._config.recipe
        course.pending.begin()
        running = course.progress.running_loss
        factor = course.controls.factor * recipe.schedule.factor(course.step, course.passes, running)
        outcome, tokens = yield from fitting_update(course.learner, factor)
        if self._is_compiling:
            self._is_compiling = False
            yield PhaseChanged(phase="training")
        course.pending.add(outcome, tokens, factor * recipe.learning_rate)
        if course.pending.is_due():
            yield from course.read()
        if reading := self._telemetry.poll():
            yield reading
        elapsed = course.progress.elapsed
        if course.checkpoints_due.is_due(course.step, elapsed):
            yield from self.steering.save("checkpoint-every")
        target = course.controls.limits.target_loss
        if course.evaluations_due.is_due(course.step, elapsed):
            yield from self._evaluate(whole=True)
        elif course.examiner.wants(course.progress.recent_loss, target, course.passes, best=course.saver.best_loss):
            yield from self._evaluate()
        if course.ending is None and not course.is_leaving and course.samples_due.is_due(course.step, elapsed):
            yield from self.steering.sample()
        if course.ending is None and not course.is_leaving and course.met_limit():
            yield from self._end_at_limit()

    def _end_at_limit(self) -> Events:
        """The target has a last chance before the run ends."""
        course = self.course
        yield from course.read()
        if course.controls.limits.target_loss and course.examiner.last_step != course.step:
            yield from self._evaluate()
        # Meanwhile the limit may have been lifted, or something more urgent come, which is obeyed first.
        limit = course.met_limit()
        if course.ending is None and not course.is_leaving and limit:
            course.ending = "limit"
            yield Notice(level="info", text=f"the limit of {limit} is reached")

    def _evaluate(self, *, whole: bool = False) -> Events:
        """Measure the corpus loss, and the validation loss if there is one; end the run at the target.

        Commands are obeyed meanwhile; a signal, a stop or going back ends it without a result.
        """
        course = self.course
        if course.progress.elapsed * course.examiner.share_of_time(course.passes) > _LONG_LOOK:
            yield from self.steering.save("before evaluation")
        if course.is_leaving:
            return
        course.phase = "evaluating"
        yield PhaseChanged(phase="evaluating")
        try:
            yield from self._examine(None if whole else self._worth_measuring())
        finally:
            course.phase = "training"
        course.evaluations_due.happened(course.progress.elapsed)
        if course.ending is None:
            yield PhaseChanged(phase="training")

    def _worth_measuring(self) -> float | None:
        """The corpus loss that a look goes on to the end for: below the target, or half of the lowest so far, so that
        what is told as best is not far from what was reached.
        """
        target, best = self.course.controls.limits.target_loss, self.course.saver.best_loss
        return max(target or 0.0, best / 2) if best else target

    def _examine(self, early_end: float | None) -> Events:
        course = self.course
        step = course.step
        examination = course.examiner.examine(
            course.learner.model,
            step=step,
            passes=course.passes,
            recent_loss=course.progress.recent_loss,
            batch_size=course.learner.updater.micro_batch,
            early_end=early_end,
        )
        for event in examination:
            if event is None:
                yield from self.steering.take_commands()
                if course.is_leaving or course.step != step:
                    return
                continue
            if event.split == "validation":
                yield event
                continue
            if not event.partial:
                yield from self.steering.save("before evaluation", is_awaited=True)  # what is best must be whole
            if course.step != step:
                return
            yield event
            target = course.controls.limits.target_loss
            if target and event.loss < target and not event.partial:
                course.ending = "target_reached"
            if event.partial and self._worth_measuring() != early_end:
                course.examiner.forget()  # it says nothing of the new target
            try:
                course.saver.note(event, course.state())
            except DiskFullError as error:
                yield Notice(level="warning", text=f"{error}; best does not point to it")

    def _fail(self, reason: events.Reason, error: BaseException) -> Events:
        self.course.ending = reason
        text = str(error) if isinstance(error, DivergedError | OutOfMemoryError) else f"out of memory: {error}"
        yield Notice(level="error", text=text)

    def _save_if_possible(self) -> Events:
        """The steps made are good, but what failed may fail again."""
        step = self.course.step
        if not step:
            return
        try:
            # safetensors aborts the process where it cannot have its buffer.
            bytearray(_SAVING_BYTES)
            yield from self.steering.save("end", is_awaited=True)
        except (RuntimeError, MemoryError, NotFiniteError) as error:
            yield Notice(level="error", text=f"step {step} could not be saved: {error}")
