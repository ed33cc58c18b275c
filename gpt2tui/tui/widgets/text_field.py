"""A field of one line, and what it shares with the one of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events
from textual.widgets import Input

from gpt2tui.text import visible

if TYPE_CHECKING:
    from textual.app import App


class QuietCursor:
    """To be mixed into a field: its cursor is still where nothing is to move."""

    if TYPE_CHECKING:
        app: App[Any]
        cursor_blink: bool

    def on_mount(self) -> None:
        """A cursor that blinks is an animation, and costs a line over SSH twice a second."""
        self.cursor_blink = self.app.animation_level != "none"


class TextField(QuietCursor, Input):
    """Textual's field, without what a terminal might obey or hide.

    Without a selection ctrl+c and ctrl+x are the app's.
    """

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(visible(value, keep=""), **options)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to copy is no action."""
        if action in ("copy", "cut"):
            return bool(self.selected_text)
        return super().check_action(action, parameters)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Textual has no character for this key."""
        return super().check_consume_key(key, "/" if key == "slash" else character)

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        for line in event.text.splitlines()[:1]:
            self.replace(visible(line, keep=""), *self.selection)
