"""The line that says what came of a deed, and until then what is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.widgets import Static

from gpt2tui.tui.widgets.run_columns import shown

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_DRAW_SECONDS = 1.0


class MessageLine(Static):
    """Shows what was said last; where that is nothing, what ``under_way`` says, if anything."""

    app: Gpt2TuiApp

    def __init__(self, under_way: Callable[[], str]) -> None:
        super().__init__(id="message", markup=False)
        self._under_way = under_way
        self._said = ""
        self._written = ""

    def on_mount(self) -> None:
        self.set_interval(_DRAW_SECONDS, self._draw)

    def say(self, words: str, *, is_bad: bool = False) -> None:
        """Say something, or no longer."""
        self._said = words
        self.set_class(is_bad, "-bad")
        self._draw()

    def _draw(self) -> None:
        words = shown(self._said or self._under_way(), self.app.glyphs)
        if words != self._written:
            self._written = words
            self.display = bool(words)
            self.update(words)
