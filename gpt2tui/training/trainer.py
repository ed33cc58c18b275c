"""The training loop: a generator of events that does no output of its own."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import TrainerState
from gpt2tui.checkpoints.tensors import NotFiniteError
from gpt2tui.errors import DivergedError, OutOfMemoryError
from gpt2tui.model.device import is_out_of_memory
from gpt2tui.runs import commands, events
from gpt2tui.runs.commands import AnyCommand
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.estimate import estimate
from gpt2tui.runs.events import AnyEvent, Notice, Phase, PhaseChanged
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.training.controls import Controls, Rhythm
from gpt2tui.training.examiner import Examiner
from gpt2tui.training.fitting import fitting_update
from gpt2tui.training.learner import Learner, first_micro_batch
from gpt2tui.training.pending import Pending
from gpt2tui.training.progress import Progress
from gpt2tui.training.rewinds import Rewinds
from gpt2tui.training.sampler import SAMPLE, Sampler
from gpt2tui.training.saver import DiskFullError, Saver, Unsaved
from gpt2tui.training.telemetry import Telemetry
from gpt2tui.training.update import TornUpdateError

_POLL_SECONDS = 0.05
_SAVING_BYTES = 16 << 20

Events = Iterator[AnyEvent]


class Trainer:
    """Trains one run. ``run()`` yields what happens; ``interrupt()`` and the inbox steer it from outside.

    ``tokens`` are the run's own (uint16), its validation part last. ``inbox`` gives the commands that came since
    it was asked last. With a ``checkpoint`` the run goes on from there, else from ``first_weights`` or a draw.
    While ``lacks_space`` is set, since the journal cannot be written, the run pauses.
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
        train = tokens[: config.corpus.train_tokens]
        self._config = config
        self._train = train
        self._examiner = Examiner(config, tokens)
        self._sampler = Sampler(config, train)
        self._checkpoint = checkpoint
        self._first_weights = first_weights
        self._inbox = inbox
        self._changes = list(changes)
        self._progress = Progress(config)
        self._controls = Controls(config.limits, peak=config.recipe.learning_rate)
        self._pending = Pending(config.device, is_rate_by_loss=config.recipe.schedule.unit == "loss")
        self._saver = Saver(checkpoints, keep=config.keep, needed_bytes=estimate(config).checkpoint)
        self._telemetry = Telemetry(config.device)
        self._rewinds = Rewinds()
        self._queue: deque[AnyCommand] = deque()
        self._phase: Phase = "training"
        self._ending: events.Reason | None = None
        self._signal: int | None = None
        self._is_stopping = False
        self._is_paused = False
        self._lifted_by: str | None = None
        self.lacks_space = False

    def interrupt(self, signal_number: int) -> None:
        """Ask the run to save and end after the step under way. Safe to call from a signal handler."""
        self._signal = signal_number

    def run(self) -> Events:
        """Train to an end; every end is one ``run_finished``, the last event.

        Raises:
            Gpt2TuiError: the run cannot begin or a file cannot be written.
        """
        try:
            yield from self._start()
            yield from self._steps()
        except DivergedError as error:
            self._pending.drop()
            yield from self._fail("diverged", error)
        except (RuntimeError, MemoryError, OutOfMemoryError) as error:
            if not (isinstance(error, OutOfMemoryError) or is_out_of_memory(error)):
                raise
            yield from self._fail("out_of_memory", error)
            if isinstance(error, TornUpdateError):
                self._pending.drop()
                yield from self._settle(is_patient=False)
            else:
                yield from self._save_if_possible()
        assert self._ending is not None
        yield self.ended(self._ending)

    def close(self) -> None:
        """Return when nothing is being written any more; for when ``run()`` was left before its end."""
        self._saver.close()

    def ended(self, reason: events.Reason) -> AnyEvent:
        """The end of the run as it stands; also for one whose ``run()`` raised."""
        running = self._progress.running_loss if self._progress.losses else None
        measured = self._examiner.loss_at(self._step)
        return events.RunFinished(
            reason=reason,
            step=self._step,
            loss=running if measured is None else measured,
            seconds=self._progress.elapsed,
            signal=self._signal,
        )

    # The course of a run

    def _start(self) -> Events:
        config, checkpoint = self._config, self._checkpoint
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
        self._learner = Learner(config, self._train)
        if checkpoint and state:
            self._go_to(checkpoint, state)
            self._progress.restore_clock(state.elapsed)
            self._examiner.restore(state)
            self._controls = Controls(state.limits, peak=config.recipe.learning_rate, factor=state.learning_rate_factor)
            self._rewinds.count, self._rewinds.failed_step = state.rewinds, state.failed_step
        else:
            self._learner.reset(self._first_weights)
        for change in self._changes:
            yield from self._controls.set(change)
        if checkpoint:
            yield from self._controls.drop_met_limits(self._progress)
        self._began = self._progress.elapsed
        self._checkpoints_due = Rhythm(config.checkpoint_every, now=self._began)
        self._evaluations_due = Rhythm(config.evaluate_every, now=self._began)
        self._samples_due = Rhythm(config.sample_every, now=self._began)
        if self._first_weights is not None and not checkpoint:
            # They cannot be drawn anew, so going back to the beginning needs them on disk.
            yield from self._save("start", is_awaited=True)
            self._first_weights = None
        self._is_compiling = config.compile
        yield PhaseChanged(phase="compiling" if config.compile else "training")

    def _steps(self) -> Events:
        """Step until there is a reason to end, and save; go back whenever a value is not finite."""
        while True:
            try:
                while self._ending is None:
                    yield from self._obey()
                    if self._ending is None:
                        yield from self._advance()
                if self._step:
                    yield from self._save("end", is_awaited=True)
                return
            except NotFiniteError as error:
                yield from self._rewind(str(error))

    def _advance(self) -> Events:
        """One step, and all that is due after it."""
        self._pending.begin()
        schedule = self._config.recipe.schedule
        factor = self._controls.factor * schedule.factor(self._step, self._passes, self._progress.running_loss)
        outcome, tokens = yield from fitting_update(self._learner, factor)
        if self._is_compiling:
            self._is_compiling = False
            yield PhaseChanged(phase="training")
        self._pending.add(outcome, tokens, factor * self._config.recipe.learning_rate)
        if self._pending.is_due():
            yield from self._read()
        if reading := self._telemetry.poll():
            yield reading
        elapsed = self._progress.elapsed
        if self._checkpoints_due.is_due(self._step, elapsed):
            yield from self._save("checkpoint-every")
        target = self._controls.limits.target_loss
        if self._evaluations_due.is_due(self._step, elapsed):
            yield from self._evaluate(whole=True)
        elif self._examiner.wants(self._progress.recent_loss, target, self._passes):
            yield from self._evaluate()
        if self._ending is None and not self._is_leaving and self._samples_due.is_due(self._step, elapsed):
            yield from self._sample()
        if self._ending is None and not self._is_leaving and self._met_limit():
            yield from self._end_at_limit()

    def _met_limit(self) -> str | None:
        return self._controls.met_limit(self._step, self._tokens, self._progress.elapsed - self._began)

    def _end_at_limit(self) -> Events:
        """The target has a last chance before the run ends."""
        yield from self._read()
        if self._controls.limits.target_loss and self._examiner.last_step != self._step:
            yield from self._evaluate()
        # Meanwhile the limit may have been lifted, or something more urgent come, which is obeyed first.
        limit = self._met_limit()
        if self._ending is None and not self._is_leaving and limit:
            self._ending = "limit"
            yield Notice(level="info", text=f"the limit of {limit} is reached")

    def _fail(self, reason: events.Reason, error: BaseException) -> Events:
        self._ending = reason
        text = str(error) if isinstance(error, DivergedError | OutOfMemoryError) else f"out of memory: {error}"
        yield Notice(level="error", text=text)

    def _save_if_possible(self) -> Events:
        """The steps made are good, but what failed may fail again."""
        if not self._step:
            return
        try:
            # safetensors aborts the process where it cannot have its buffer.
            bytearray(_SAVING_BYTES)
            yield from self._save("end", is_awaited=True)
        except (RuntimeError, MemoryError, NotFiniteError) as error:
            yield Notice(level="error", text=f"step {self._step} could not be saved: {error}")

    # Where it stands, updates sent but not yet read included

    @property
    def _step(self) -> int:
        return self._progress.step + len(self._pending)

    @property
    def _tokens(self) -> int:
        return self._progress.tokens + self._pending.tokens

    @property
    def _passes(self) -> float:
        return self._tokens / self._config.tokens_per_pass

    def _read(self) -> Events:
        """Learn what came of the updates sent.

        Raises:
            NotFiniteError: a loss or a gradient was not finite; updates after it do not count either.
        """
        results = self._pending.read()
        for index, result in enumerate(results):
            if not (math.isfinite(result.loss) and self._learner.updater.is_good(result.gradient_norm)):
                what = "gradient" if math.isfinite(result.loss) else "loss"
                raise NotFiniteError(f"the {what} of step {self._progress.step + 1} is not finite")
            self._progress.add(result.loss, result.tokens, result.seconds)
            yield events.Step(
                step=self._progress.step,
                tokens=self._progress.tokens,
                passes=self._progress.passes,
                loss=result.loss,
                running_loss=self._progress.running_loss,
                learning_rate=result.learning_rate,
                gradient_norm=result.gradient_norm if math.isfinite(result.gradient_norm) else 0.0,
                tokens_per_second=self._progress.tokens_per_second,
                elapsed=self._progress.elapsed - result.seconds * (len(results) - 1 - index),
            )

    def _rewind(self, why: str) -> Events:
        """Go back to the newest checkpoint that is whole, or to the beginning, with half the learning rate."""
        self._pending.drop()
        yield from self._settle(is_patient=False)
        rate = self._controls.learning_rate
        self._rewinds.add(
            why, failed_step=self._progress.step + 1, saved_step=self._saver.saved_step, learning_rate=rate
        )
        good = self._saver.last_good(self._progress.step)
        if good:
            self._go_to(good, good.state())
        elif self._config.init:
            raise DivergedError(f"{why}, and there is no whole checkpoint to go back to")
        else:
            self._learner.reset()
            self._progress.restore(step=0, tokens=0, losses=())
            self._saver.went_to(0)
        self._examiner.forget()
        if self._ending == "limit":
            self._ending = None
        yield events.Rewound(to_step=self._progress.step, why=why)
        yield Notice(level="warning", text=f"{why}: back to step {self._progress.step}, with half the learning rate")
        yield from self._controls.set(commands.Set(name="learning_rate", value=rate / 2))
        yield PhaseChanged(phase=self._phase)

    def _go_to(self, checkpoint: Checkpoint, state: TrainerState) -> None:
        self._learner.restore(checkpoint, state)
        self._progress.restore(step=state.step, tokens=state.tokens, losses=state.recent_losses)
        self._saver.went_to(state.step)

    # What happens between updates

    def _save(self, reason: str, command: str | None = None, *, is_awaited: bool = False) -> Events:
        """Save a checkpoint, unless this step has one and none was asked for. It is written beside the steps that
        follow, unless it is awaited or the run is paused.

        An awaited one for which there is no room is tried again when there is, until a signal or a stop asks for the
        end.

        Raises:
            NotFiniteError: the weights are not worth it.
        """
        yield from self._read()
        if command is None and self._saver.has(self._step) and not is_awaited:
            return
        yield from self._settle()
        if command is None and self._saver.has(self._step):
            return
        yield PhaseChanged(phase="saving")
        is_beside = not (is_awaited or self._is_paused)
        while True:
            is_last_try = self._is_leaving
            self._saver.begin(self._learner, self._state(), reason=reason, command=command, is_beside=is_beside)
            if not self._saver.is_done() or not (yield from self._settle()) or is_last_try:
                break
        self._checkpoints_due.happened(self._progress.elapsed)
        if self._ending is None:
            yield PhaseChanged(phase=self._phase)

    def _settle(self, *, is_patient: bool = True) -> Generator[AnyEvent, None, Unsaved | None]:
        """Wait for the checkpoint under way, if there is one, and tell of it.

        Returns the one for which there was no room, if that is what came of it: after a pause until there is, where
        that is worth waiting for.
        """
        outcome = self._saver.wait()
        if not isinstance(outcome, Unsaved):
            if outcome:
                yield outcome
            return None
        way_out = self._way_out() if is_patient else "it is left out"
        yield Notice(level="error", text=f"{outcome.why_not}; {way_out}", command=outcome.command)
        if is_patient and not self._is_leaving:
            yield from self._wait(for_space=True)
            if self._signal is not None and self._ending == "limit":
                self._ending = "interrupted"
        return outcome

    def _make_good(self) -> Events:
        """Wait for the checkpoint under way; where there was no room for it, save the run as it is when there is."""
        if unsaved := (yield from self._settle()):
            yield from self._save(unsaved.reason, unsaved.command, is_awaited=True)

    def _evaluate(self, *, whole: bool = False) -> Events:
        """Measure the corpus loss, and the validation loss if there is one; end the run at the target.

        Commands are obeyed meanwhile; a signal, a stop or going back ends it without a result.
        """
        yield from self._save("before evaluation")
        if self._is_leaving:
            return
        self._phase = "evaluating"
        yield PhaseChanged(phase="evaluating")
        try:
            yield from self._examine(None if whole else self._controls.limits.target_loss)
        finally:
            self._phase = "training"
        self._evaluations_due.happened(self._progress.elapsed)
        if self._ending is None:
            yield PhaseChanged(phase="training")

    def _examine(self, early_end: float | None) -> Events:
        step = self._step
        examination = self._examiner.examine(
            self._learner.model,
            step=step,
            passes=self._passes,
            recent_loss=self._progress.recent_loss,
            batch_size=self._learner.updater.micro_batch,
            target=early_end,
        )
        for event in examination:
            if event is None:
                yield from self._take_commands()
                if self._is_leaving or self._step != step:
                    return
                continue
            if event.split == "validation":
                yield event
                continue
            yield from self._save("before evaluation", is_awaited=True)  # what is best must be whole
            if self._step != step:
                return
            yield event
            target = self._controls.limits.target_loss
            if target and event.loss < target and not event.partial:
                self._ending = "target_reached"
            if event.partial and target != early_end:
                self._examiner.forget()  # it says nothing of the new target
            try:
                self._saver.note(event, self._state())
            except DiskFullError as error:
                yield Notice(level="warning", text=f"{error}; best does not point to it")

    def _sample(
        self, prompt: str | None = None, settings: SamplingSettings = SAMPLE, command: str | None = None
    ) -> Events:
        """Draw text from the weights as they are, which are saved first."""
        yield from self._save("before sampling")
        yield self._sampler.draw(self._learner.model, self._step, prompt, settings, command)
        self._samples_due.happened(self._progress.elapsed)

    def _state(self) -> TrainerState:
        place, updater = self._learner.place, self._learner.updater
        return TrainerState(
            step=self._progress.step,
            tokens=self._progress.tokens,
            pass_index=place.pass_index,
            position=place.position,
            limits=self._controls.limits,
            learning_rate_factor=self._controls.factor,
            recent_losses=self._progress.losses,
            micro_batch=updater.micro_batch,
            threads=torch.get_num_threads(),
            device=self._config.device,
            dtype=self._config.dtype,
            elapsed=self._progress.elapsed,
            rewinds=self._rewinds.count,
            failed_step=self._rewinds.failed_step,
            scaler=updater.scaler.state_dict(),
            **self._examiner.state(),
        )

    # What is asked from outside

    @property
    def _is_leaving(self) -> bool:
        """Whether a signal or a command asked for the end."""
        return self._signal is not None or self._is_stopping

    def _obey(self) -> Events:
        if self.lacks_space:
            yield Notice(level="error", text=f"the disk is full, so the journal waits; {self._way_out()}")
            yield from self._wait(for_space=True)
        yield from self._take_commands()
        if self._signal is not None and self._ending is None:
            self._ending = "interrupted"

    def _take_commands(self) -> Events:
        """Answer what came, oldest first. The end of a pause comes before what follows it."""
        if self._saver.is_done():
            yield from self._make_good()
        was_paused = self._is_paused
        self._queue.extend(self._inbox())
        if self._queue:
            yield from self._read()
        while self._queue and self._is_paused == was_paused:
            command = self._queue.popleft()
            try:
                yield from self._answer(command)
            except NotFiniteError as error:
                yield from self._rewind(str(error))
                yield from self._answer(command)

    def _answer(self, command: AnyCommand) -> Events:
        match command:
            case commands.Pause() if not self._is_paused:
                yield from self._wait(command=command.id)
            case commands.Pause():
                yield PhaseChanged(phase="paused", command=command.id)
            case commands.Resume() if self._is_paused:
                self._is_paused, self._lifted_by = False, command.id
            case commands.Resume():
                yield PhaseChanged(phase=self._phase, command=command.id)
            case commands.Stop():
                self._is_stopping = True
                self._ending = self._ending or "stopped"
                yield Notice(level="info", text="stopping, as asked", command=command.id)
            case commands.SaveCheckpoint():
                yield from self._save("asked", command.id)
            case commands.Sample():
                yield from self._sample(command.prompt, command.settings, command.id)
            case commands.Set():
                # What is set after a checkpoint is told after it: the journal makes good what it does not know.
                yield from self._make_good()
                yield from self._controls.set(command)
                if command.name == "target_loss":
                    self._examiner.forget()

    def _way_out(self) -> str:
        return "the run ends without it" if self._is_leaving else self._saver.way_out()

    def _wait(self, *, command: str | None = None, for_space: bool = False) -> Events:
        """Pause, with the model loaded, until a command, a signal or (if that was the cause) free space ends it."""
        yield from self._read()
        before, self._phase, self._is_paused = self._phase, "paused", True
        self._progress.pause()
        yield PhaseChanged(phase="paused", command=command)
        short = for_space and not self._saver.has_room()
        try:
            while self._is_paused and not self._is_leaving:
                yield from self._take_commands()
                if short and self._saver.has_room():
                    break
                if self._is_paused:
                    time.sleep(_POLL_SECONDS)
        finally:
            self._phase = before
            self._is_paused = before == "paused"
            if not self._is_paused:
                self._progress.go_on()
        lifted_by, self._lifted_by = self._lifted_by, None
        if lifted_by or not self._is_leaving:
            yield PhaseChanged(phase=before, command=lifted_by)
