"""The training loop: a generator of events that does no output of its own."""

from __future__ import annotations

import gc
import math
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import TrainerState
from gpt2tui.checkpoints.tensors import NotFiniteError
from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.errors import DivergedError, OutOfMemoryError
from gpt2tui.generation.text import sample_text
from gpt2tui.runs import commands, events
from gpt2tui.runs.commands import AnyCommand
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import AnyEvent, Notice, PhaseChanged
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.training.controls import Controls, Rhythm
from gpt2tui.training.device import is_out_of_memory
from gpt2tui.training.examiner import Examiner
from gpt2tui.training.learner import Learner
from gpt2tui.training.pending import Pending
from gpt2tui.training.progress import Progress
from gpt2tui.training.saver import DiskFullError, Saver
from gpt2tui.training.telemetry import Telemetry
from gpt2tui.training.update import Outcome

MOST_REWINDS = 3
SAMPLE = SamplingSettings(max_new_tokens=60, seed=0)
_OPENING_TOKENS = 16
_POLL_SECONDS = 0.05

Events = Iterator[AnyEvent]


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
        self._train = tokens[: config.corpus.train_tokens]
        self._examiner = Examiner(config, tokens)
        self._checkpoint = checkpoint
        self._first_weights = first_weights
        self._inbox = inbox
        self._changes = list(changes)
        self._progress = Progress(config)
        self._controls = Controls(config.limits, peak=config.recipe.learning_rate)
        self._pending = Pending(config.device)
        self._saver = Saver(checkpoints, keep=config.keep)
        self._telemetry = Telemetry(config.device)
        self._rewinds = 0
        self._failed_step = 0
        self._ending: events.Reason | None = None
        self._signal: int | None = None
        self._wake = threading.Event()
        self._is_paused = False
        self._is_short_of_space = False
        self._queue: list[AnyCommand] = []

    def interrupt(self, signal_number: int) -> None:
        """Ask the run to save and end after the step under way. Safe to call from a signal handler."""
        self._signal = signal_number
        self._wake.set()

    def hold_for_space(self) -> None:
        """Ask the run to pause, since its journal cannot be written."""
        self._is_short_of_space = True

    def run(self) -> Events:
        """Train to an end; every end is one ``run_finished``, the last event.

        Raises:
            Gpt2TuiError: the run cannot begin or a file cannot be written.
        """
        try:
            yield from self._start()
            while self._ending is None:
                yield from self._obey()
                if self._ending is None:
                    yield from self._advance()
        except DivergedError as error:
            yield from self._fail("diverged", error)
        except OutOfMemoryError as error:
            yield from self._fail("out_of_memory", error)
        yield from self._finish()

    def failed(self) -> AnyEvent:
        """The end of a run whose ``run()`` raised."""
        return self._finished("failed")

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
            micro_batch=state.micro_batch if state else config.micro_batch or config.recipe.batch_size,
            parameters=config.model.parameters,
            corpus_tokens=config.corpus.tokens,
            pid=os.getpid(),
        )
        yield PhaseChanged(phase="starting")
        self._learner = Learner(config, self._train, first_weights=self._first_weights)
        if checkpoint and state:
            self._go_to(checkpoint, state)
            self._progress.restore_clock(state.elapsed)
            self._examiner.restore(state)
            self._controls.limits, self._controls.factor = state.limits, state.learning_rate_factor
            self._rewinds = state.rewinds
            self._saver.saved_step = state.step
        for change in self._changes:
            yield from self._controls.set(change)
        if checkpoint:
            yield from self._controls.drop_met_limits(self._progress)
        self._began = self._progress.elapsed
        self._checkpoints_due = Rhythm(config.checkpoint_every, now=self._began)
        self._evaluations_due = Rhythm(config.evaluate_every, now=self._began)
        self._samples_due = Rhythm(config.sample_every, now=self._began)
        self._is_compiling = config.compile
        yield PhaseChanged(phase="compiling" if config.compile else "training")

    def _advance(self) -> Events:
        """One step, and all that is due after it."""
        self._pending.begin()
        factor = self._controls.factor * self._config.recipe.schedule.factor(self._step, self._passes)
        outcome, tokens = yield from self._update(factor)
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
        if self._ending is None and self._samples_due.is_due(self._step, elapsed):
            yield from self._sample()
        limit = self._controls.met_limit(self._step, self._tokens, elapsed - self._began)
        if self._ending is None and limit is not None:
            yield from self._end_at(limit)

    def _end_at(self, limit: str) -> Events:
        """A limit is met: the target has a last chance before the run ends."""
        yield from self._read()
        if self._controls.limits.target_loss and self._examiner.last_step != self._step:
            yield from self._evaluate()
        # An evaluation may have been abandoned for a signal or a stop; these are obeyed first.
        if self._ending is None and not self._is_urgent():
            self._ending = "limit"
            yield Notice(level="info", text=f"the limit of {limit} is reached")

    def _fail(self, reason: events.Reason, error: Exception) -> Events:
        self._ending = reason
        self._pending.drop()
        yield Notice(level="error", text=str(error))

    def _finish(self) -> Events:
        assert self._ending is not None
        yield from self._read()
        if self._ending != "diverged" and self._step:
            yield from self._save("end")
        yield self._finished(self._ending)

    def _finished(self, reason: events.Reason) -> AnyEvent:
        running = self._progress.running_loss if self._progress.losses else None
        return events.RunFinished(
            reason=reason,
            step=self._step,
            loss=self._examiner.loss_at(self._step) or running,
            seconds=self._progress.elapsed,
            signal=self._signal,
        )

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

    # Updates

    def _update(self, factor: float) -> Generator[AnyEvent, None, tuple[Outcome, int]]:
        """Make one update; when memory runs out, in ever smaller micro-batches."""
        updater = self._learner.updater
        while True:
            problem: Exception
            try:
                return self._learner.update(factor)
            except Exception as error:
                if not (is_out_of_memory(error) or updater.is_compiled):
                    raise
                # The traceback would keep what the failed update had allocated.
                problem = error.with_traceback(None)
            updater.discard()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if not is_out_of_memory(problem):
                updater.is_compiled = False
                yield Notice(level="warning", text=f"torch.compile does not work here, so going on without: {_line(problem)}")
            elif updater.micro_batch == 1:
                raise OutOfMemoryError(
                    f"out of memory with one sequence of {self._config.block_size} tokens at a time; "
                    "try a smaller --block-size or --preset"
                )
            else:
                updater.micro_batch = math.ceil(updater.micro_batch / 2)
                yield Notice(
                    level="warning", text=f"out of memory; going on with a micro-batch of {updater.micro_batch}"
                )

    def _read(self) -> Events:
        """Learn what came of the updates sent; go back if one of them was not finite."""
        results = self._pending.read()
        for index, result in enumerate(results):
            if not (math.isfinite(result.loss) and self._learner.updater.is_good(result.gradient_norm)):
                yield from self._rewind(result.loss)
                return
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

    def _rewind(self, loss: float) -> Events:
        failed = self._progress.step + 1
        what = "loss" if not math.isfinite(loss) else "gradient"
        if failed > self._failed_step and self._saver.saved_step and self._saver.saved_step > self._failed_step > 0:
            self._rewinds = 0  # the last rewind had helped
        self._failed_step = max(failed, self._failed_step)
        if self._rewinds == MOST_REWINDS:
            raise DivergedError(
                f"the {what} of step {failed} is not finite, and going back {MOST_REWINDS} times did not help; "
                f"try a lower --lr than {self._controls.learning_rate:g}"
            )
        self._rewinds += 1
        good = self._saver.last_good()
        if good:
            self._go_to(good, good.state())
        else:
            self._learner.reset(micro_batch=self._learner.updater.micro_batch)
            self._progress.restore(step=0, tokens=0, losses=())
        why = f"the {what} of step {failed} is not finite"
        yield events.Rewound(to_step=self._progress.step, why=why)
        yield Notice(
            level="warning", text=f"{why}: back to step {self._progress.step}, with half the learning rate"
        )
        yield from self._controls.set(commands.Set(name="learning_rate", value=self._controls.learning_rate / 2))

    def _go_to(self, checkpoint: Checkpoint, state: TrainerState) -> None:
        self._pending.drop()
        self._learner.restore(checkpoint, state)
        self._progress.restore(step=state.step, tokens=state.tokens, losses=state.recent_losses)

    # What happens between updates

    def _save(self, reason: str, command: str | None = None) -> Events:
        """Write a checkpoint, unless this step has one and none was asked for; with no room for it, pause until there
        is, or give up when the run is to end.
        """
        yield from self._read()
        if self._saver.saved_step == self._step and command is None:
            return
        yield PhaseChanged(phase="saving")
        while True:
            try:
                yield self._saver.save(self._learner, self._state(), reason=reason, command=command)
                break
            except NotFiniteError:
                yield from self._rewind(math.nan)
                break
            except DiskFullError as error:
                yield Notice(level="error", text=f"{error}; make room, then: gpt2tui runs resume", command=command)
                if self._signal is not None or self._ending == "stopped":
                    break
                yield from self._wait(for_space=True)
        self._checkpoints_due.happened(self._progress.elapsed)
        if self._ending is None:
            yield PhaseChanged(phase="training")

    def _evaluate(self, *, whole: bool = False) -> Events:
        """Measure the corpus loss, and the validation loss if there is one; end the run at the target."""
        yield from self._save("before evaluation")
        yield PhaseChanged(phase="evaluating")
        target = self._controls.limits.target_loss
        model, step = self._learner.model, self._step
        best = self._examiner.best
        for event in self._examiner.examine(
            model,
            step=step,
            passes=self._passes,
            recent_loss=self._progress.recent_loss,
            batch_size=self._learner.updater.micro_batch,
            target=None if whole else target,
            is_urgent=self._is_urgent,
        ):
            yield event
            if event.split == "train" and target and event.loss < target and not event.partial:
                self._ending = "target_reached"
        if self._examiner.best is not None and self._examiner.best != best and self._saver.saved_step == step:
            self._saver.is_best(step, self._examiner.best)
        self._evaluations_due.happened(self._progress.elapsed)
        if self._ending is None:
            yield PhaseChanged(phase="training")

    def _sample(self, prompt: str | None = None, settings: SamplingSettings = SAMPLE, command: str | None = None) -> Events:
        """Draw text from the weights as they are. A failure is told and ends nothing."""
        yield from self._read()
        if self._saver.is_worth_saving(self._step, self._progress.elapsed):
            yield from self._save("before sampling")
        self._samples_due.happened(self._progress.elapsed)
        if prompt is None:
            prompt = self._config.sample_prompt or self._opening_line()
        try:
            text = sample_text(self._learner.model, self._tokenizer, prompt, settings, self._config.block_size)
        except (RuntimeError, MemoryError) as error:
            yield Notice(level="warning", text=f"no sample could be drawn: {_line(error)}", command=command)
            return
        yield events.Sampled(step=self._step, prompt=prompt, text=text, settings=settings, command=command)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer()

    def _opening_line(self) -> str:
        opening = self._tokenizer.decode_bytes(self._train[:_OPENING_TOKENS].tolist()).decode(errors="ignore")
        line, newline, _ = opening.lstrip().partition("\n")
        return line + newline

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
            rewinds=self._rewinds,
            scaler=updater.scaler.state_dict(),
            **self._examiner.state(),
        )

    # What is asked from outside

    def _is_urgent(self) -> bool:
        """Whether to give up an evaluation: a signal, or a command to stop."""
        self._queue.extend(self._inbox())
        return self._signal is not None or any(isinstance(entry, commands.Stop) for entry in self._queue)

    def _obey(self) -> Events:
        if self._is_short_of_space:
            yield from self._wait(for_space=True)
        yield from self._take_commands()
        if self._signal is not None and self._ending is None:
            self._ending = "interrupted"

    def _take_commands(self) -> Events:
        self._queue.extend(self._inbox())
        while self._queue:
            command = self._queue.pop(0)
            match command:
                case commands.Pause() if not self._is_paused:
                    yield from self._wait(command=command.id)
                case commands.Pause():
                    yield PhaseChanged(phase="paused", command=command.id)
                case commands.Resume():
                    self._is_paused = False
                    yield PhaseChanged(phase="training", command=command.id)
                case commands.Stop():
                    self._is_paused = False
                    self._ending = "stopped"
                    yield Notice(level="info", text="stopping, as asked", command=command.id)
                case commands.SaveCheckpoint():
                    yield from self._save("asked", command.id)
                case commands.Sample():
                    yield from self._sample(command.prompt, command.settings, command.id)
                case commands.Set():
                    yield from self._controls.set(command)

    def _wait(self, *, command: str | None = None, for_space: bool = False) -> Events:
        """Pause, with the model loaded, until a command, a signal or (if that was the cause) free space ends it."""
        yield from self._read()
        self._is_paused, self._is_short_of_space = True, False
        self._progress.pause()
        yield PhaseChanged(phase="paused", command=command)
        short = for_space and self._saver.free_bytes() < self._saver.needed_bytes()
        while self._is_paused and self._signal is None and self._ending is None:
            yield from self._take_commands()
            if short and self._saver.free_bytes() >= self._saver.needed_bytes():
                break
            self._wake.wait(_POLL_SECONDS)
        self._is_paused = False
        self._progress.go_on()
        if command is None and self._signal is None:
            yield PhaseChanged(phase="training")


def _line(error: BaseException) -> str:
    """The first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
