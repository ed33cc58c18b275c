"""Writing an export so that it is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.files import sync_folder
from gpt2tui.runs.paths import Paths
from gpt2tui.text import byte_size, one_line

_EXPORTED = {"config.json", "model.safetensors"}
"""What every folder holds that was exported."""


@contextmanager
def writing(destination: Path, *, force: bool, size: int, files: Collection[str] = ()) -> Iterator[Path]:
    """A path beside ``destination`` to write a file or a folder of about ``size`` bytes to.

    It takes the destination's place if the block ends well, and is removed if not. A symbolic link is followed.
    A folder is replaced only if it holds an earlier export: nothing but ``files``.

    Raises:
        UsageError: the destination exists and is not to be replaced, or nothing may be written there.
        Gpt2TuiError: it cannot be written, or the disk has no room.
    """
    final = destination.expanduser().resolve()
    try:
        if refusal := _refusal(final, files):
            raise UsageError(f"{destination} cannot be replaced: {refusal}")
        if _holds_something(final) and not force:
            raise UsageError(f"{destination} exists; replace it with --force, or name another place")
        if not final.parent.is_dir():
            raise Gpt2TuiError(f"{destination} cannot be written: there is no folder {final.parent}")
        free = shutil.disk_usage(final.parent).free
        if free < size:
            raise Gpt2TuiError(f"{destination} needs {byte_size(size)}, and its disk has {byte_size(free)} free")
        with _taking_the_place_of(final) as building:
            yield building
    except (OSError, SafetensorError) as error:  # these name a hidden path, or none
        cause = getattr(error, "strerror", None) or one_line(str(error))
        raise Gpt2TuiError(
            f"{destination} cannot be written: {cause}; name another place, or make room in this one"
        ) from error


def _refusal(final: Path, files: Collection[str]) -> str | None:
    """Why nothing may be written there, ``--force`` or not, and the way out; None where it may."""
    runs = Paths.from_environment().runs.resolve()
    kept = {"the current folder": Path.cwd(), "the home folder": Path.home().resolve(), "the folder of runs": runs}
    for words, place in kept.items():
        if place.is_relative_to(final):
            return f"it is {words}, or holds it; name another place"
    if any(place == runs or (place / "run.json").is_file() for place in (final, *final.parents)):
        return "it lies among the runs; name another place"
    if final.exists() and not (final.is_file() or final.is_dir()):
        return "it is neither a file nor a folder; name another place"
    if final.is_dir() and _holds_something(final) and not _is_export(final, files):
        return "it is no earlier export of this kind, or holds more; name another place, or remove it yourself"
    return None


def _holds_something(place: Path) -> bool:
    return any(place.iterdir()) if place.is_dir() else place.exists()


def _is_export(folder: Path, files: Collection[str]) -> bool:
    found = list(folder.iterdir())
    return _EXPORTED <= {one.name for one in found} <= {*files} and all(one.is_file() for one in found)


@contextmanager
def _taking_the_place_of(final: Path) -> Iterator[Path]:
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
