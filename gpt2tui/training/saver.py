"""Saving checkpoints of a run as it goes: which there are, which is best, and what a full disk means."""

from __future__ import annotations

import errno
import math
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from statistics import fmean
from typing import NamedTuple

from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import Pointer, TrainerState
from gpt2tui.checkpoints.tensors import check_finite, copied, rewrite_state, write_checkpoint
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import CheckpointSaved, Evaluated
from gpt2tui.text import byte_size
from gpt2tui.training.learner import Learner

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_AGAIN = 1 << 20
"""Bytes of room more than there were, before a checkpoint that found none is tried again."""


class DiskFullError(Gpt2TuiError):
    """There is no room for a checkpoint; the one before it is untouched."""


class Unsaved(NamedTuple):
    """A checkpoint that there was no room for: of which step, why it was to be saved, and for which command."""

    step: int
    why_not: str
    reason: str
    command: str | None


class _Writing(NamedTuple):
    """A checkpoint under way; its result is its bytes."""

    step: int
    reason: str
    command: str | None
    began: float
    size: Future[int]


def is_disk_full(error: OSError, meant: Collection[int] = _FULL) -> bool:
    """Whether an error means that the disk, a quota or a file size limit is exhausted."""
    # safetensors reports its own I/O errors as text alone.
    return error.errno in meant or any(f"os error {number})" in str(error) for number in meant)


class Saver:
    """Writes checkpoints into one folder and keeps ``best``, ``last`` and, where there is room, the ``keep`` newest
    beside them.

    A thread writes, one at a time: nothing else may change the folder before :meth:`wait` has told what came of it.
    ``saved_step`` is the step of the checkpoint that is as the run is or was last; ``needed_bytes`` the room that
    the next one takes.
    """

    def __init__(self, folder: CheckpointFolder, *, keep: int, needed_bytes: int) -> None:
        self._folder = folder
        self._keep = keep
        self.needed_bytes = needed_bytes
        self.was_short = False
        """Whether the last one that there was no room for lacked what can be measured: no limit stood in its way."""
        self.saved_step: int | None = None
        best = folder.pointer("best")
        self.best_loss = best.corpus_loss if best else None
        """The corpus loss of ``best``, where it was measured over the whole text."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: _Writing | None = None

    def begin(
        self, learner: Learner, state: TrainerState, *, reason: str, command: str | None = None, is_beside: bool
    ) -> None:
        """Write the checkpoint of ``state.step`` and let ``last`` point to it; :meth:`wait` tells what came of it.

        With ``is_beside`` the tensors are copied and the training may go on; else, and where there is no memory for
        the copies, it is written before this returns. So it is where the step has a checkpoint already: then only what
        is no tensor is written, and at no moment is there none.

        Raises:
            NotFiniteError: the weights are not worth saving.
        """
        assert self._writing is None
        began = time.monotonic()
        model, optimizer = learner.model.state_dict(), learner.optimizer_tensors()
        is_new = state.step != self.saved_step
        if is_new:
            check_finite(model, state.step)
        is_beside = is_beside and is_new
        if is_beside:
            try:
                model, optimizer = copied(model), copied(optimizer)
            except OSError:
                is_beside = False
        size = self._thread.submit(self._write, state, model if is_new else None, optimizer)
        self._writing = _Writing(state.step, reason, command, began, size)
        if not is_beside:
            wait_for([size])

    def has(self, step: int) -> bool:
        """Whether the checkpoint of a step is there or under way."""
        return step == self.saved_step or (self._writing is not None and self._writing.step == step)

    def is_done(self) -> bool:
        """Whether a checkpoint was under way and no longer is: :meth:`wait` has something to tell at once."""
        return self._writing is not None and self._writing.size.done()

    def wait(self) -> CheckpointSaved | Unsaved | None:
        """What came of the checkpoint under way, when it is whole; None where there is none.

        Raises:
            Gpt2TuiError: it could not be written.
        """
        writing = self._writing
        if writing is None:
            return None
        wait_for([writing.size])  # an interrupt leaves it under way
        self._writing = None
        try:
            size = writing.size.result()
        except DiskFullError as error:
            return Unsaved(writing.step, str(error), writing.reason, writing.command)
        self.saved_step, self.needed_bytes = writing.step, size
        return CheckpointSaved(
            step=writing.step,
            path=f"{self._folder.folder.name}/{self._folder.path(writing.step).name}",
            bytes=size,
            seconds=time.monotonic() - writing.began,
            reason=writing.reason,
            command=writing.command,
        )

    def close(self) -> None:
        """Return when nothing is being written any more."""
        self._thread.shutdown()

    def _write(self, state: TrainerState, model: Mapping[str, Tensor] | None, optimizer: Mapping[str, Tensor]) -> int:
        path = self._folder.path(state.step)
        with self._room(state.step):
            if model is None:
                size = rewrite_state(Checkpoint(path), state)
            else:
                self._make_room()
                size = write_checkpoint(path, model=model, optimizer=optimizer, state=state)
            running_loss = fmean(state.recent_losses) if state.recent_losses else None
            self._folder.point("last", Pointer(checkpoint=path.name, step=state.step, running_loss=running_loss))
            best = self._folder.pointer("best")
            if best and best.corpus_loss is None and best.step < state.step:
                self._folder.forget("best")  # a part of the text told of it, and the run has learnt since
            self._folder.prune(self._keep)
        return size

    def _make_room(self) -> None:
        """Give up what is kept beside ``best`` and ``last`` where the next checkpoint would else find no room."""
        last = self._folder.pointer("last")
        is_whole = last is not None and last.step == self.saved_step  # else the run goes on from one of the others
        if is_whole and self._lacking() > 0:
            self._folder.prune(0)

    def note(self, evaluated: Evaluated, state: TrainerState) -> None:
        """Keep in the checkpoint of that step, where there is one, that it was evaluated; if no other was better,
        let ``best`` point to it. A loss over a part of the text never takes the place of one over all of it, and
        counts until there is a newer checkpoint.

        Raises:
            DiskFullError: there is no room.
        """
        if self.saved_step != evaluated.step:
            return
        path = self._folder.path(evaluated.step)
        pointer = Pointer(
            checkpoint=path.name,
            step=evaluated.step,
            corpus_loss=None if evaluated.partial else evaluated.loss,
            partial_loss=evaluated.loss if evaluated.partial else None,
        )
        best = self._folder.pointer("best")
        is_there = best is not None and self._folder.path(best.step).is_dir()
        with self._room(evaluated.step):
            rewrite_state(Checkpoint(path), state)
            if best is None or not is_there or _rank(pointer) < _rank(best):
                self._folder.point("best", pointer)
                self.best_loss = pointer.corpus_loss
                self._folder.prune(self._keep)

    def last_good(self, step: int) -> Checkpoint | None:
        """The newest checkpoint up to ``step`` whose hashes are right, where there is one."""
        known = (entry for entry in self._folder.all() if entry.name <= self._folder.path(step).name)
        return next((entry for entry in known if not entry.damage(hashes=True)), None)

    def went_to(self, step: int) -> None:
        """The run is as the checkpoint of ``step``; later ones count no more."""
        self._folder.discard_after(step)
        self.saved_step = step if self._folder.path(step).is_dir() else None

    def has_room(self) -> bool:
        """Whether the disk that holds the run has room for the next checkpoint."""
        return self._lacking() <= 0

    def way_out(self) -> str:
        """What ends a pause for want of room."""
        lacking = self._lacking()
        if lacking > 0 or self.was_short:
            return f"free {byte_size(max(0, lacking))}, and it goes on by itself"
        return "a limit on files or a quota is met; lift it, then: gpt2tui runs resume"

    def _lacking(self) -> int:
        return self.needed_bytes - shutil.disk_usage(self._folder.folder).free

    @contextmanager
    def _room(self, step: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if is_disk_full(error):
                free = shutil.disk_usage(self._folder.folder).free
                if is_disk_full(error, (errno.ENOSPC,)) and free < self.needed_bytes + _AGAIN:
                    # Others filled the disk beside it; what was written of it is free again, and was not enough.
                    self.needed_bytes = max(self.needed_bytes, free + _AGAIN)
                self.was_short = free < self.needed_bytes
                raise DiskFullError(
                    f"no room for the checkpoint of step {step} in {self._folder.folder}: {byte_size(free)} are free"
                ) from error
            raise Gpt2TuiError(f"the checkpoint of step {step} cannot be written: {error}") from error


def _rank(pointer: Pointer) -> tuple[bool, float]:
    if pointer.corpus_loss is not None:
        return False, pointer.corpus_loss
    return True, math.inf if pointer.partial_loss is None else pointer.partial_loss
