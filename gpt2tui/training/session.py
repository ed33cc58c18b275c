"""Trains a run in this process: its lock, its signals, its commands, its journal."""

from __future__ import annotations

import shutil
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.corpus.tokens import Tokens, open_tokens
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.commands import Set
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.estimate import estimate
from gpt2tui.runs.events import AnyEvent, CheckpointSaved, Notice, RunFinished, SettingChanged
from gpt2tui.runs.journal import command_reader, last_events, skim_events
from gpt2tui.runs.run import Run
from gpt2tui.text import byte_size
from gpt2tui.training.recorder import Recorder
from gpt2tui.training.trainer import Trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def train(
    run: Run,
    *,
    resume: bool = False,
    first_weights: Mapping[str, Tensor] | None = None,
    changes: Iterable[Set] = (),
    notices: Iterable[Notice] = (),
) -> Generator[AnyEvent, None, None]:
    """Train a run to its end, or on from its last good checkpoint; each event is recorded, then passed on.

    SIGINT, SIGTERM and SIGHUP save and end the run, unless they were ignored before; a second SIGINT raises
    KeyboardInterrupt at once. Commands count from now on.
    ``notices`` are recorded at the start.

    Raises:
        Gpt2TuiError: another process trains it, there is no room, or a file is damaged.
    """
    config = run.config()
    lock = run.lock()
    commands = command_reader(run.commands_file, offset=_size(run))
    try:
        checkpoints = CheckpointFolder(run.checkpoints)
        check_space(config, run.checkpoints, held=checkpoints)
        checkpoint, damages = last_good(checkpoints) if resume else (None, [])
        crash = crash_before(run) if resume else []
        if resume and checkpoint is None and config.init:
            raise Gpt2TuiError(f"run {run.id} has no checkpoint yet; start it anew from {config.init}")
        trainer = Trainer(
            config,
            run_tokens(run, config),
            checkpoints,
            checkpoint=checkpoint,
            first_weights=first_weights,
            inbox=commands.poll,
            changes=[*(set_since(run, checkpoint) if resume else ()), *changes],
        )
        recorder = Recorder(run)
        try:
            with _signals_to(trainer):
                yield from _recorded(trainer, recorder, [*crash, *notices, *damages])
        finally:
            trainer.close()
            recorder.close()
    finally:
        lock.release()


def _recorded(trainer: Trainer, recorder: Recorder, notices: list[Notice]) -> Iterator[AnyEvent]:
    last: AnyEvent | None = None
    try:
        for last in trainer.run():
            trainer.steering.lacks_space = not recorder.record(last)
            yield last
            while notices:
                recorder.record(notices[0])
                yield notices.pop(0)
    except Exception as error:
        if not isinstance(last, RunFinished):
            text = str(error) if isinstance(error, Gpt2TuiError) else f"{type(error).__name__}: {error}"
            for event in (*trainer.settled(), Notice(level="error", text=text), trainer.ended("failed")):
                recorder.record(event)
                yield event
        raise
    except BaseException:  # a second SIGINT, or a consumer that turned away
        if not isinstance(last, RunFinished):
            for event in (*trainer.settled(), trainer.ended("interrupted")):
                recorder.record(event)
        raise


def last_good(checkpoints: CheckpointFolder) -> tuple[Checkpoint | None, list[Notice]]:
    """The newest checkpoint whose hashes are right, and a word on each newer one that is damaged.

    Raises:
        Gpt2TuiError: there are checkpoints, and all of them are damaged.
    """
    notices: list[Notice] = []
    everything = checkpoints.all()
    for checkpoint in everything:
        damage = checkpoint.damage(hashes=True)
        if damage is None:
            return checkpoint, notices
        notices.append(Notice(level="warning", text=f"{damage}; using the one before it"))
    if everything:
        raise Gpt2TuiError(f"{notices[0].text.partition(';')[0]}, and no older one is whole; start a new run")
    return None, [Notice(level="warning", text="there is no checkpoint yet: starting from step 0")]


def crash_before(run: Run) -> list[Notice]:
    """A word on the session before this one, where it ended without any."""
    last = next(iter(deque(last_events(run.events_file), maxlen=1)), None)
    if last is None or isinstance(last, RunFinished):
        return []
    return [Notice(level="warning", text="the session before this one ended without a word: killed, or out of memory")]


def set_since(run: Run, checkpoint: Checkpoint | None) -> list[Set]:
    """What was set after the checkpoint was written, which it therefore does not know, oldest first."""
    since: list[Set] = []
    for event in skim_events(run.events_file, recent=1):
        if isinstance(event, CheckpointSaved) and checkpoint and Path(event.path).name == checkpoint.name:
            since = []
        elif isinstance(event, SettingChanged):
            since.append(Set(name=event.name, value=event.value))  # type: ignore[arg-type]
    return since


def run_tokens(run: Run, config: RunConfig) -> Tokens:
    """The run's own tokens, mapped.

    Raises:
        Gpt2TuiError: tokens.bin is missing or is not the one the run was started with.
    """
    try:
        tokens = open_tokens(run.tokens_file)
    except (OSError, ValueError) as error:
        raise Gpt2TuiError(f"run {run.id}: {run.tokens_file} cannot be read: {error}") from error
    if len(tokens) != config.corpus.tokens:
        raise Gpt2TuiError(
            f"run {run.id}: {run.tokens_file} holds {len(tokens):,} tokens, not {config.corpus.tokens:,}"
        )
    return tokens


def check_space(config: RunConfig, folder: Path, *, held: CheckpointFolder | None = None) -> None:
    """Refuse a run whose first checkpoints would not fit the disk; those in ``held`` are there already.

    Raises:
        Gpt2TuiError: there is no room for two, the least that a safe change from one to the next needs.
    """
    spare = len(held.spare()) if held else 0  # given up where there is no room
    kept = min(1, len(held.all()) - spare) if held else 0
    needed = estimate(config).checkpoint * max(0, 2 - kept - spare)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Gpt2TuiError(
            f"too little space in {folder}: {byte_size(free)} are free, {byte_size(needed)} are needed; "
            f"free {byte_size(needed - free)}, or set GPT2TUI_HOME to a place on another disk"
        )


@contextmanager
def _signals_to(trainer: Trainer) -> Iterator[None]:
    """Let the signals that were not ignored at the start interrupt the trainer."""
    seen: set[int] = set()

    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in seen:
            raise KeyboardInterrupt
        seen.add(number)
        trainer.interrupt(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


def _size(run: Run) -> int:
    try:
        return run.commands_file.stat().st_size
    except FileNotFoundError:
        return 0
