"""The checkpoints of one run: named, found, verified, and those that no longer count removed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import msgspec

from gpt2tui.checkpoints.state import MODEL_FILE, STATE_FILE, Pointer, TrainerState, decoded
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.checkpoint_names import POINTERS, PointerName, by_default
from gpt2tui.runs.files import write_whole


class Checkpoint:
    """One checkpoint's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return self.folder.name

    def state(self) -> TrainerState:
        """What ``trainer.json`` holds.

        Raises:
            Gpt2TuiError: it is missing or damaged.
        """
        path = self.folder / STATE_FILE
        try:
            return decoded(path.read_bytes())
        except (OSError, ValueError) as error:  # msgspec's and Unicode's errors are ValueErrors
            raise Gpt2TuiError(f"checkpoint {self.name} is damaged: {STATE_FILE}: {_cause(error)}") from error

    def damage(self, *, hashes: bool) -> str | None:
        """What is wrong with its files, in one line; None when nothing is. Sizes always, hashes on request."""
        try:
            records = self.state().files
        except Gpt2TuiError as error:
            return str(error)
        if MODEL_FILE not in records:
            return f"checkpoint {self.name} is damaged: {STATE_FILE} lists no {MODEL_FILE}"
        for file_name, record in records.items():
            path = self.folder / file_name
            try:
                size = path.stat().st_size
                if size != record.bytes:
                    return f"checkpoint {self.name} is damaged: {file_name} has {size} bytes, not {record.bytes}"
                if hashes and file_digest(path) != record.sha256:
                    return f"checkpoint {self.name} is damaged: the SHA-256 of {file_name} is not the recorded one"
            except OSError as error:
                return f"checkpoint {self.name} is damaged: {file_name}: {error.strerror}"
        return None

    def check(self, *, hashes: bool) -> None:
        """Refuse it where it is damaged.

        Raises:
            Gpt2TuiError: with the words of :meth:`damage`.
        """
        if damage := self.damage(hashes=hashes):
            raise Gpt2TuiError(damage)


class CheckpointFolder:
    """``checkpoints/`` of a run. Listing and finding never touch the disk's contents; ``prune`` removes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """Where the checkpoint after ``step`` updates belongs."""
        return self.folder / f"step-{step:08d}"

    def all(self) -> list[Checkpoint]:
        """Every complete checkpoint, the newest step first."""
        return [Checkpoint(path) for path in sorted(self.folder.glob("step-*"), reverse=True)]

    def pointer(self, name: PointerName) -> Pointer | None:
        """What ``last`` or ``best`` points to, where it exists."""
        try:
            return msgspec.json.decode((self.folder / f"{name}.json").read_bytes(), type=Pointer)
        except (OSError, ValueError):
            return None

    def point(self, name: PointerName, pointer: Pointer) -> None:
        """Let ``last`` or ``best`` point to a checkpoint."""
        write_whole(self.folder / f"{name}.json", msgspec.json.encode(pointer) + b"\n")

    def forget(self, name: PointerName) -> None:
        """Let ``last`` or ``best`` point to nothing."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def find(self, reference: str | None = None) -> Checkpoint:
        """The checkpoint that ``best``, ``last`` or a step number means; by default best, or last where that has
        learnt more since (:func:`by_default`) or is the only one.

        Raises:
            UsageError: there is none.
        """
        if reference is not None and reference.isdigit():
            found = Checkpoint(self.path(int(reference)))
            if not found.folder.is_dir():
                steps = ", ".join(str(int(entry.name.removeprefix("step-"))) for entry in self.all()) or "none"
                raise UsageError(f"no checkpoint of step {reference} in {self.folder}; the steps there are: {steps}")
            return found
        if reference not in (None, *POINTERS):
            raise UsageError(f"checkpoint {reference!r} is neither best, last nor a step number")
        for name in by_default(self.folder) if reference is None else POINTERS:
            if reference not in (None, name):
                continue
            pointer = self.pointer(name)
            if pointer and (self.folder / pointer.checkpoint).is_dir():
                return Checkpoint(self.folder / pointer.checkpoint)
        if (everything := self.all()) and reference != "best":
            return everything[0]
        kind = f"{reference} checkpoint" if reference else "checkpoint"
        raise UsageError(f"there is no {kind} in {self.folder} yet; of a run that trains: gpt2tui runs checkpoint")

    def discard_after(self, step: int) -> None:
        """Take away the checkpoints after ``step``, where the run went back to: they are damaged or void.

        They are only hidden; :meth:`prune` removes them once there is a newer one that is whole.
        """
        for entry in self.all():
            if entry.name > self.path(step).name:
                going = entry.folder.with_name(f".{entry.name}.void")
                shutil.rmtree(going, ignore_errors=True)
                entry.folder.rename(going)

    def spare(self) -> list[Checkpoint]:
        """Those that neither ``best`` nor ``last`` points to, the newest step first."""
        pointed = {pointer.checkpoint for name in POINTERS if (pointer := self.pointer(name))}
        return [entry for entry in self.all() if entry.name not in pointed]

    def prune(self, keep: int) -> None:
        """Remove all but ``best``, ``last`` and the ``keep`` newest beside them, and what a crash left half-written."""
        for entry in self.spare()[keep:]:
            # Renamed first, so that a crash leaves nothing that looks like a checkpoint.
            going = entry.folder.with_name(f".{entry.name}.going")
            entry.folder.rename(going)
        for leftover in self.folder.glob(".*"):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def _cause(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
