"""Runs that are being trained now, and what that means for another on the same device."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore


class Neighbour(NamedTuple):
    """A run that is being trained."""

    name: str
    device: str


def neighbours(runs: Iterable[Run]) -> list[Neighbour]:
    """Those of these runs that are being trained; one whose configuration cannot be read is left out."""
    living: list[Neighbour] = []
    for run in runs:
        with suppress(Gpt2TuiError, OSError):
            if run.is_alive():
                living.append(Neighbour(run.name(), run.config().device))
    return living


def crowding(living: Iterable[Neighbour], device: str | None) -> str:
    """A line of warning to who starts a run on this device; empty where nobody trains on it."""
    names = [neighbour.name for neighbour in living if neighbour.device == device]
    if not names:
        return ""
    runs, both = (f"run {names[0]} trains", "both") if len(names) == 1 else (f"runs {', '.join(names)} train", "all")
    return f"{runs} on {device} already: {both} will be slower"


def crowding_of(run: Run, store: RunStore) -> str:
    """The warning for a run that has been started, of the others in the store."""
    others = [other for other in store.all() if other.folder != run.folder]
    return crowding(neighbours(others), run.config().device)
