"""A little of a disk held back, to tell that it is full once it is."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 1 << 16
"""Lines of some hundred events: what a run tells until there is room again, or until it has ended."""


class Reserve:
    """A file that takes up room until :meth:`give_up`, and again from the next :meth:`take` on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_held = False

    def take(self) -> bool:
        """Whether the room is held: it was already, or there is so much of it again."""
        if not self._is_held:
            try:
                self._path.write_bytes(os.urandom(RESERVE_BYTES))  # zeros might be kept in no room at all
                self._is_held = True
            except OSError:
                self.give_up()
        return self._is_held

    def give_up(self) -> None:
        """Free the room."""
        self._is_held = False
        with suppress(OSError):
            self._path.unlink()
