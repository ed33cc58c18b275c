"""Saving checkpoints of a run as it goes: which there are, which is best, and what a full disk means."""

from __future__ import annotations

import errno
import shutil
import time

from gpt2tui.checkpoints.folder import Checkpoint, CheckpointFolder
from gpt2tui.checkpoints.state import Pointer, TrainerState
from gpt2tui.checkpoints.tensors import write_checkpoint
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import CheckpointSaved
from gpt2tui.training.learner import Learner

_WORTH = 20.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskFullError(Gpt2TuiError):
    """There is no room for a checkpoint; the one before it is untouched."""


def is_disk_full(error: OSError) -> bool:
    """Whether an error means that the disk, a quota or a file size limit is exhausted."""
    # safetensors reports its own I/O errors as text alone.
    return error.errno in _FULL or any(f"os error {number}" in str(error) for number in _FULL)


class Saver:
    """Writes checkpoints into one folder and keeps ``best``, ``last`` and the ``keep`` newest beside them."""

    def __init__(self, folder: CheckpointFolder, *, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self.saved_step: int | None = None
        self._bytes = 0
        self._seconds = 0.0
        self._saved_at = 0.0

    def save(self, learner: Learner, state: TrainerState, *, reason: str, command: str | None = None) -> CheckpointSaved:
        """Write the checkpoint of ``state.step`` and let ``last`` point to it.

        Raises:
            DiskFullError: there is no room. NotFiniteError: the weights are not worth saving.
        """
        began = time.monotonic()
        path = self._folder.path(state.step)
        try:
            size = write_checkpoint(
                path, model=learner.model.state_dict(), optimizer=learner.optimizer_tensors(), state=state
            )
            self._folder.point("last", Pointer(checkpoint=path.name, step=state.step))
        except OSError as error:
            if is_disk_full(error):
                free = shutil.disk_usage(self._folder.folder).free
                raise DiskFullError(
                    f"no room for the checkpoint of step {state.step} in {self._folder.folder}: "
                    f"{free / 1e9:.2f} GB are free"
                ) from error
            raise Gpt2TuiError(f"the checkpoint of step {state.step} cannot be written: {error}") from error
        self._folder.prune(self._keep)
        self.saved_step, self._bytes = state.step, size
        self._seconds, self._saved_at = time.monotonic() - began, state.elapsed
        return CheckpointSaved(
            step=state.step,
            path=f"{self._folder.folder.name}/{path.name}",
            bytes=size,
            seconds=self._seconds,
            reason=reason,
            command=command,
        )

    def is_best(self, step: int, loss: float) -> None:
        """Let ``best`` point to the checkpoint of that step, which exists."""
        self._folder.point("best", Pointer(checkpoint=self._folder.path(step).name, step=step, corpus_loss=loss))
        self._folder.prune(self._keep)

    def last_good(self) -> Checkpoint | None:
        """The newest checkpoint that is not damaged, where there is one."""
        return next((entry for entry in self._folder.all() if not entry.damage(hashes=False)), None)

    def is_worth_saving(self, step: int, elapsed: float) -> bool:
        """Whether what was learnt since the last checkpoint is worth the time that writing one takes."""
        return step != self.saved_step and elapsed - self._saved_at > _WORTH * self._seconds

    def needed_bytes(self) -> int:
        """Room that the next checkpoint takes, going by the last one."""
        return self._bytes

    def free_bytes(self) -> int:
        """Room on the disk that holds the run."""
        return shutil.disk_usage(self._folder.folder).free
