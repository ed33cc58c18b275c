"""What is in a folder, for choosing a text from it."""

from __future__ import annotations

import fnmatch
import heapq
import os
from collections import deque
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path
from typing import NamedTuple

MOST_ENTRIES = 500
"""More than so many are not shown at once: nobody reads them, and a filter finds the others."""

MOST_FOLDERS, MOST_LOOKED_AT, MOST_FOUND = 400, 20_000, 100
"""A search below a folder ends after so many folders, entries, or files that fit: it must not read a huge disk."""


class Entry(NamedTuple):
    """A file or a folder."""

    path: Path
    is_folder: bool


class Listing(NamedTuple):
    """The entries to show, how many others fit the filter, and what went wrong."""

    entries: list[Entry]
    left_out: int
    problem: str | None


class Findings(NamedTuple):
    """Files below a folder, and whether all that is there was looked at."""

    files: list[Path]
    is_all: bool


def list_folder(folder: Path, pattern: str = "", *, kept: Collection[str] = ()) -> Listing:
    """The entries of a folder whose names fit, and those that are ``kept``, folders first, in the order of their names.

    A pattern with ``*`` or ``?`` is a glob, any other may stand anywhere in the name, in any case. Hidden entries
    are left out unless the pattern begins with a dot. Takes as long as the file system does.
    """
    try:
        with os.scandir(folder) as entries:
            fitting = (entry for entry in entries if entry.name in kept or fits(entry.name, pattern))
            found = [(not _is_folder(entry), entry.name.lower(), entry.name) for entry in fitting]
    except OSError as error:
        return Listing([], 0, error.strerror or str(error))
    first = heapq.nsmallest(MOST_ENTRIES, found)
    return Listing([Entry(folder / name, not is_file) for is_file, _, name in first], len(found) - len(first), None)


def find_below(
    folder: Path, pattern: str, *, opened: Collection[Path] = (), is_wanted: Callable[[], bool] = lambda: True
) -> Findings:
    """The files in the folders of a folder whose names fit, those of the nearest folders first.

    Left out are hidden folders, links, what cannot be read, and the files of folders that are ``opened`` and stand in
    such a one, or in ``folder``: these are shown. It ends at its bounds, and once it is no longer wanted.
    """
    found: list[Path] = []
    waiting, left = deque([(folder, True)]), MOST_LOOKED_AT
    for _ in range(MOST_FOLDERS):
        if not (waiting and is_wanted()):
            break
        current, is_shown = waiting.popleft()
        folders, files, looked_at = _split(current, left)
        left -= looked_at
        waiting.extend((current / name, is_shown and current / name in opened) for name in folders)
        if not is_shown:
            found += [current / name for name in files if fits(name, pattern)]
        if len(found) >= MOST_FOUND or left <= 0:
            return Findings(found[:MOST_FOUND], False)
    return Findings(found, not waiting)


def _split(folder: Path, most: int) -> tuple[list[str], list[str], int]:
    """The names of folders that are not hidden, and of files, without links; how many entries were looked at."""
    names: tuple[list[str], list[str]] = ([], [])
    looked_at = 0
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, most):
                looked_at += 1
                is_folder = entry.is_dir(follow_symlinks=False)
                if not (entry.is_symlink() or (is_folder and entry.name.startswith("."))):
                    names[not is_folder].append(entry.name)
    except OSError:
        pass
    folders, files = (sorted(each, key=str.lower) for each in names)
    return folders, files, looked_at


def fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern; see :func:`list_folder`."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    if any(character in pattern for character in "*?["):
        return fnmatch.fnmatch(name.lower(), pattern.lower())
    return pattern.lower() in name.lower()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
