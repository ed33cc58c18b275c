"""Writing an export so that it is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.files import sync_folder
from gpt2tui.text import byte_size, one_line

_EXPORTED = ("config.json", "model.safetensors")
"""What every folder holds that was exported."""


@contextmanager
def writing(destination: Path, *, force: bool, size: int) -> Iterator[Path]:
    """A path beside ``destination`` to write a file or a folder of about ``size`` bytes to.

    It takes the destination's place if the block ends well, and is removed if not. A symbolic link is followed.

    Raises:
        UsageError: the destination exists and is not to be replaced, or never may be.
        Gpt2TuiError: its folder is missing, the disk has no room, or it cannot be written.
    """
    final = destination.expanduser().resolve()
    if problem := _problem(final, force=force):
        raise UsageError(f"{destination} {problem}, or name another place")
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
    except BaseException as error:
        if outdated.exists() and not final.exists():
            outdated.rename(final)
        _remove(building)
        if isinstance(error, OSError | SafetensorError):  # they name the path beside it, or none
            cause = getattr(error, "strerror", None) or one_line(str(error))
            raise Gpt2TuiError(f"{destination} cannot be written: {cause}; name another place") from error
        raise
    sync_folder(final.parent)
    _remove(outdated)


def _problem(final: Path, *, force: bool) -> str | None:
    """Why what is there may not be replaced, and what to do about it; None where it may, or nothing is there."""
    for kept in (Path.cwd(), Path.home()):
        if kept.is_relative_to(final):
            return "cannot be replaced, since you are or live in it; name a place in it"
    if any((folder / "run.json").is_file() for folder in (final, *final.parents)):
        return "is in a run, which is kept as it is; copy what you need out of it"
    if not final.exists() or (final.is_dir() and not any(final.iterdir())):
        return None
    if not force:
        return "exists; replace it with --force"
    if final.is_dir() and not all((final / name).is_file() for name in _EXPORTED):
        return "holds other things than an export, and is not replaced; remove it yourself"
    if not (final.is_dir() or final.is_file()):
        return "is neither a file nor a folder, and is not replaced; remove it yourself"
    return None


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
