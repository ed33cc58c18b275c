"""Writing an export so that it is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.files import sync_folder
from gpt2tui.text import byte_size


@contextmanager
def writing(destination: Path, *, force: bool, size: int) -> Iterator[Path]:
    """A path beside ``destination`` to write a file or a folder of about ``size`` bytes to.

    It takes the destination's place if the block ends well, and is removed if not. A symbolic link is followed.

    Raises:
        UsageError: the destination exists and is not to be replaced, or is the root or the home folder.
        Gpt2TuiError: its folder is missing, or the disk has no room.
        OSError: it cannot be written.
    """
    final = destination.expanduser().resolve()
    if final in (Path(final.anchor), Path.home(), Path.cwd()):
        raise UsageError(f"{destination} cannot be replaced; name a place in it")
    is_there = final.exists() and not (final.is_dir() and not any(final.iterdir()))
    if is_there and not force:
        raise UsageError(f"{destination} exists; replace it with --force, or name another place")
    if not final.parent.is_dir():
        raise Gpt2TuiError(f"{destination} cannot be written: there is no folder {final.parent}")
    free = shutil.disk_usage(final.parent).free
    if free < size:
        raise Gpt2TuiError(f"{destination} needs {byte_size(size)}, and its disk has {byte_size(free)} free")
    building = final.with_name(f".{final.name}.{os.getpid()}")
    outdated = final.with_name(f".{final.name}.{os.getpid()}.outdated")
    try:
        yield building
        _settle(building)
        if final.exists():
            final.rename(outdated)
        building.rename(final)
    except BaseException:
        if outdated.exists() and not final.exists():
            outdated.rename(final)
        _remove(building)
        raise
    sync_folder(final.parent)
    _remove(outdated)


def _settle(path: Path) -> None:
    """Bring all of it to the disk itself, readable for those whom this user's new files are readable for."""
    hidden = os.umask(0)
    os.umask(hidden)
    for one in [path, *(path.rglob("*") if path.is_dir() else ())]:
        if one.is_file():  # safetensors makes its files private
            one.chmod(0o666 & ~hidden)
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
