"""What is in a folder, for choosing a text from it."""

from __future__ import annotations

import fnmatch
import heapq
import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

MOST_ENTRIES = 500
"""More than so many are not shown at once: nobody reads them, and a filter finds the others."""


class Entry(NamedTuple):
    """A file or a folder."""

    path: Path
    is_folder: bool


class Listing(NamedTuple):
    """The entries to show, how many others fit the filter, and what went wrong."""

    entries: list[Entry]
    left_out: int
    problem: str | None


def list_folder(folder: Path, pattern: str = "", *, kept: Collection[str] = ()) -> Listing:
    """The entries of a folder whose names fit, and those that are ``kept``, folders first, in the order of their names.

    A pattern with ``*`` or ``?`` is a glob, any other may stand anywhere in the name, in any case. Hidden entries
    are left out unless the pattern begins with a dot. Takes as long as the file system does.
    """
    try:
        with os.scandir(folder) as entries:
            fitting = (entry for entry in entries if entry.name in kept or _fits(entry.name, pattern))
            found = [(not _is_folder(entry), entry.name.lower(), entry.name) for entry in fitting]
    except OSError as error:
        return Listing([], 0, error.strerror or str(error))
    first = heapq.nsmallest(MOST_ENTRIES, found)
    return Listing([Entry(folder / name, not is_file) for is_file, _, name in first], len(found) - len(first), None)


def _fits(name: str, pattern: str) -> bool:
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
