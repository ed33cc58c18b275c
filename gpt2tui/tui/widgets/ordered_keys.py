"""Fields in which keys act in the order in which they were pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events
from textual.widgets import Input

from gpt2tui.text import visible

if TYPE_CHECKING:
    from textual.app import App
    from textual.binding import BindingsMap


class OrderedKeys:
    """To be mixed into a field: looks its own bindings up when a key arrives.

    Textual looks bindings up when the key has come up to the screen. What was typed after it has then been inserted,
    if both came at once, as over a slow line: a, backspace, b would be an a.
    """

    if TYPE_CHECKING:
        app: App[Any]
        _bindings: BindingsMap

    async def _on_key(self, event: events.Key) -> None:
        bindings = self._bindings.copy()
        bindings.apply_keymap(self.app._keymap)
        for binding in bindings.key_to_bindings.get(event.key, ()):
            if await self.app.run_action(binding.action, self):  # type: ignore[arg-type]
                event.stop()
                event.prevent_default()
                return


class OrderedText(OrderedKeys):
    """To be mixed into a field of text: its cursor is still where nothing is to move."""

    if TYPE_CHECKING:
        cursor_blink: bool

    def on_mount(self) -> None:
        """A cursor that blinks is an animation, and costs a line over SSH twice a second."""
        self.cursor_blink = self.app.animation_level != "none"


class TextField(OrderedText, Input):
    """Textual's field of one line, with its keys in order, and without what a terminal might obey or hide.

    Without a selection ctrl+c and ctrl+x are the app's.
    """

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(visible(value, keep=""), **options)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to copy is no action."""
        if action in ("copy", "cut"):
            return bool(self.selected_text)
        return super().check_action(action, parameters)

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        for line in event.text.splitlines()[:1]:
            self.replace(visible(line, keep=""), *self.selection)
