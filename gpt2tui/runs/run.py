"""A run is a directory; this is the directory's names, and what can be asked of it without its trainer."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.commands import Command
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import AnyEvent
from gpt2tui.runs.files import tree_bytes, write_whole
from gpt2tui.runs.journal import EVENTS_FILE, JournalWriter, event_reader
from gpt2tui.runs.series import Series, open_series

if TYPE_CHECKING:
    import filelock

_LOCK_SECONDS = 2.0
"""A trainer waits this long for its lock, since a viewer that looks holds it for an instant."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The viewers' part of a run."""

    name: str | None = None
    pinned: bool = False
    notes: str = ""


class Run:
    """One run's directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def config_file(self) -> Path:
        return self.folder / "run.json"

    @property
    def tokens_file(self) -> Path:
        return self.folder / "tokens.bin"

    @property
    def events_file(self) -> Path:
        return self.folder / EVENTS_FILE

    @property
    def series_file(self) -> Path:
        return self.folder / "series.bin"

    @property
    def commands_file(self) -> Path:
        return self.folder / "commands.jsonl"

    @property
    def label_file(self) -> Path:
        return self.folder / "label.json"

    @property
    def log_file(self) -> Path:
        return self.folder / "worker.log"

    @property
    def reserve_file(self) -> Path:
        return self.folder / "worker.reserve"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def transcripts(self) -> Path:
        return self.folder / "transcripts"

    def config(self) -> RunConfig:
        """The frozen configuration.

        Raises:
            Gpt2TuiError: run.json is missing or was written by something else.
        """
        try:
            return msgspec.json.decode(self.config_file.read_bytes(), type=RunConfig)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Gpt2TuiError(f"run {self.id}: {self.config_file} cannot be read: {error}") from error

    def label(self) -> Label:
        """The viewers' label; an empty one where none was written or it cannot be read."""
        try:
            return msgspec.json.decode(self.label_file.read_bytes(), type=Label)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Label()

    def set_label(self, label: Label) -> None:
        """Write the label, whole or not at all."""
        write_whole(self.label_file, msgspec.json.format(msgspec.json.encode(label), indent=2) + b"\n")

    def name(self) -> str:
        """What people call it: its label's name, else the one it was started with, else its id.

        A damaged run.json costs a run its name and no more, so that the others can still be listed and found.
        """
        try:
            return self.label().name or self.config().name or self.id
        except Gpt2TuiError:
            return self.id

    def events(self) -> Iterator[AnyEvent]:
        """All events so far, oldest first, also those that a resume made void."""
        return event_reader(self.events_file).poll()

    def last_written(self) -> float:
        """When its journal last grew, in seconds since the epoch; 0 where it has none."""
        try:
            return self.events_file.stat().st_mtime
        except OSError:
            return 0.0

    def series(self) -> Series:
        """The columns of all steps that count."""
        return open_series(self.series_file)

    def is_alive(self, *, unknown: bool = False) -> bool:
        """Whether a trainer holds the run now; ``unknown`` where that cannot be asked.

        It cannot where the lock may not be opened, where too many files are open, or the network disk is away.
        """
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return unknown
        # Shared, so that two viewers that look at once do not take each other for the trainer.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return unknown
        finally:
            os.close(descriptor)
        return False

    def is_gone(self) -> bool:
        """Whether its folder is no longer there; what cannot be looked into is."""
        try:
            self.folder.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    @property
    def lock_file(self) -> Path:
        return self.folder / "worker.lock"

    def lock(self) -> filelock.BaseFileLock:
        """Take the run for this process, for as long as the lock is kept.

        Raises:
            Gpt2TuiError: another process trains it.
        """
        import filelock  # only trainers take it; every start of a viewer would pay for it

        lock = filelock.FileLock(self.lock_file, timeout=_LOCK_SECONDS)
        try:
            return lock.acquire().lock
        except filelock.Timeout:
            raise Gpt2TuiError(
                f"run {self.id} is being trained by another process; see it with: gpt2tui watch {self.id}"
            ) from None

    def send(self, command: Command) -> None:
        """Append a command for the living trainer.

        Raises:
            OSError: it cannot be written; the error names the file.
        """
        writer = JournalWriter(self.commands_file)
        try:
            writer.append([command])
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.commands_file)) from error
        finally:
            writer.close()

    def bytes(self) -> int:
        """Disk it takes."""
        return tree_bytes(self.folder)
