"""The answer to a key that can do nothing now."""

from __future__ import annotations

import time
from typing import Any

from textual.screen import Screen

_SECONDS = 3.0
"""How long it is shown, and not said again: it covers what is below it."""


class IdleKeys:
    """Says on ``screen`` why a key does nothing; one that is held down says it once."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._said = ""
        self._until = 0.0

    def answer(self, words: str) -> None:
        """Say it, unless it is being said."""
        if words != self._said or time.monotonic() > self._until:
            self._said, self._until = words, time.monotonic() + _SECONDS
            self._screen.notify(words, timeout=_SECONDS, markup=False)
