"""A field of one line, and what it shares with the one of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events
from textual.widgets import Input

from gpt2tui.tui.hidden_text import is_hidden_text, marked, typed_text

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
    """Textual's field, without what a terminal might obey; what it would hide is text, and seen as a mark.

    Without a selection ctrl+c and ctrl+x are the app's.
    """

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(typed_text(value), **options)

    @property
    def _value(self) -> Text:
        """The value as it is drawn."""
        return marked(self.value)

    def _position_to_cell(self, position: int) -> int:
        return self._value[:position].cell_len

    def _cell_offset_to_index(self, offset: int) -> int:
        wanted = offset + round(self.scroll_x)
        return next(
            (place for place in range(len(self.value)) if self._position_to_cell(place + 1) > wanted), len(self.value)
        )

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
        lines = event.text.splitlines()
        text = lines[0] if len(lines) == 1 else " ".join(filter(None, map(str.strip, lines)))
        self.replace(typed_text(text), *self.selection)

    async def _on_key(self, event: events.Key) -> None:
        if is_hidden_text(event.character):
            event.prevent_default()
            event.stop()
            self.replace(event.character or "", *self.selection)
