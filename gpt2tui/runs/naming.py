"""Names of runs: which are fit, and how a run is referred to."""

from __future__ import annotations

from gpt2tui.errors import UsageError
from gpt2tui.text import one_line

_TAKEN = ("latest", "best", "last")
"""What RUN and --checkpoint take for something else than a name."""


def checked_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        UsageError: it is empty, cannot be shown, or means something else on the command line.
    """
    if name.strip() in _TAKEN:
        raise UsageError(f"{name.strip()} is a word that commands take for something else, so it cannot be a name")
    if not name.strip():
        raise UsageError("a name must not be empty")
    if any(not character.isprintable() for character in name):
        raise UsageError(f"a name must not hold control characters: {one_line(name)}")
    return name.strip()


def name_problem(name: str) -> str | None:
    """What is wrong with a name, for whoever asks while it is typed."""
    try:
        checked_name(name)
    except UsageError as error:
        return str(error)
    return None


def imported_name(name: str) -> str:
    """What a model from elsewhere is called here: by its own name, if that can be a run's."""
    return f"imported-{name}" if name in _TAKEN else name


def called(id: str, name: str) -> str:
    """Name and id of a run, or its id where it has no name."""
    return id if name == id else f"{one_line(name)} ({id})"
