"""Names of runs: which are fit, and how a run is referred to."""

from __future__ import annotations

from gpt2tui.errors import UsageError
from gpt2tui.text import one_line


def checked_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        UsageError: it is empty or cannot be shown.
    """
    if not name.strip():
        raise UsageError("a name must not be empty")
    if any(not character.isprintable() for character in name):
        raise UsageError(f"a name must not hold control characters: {one_line(name)}")
    return name.strip()


def called(id: str, name: str) -> str:
    """Name and id of a run, or its id where it has no name."""
    return id if name == id else f"{one_line(name)} ({id})"
