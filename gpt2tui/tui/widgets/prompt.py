"""The field in which a prompt is written."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from gpt2tui.tui.hidden_text import is_hidden_text, marked, typed_text, with_stand_ins, without_stand_ins
from gpt2tui.tui.widgets.text_field import QuietCursor

_REMEMBERED = 200


class PromptArea(QuietCursor, TextArea):
    """Several lines of text that enter sends; nothing else does, and nothing pasted.

    While ``keeps_escape`` is false, esc is left to the screen, which may have something to stop. While the keys are
    elsewhere, the frame says what the ``way_in`` is.
    """

    class Submitted(Message):
        """Enter was pressed. The text stays until ``remember`` is called: an answer may fail."""

        def __init__(self, prompt: PromptArea, text: str) -> None:
            super().__init__()
            self.prompt = prompt
            self.text = text

        @property
        def control(self) -> PromptArea:
            return self.prompt

    DEFAULT_CSS = """
    PromptArea { height: auto; min-height: 3; max-height: 8; }
    """
    BINDINGS: ClassVar = [
        Binding("enter", "send", "Send", id="prompt.send", tooltip="Continue this text"),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "break_line",
            "New line",
            id="prompt.break",
            tooltip="Break the line; shift+enter and alt+enter where the terminal tells them apart",
        ),
        Binding("escape", "leave", "Leave field", id="prompt.leave", show=False, tooltip="Keys are keys again"),
    ]

    def render_line(self, y: int) -> Strip:
        """A line of the field, blank where there is no room for a letter: Textual would break it there for ever."""
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(self.size.width)

    def __init__(self, text: str = "", *, placeholder: str = "", way_in: str = "", id: str | None = None) -> None:
        super().__init__(
            _taken(text),
            soft_wrap=True,
            tab_behavior="focus",
            show_line_numbers=False,
            placeholder=placeholder,
            id=id,
        )
        self.keeps_escape = True
        self._way_in = self.border_subtitle = way_in
        self._history: list[str] = []
        self._draft = ""
        self._place = 0
        """In the history; behind its end while the draft is shown."""

    def on_focus(self) -> None:
        self.border_subtitle = ""

    def on_blur(self) -> None:
        self.border_subtitle = self._way_in

    @property
    def typed(self) -> str:
        """The text itself; ``text`` has stand-ins for characters without a glyph."""
        return without_stand_ins(self.text)

    @property
    def selected_text(self) -> str:
        """The selection as it is copied."""
        return without_stand_ins(super().selected_text)

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn."""
        return marked(self.document.get_line(line_index))

    def put(self, text: str) -> None:
        """Replace the text, as when a prompt is edited again, with the cursor at its end."""
        self.text = _taken(text)
        self.move_cursor(self.document.end)

    def remember(self, text: str) -> None:
        """The text was taken: empty the field, and keep it for arrow up."""
        if text.strip() and text not in self._history[-1:]:
            self._history = [*self._history, text][-_REMEMBERED:]
        self._place, self._draft = len(self._history), ""
        self.text = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc may be the screen's, and without a selection ctrl+c and ctrl+x are the app's."""
        if action == "leave":
            return self.keeps_escape
        if action in ("copy", "cut"):
            return bool(self.selected_text)
        return super().check_action(action, parameters)

    def action_send(self) -> None:
        """Hand the text over."""
        self.post_message(self.Submitted(self, self.typed))

    def action_break_line(self) -> None:
        """Put a line break in place of the selection."""
        self._put("\n")

    def action_leave(self) -> None:
        """Leave the field, so that keys are keys again."""
        self.screen.set_focus(None)

    def action_cursor_up(self, select: bool = False) -> None:
        """A line up; on the first line, the prompt before."""
        if not select and self.navigator.is_first_wrapped_line(self.cursor_location):
            self._recall(self._place - 1)
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """A line down; on the last line, the prompt after."""
        if not select and self.navigator.is_last_wrapped_line(self.cursor_location):
            self._recall(self._place + 1)
        else:
            super().action_cursor_down(select)

    def _recall(self, place: int) -> None:
        if not 0 <= place <= len(self._history):
            return
        if self._place == len(self._history):
            self._draft = self.typed
        self._place = place
        self.put(self._draft if place == len(self._history) else self._history[place])

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        if event.key == "enter":  # a binding, where Textual's breaks the line
            event.prevent_default()
        elif is_hidden_text(event.character):
            event.prevent_default()
            event.stop()
            self._put(event.character or "")

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self._put(event.text)

    def _put(self, text: str) -> None:
        """Put a text in place of the selection."""
        self.replace(_taken(text), *self.selection, maintain_selection_offset=False)


def _taken(text: str) -> str:
    return with_stand_ins(typed_text(text, keep="\n\t"))
