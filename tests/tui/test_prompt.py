"""Enter sends and nothing else does; the field grows, remembers, and shows what is pasted as text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import Key, Paste
from textual.widgets import Static

from gpt2tui.tui.ordered_app import OrderedApp
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.text_field import TextField
from tests.tui.terminal import Terminal


class PromptApp(OrderedApp):
    BINDINGS: ClassVar = [
        Binding("f1", "note('f1')", "One"),
        Binding("p", "note('p')", "Pause"),
        Binding("escape", "note('escape')", "Stop"),
        Binding("ctrl+c", "note('ctrl+c')", "Copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.noted: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static("above")
        yield PromptArea(placeholder="a prompt", way_in="i writes here")

    def on_mount(self) -> None:
        self.prompt.focus()

    @property
    def prompt(self) -> PromptArea:
        return self.query_one(PromptArea)

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        self.sent.append(event.text)
        event.prompt.remember(event.text)

    def action_note(self, key: str) -> None:
        self.noted.append(key)


async def test_enter_sends_and_empties() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        await pilot.press("O", "n", "c", "e", "enter")
        assert app.sent == ["Once"]
        assert app.prompt.text == ""


async def test_while_the_keys_are_elsewhere_the_frame_says_how_they_come_back() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.prompt.border_subtitle == ""
        await pilot.press("escape")
        assert app.prompt.border_subtitle == "i writes here"


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter", "alt+enter"])
async def test_a_line_is_broken_and_nothing_is_sent(key: str) -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        await pilot.press("a", key, "b")
        assert app.prompt.text == "a\nb"
        assert app.sent == []
        await pilot.press("enter")
        assert app.sent == ["a\nb"]


async def test_pasted_lines_are_not_sent_and_controls_are_shown() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        app.prompt.post_message(Paste("one\ntwo\n[/red]\x1b[31m\x07\u202e"))
        await pilot.pause()
        assert app.prompt.typed == "one\ntwo\n[/red]^[[31m^G\u202e"
        assert app.prompt.get_line(2).plain == "[/red]^[[31m^G·"
        assert app.sent == []


JOINERS = "\u200c\u200d\u200b\u00ad"
HIDDEN = "vous plaît\u00a0» \u0645\u06cc\u200c\u062e c\u202fd e\u00adf g\u200bh \U0001f469\u200d\U0001f467"
"""No-break spaces, joiners and a soft hyphen: text of French and Persian, and of families."""


async def test_characters_without_a_glyph_are_sent_as_they_were_pasted_or_typed() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        app.prompt.post_message(Paste(HIDDEN))
        await pilot.pause()
        app.prompt.select_all()
        assert app.prompt.selected_text == HIDDEN
        await pilot.press("enter")
        for character in HIDDEN:
            app.post_message(Key(character, character))
        await pilot.pause()
        await pilot.press("enter", "up")
        assert app.sent == [HIDDEN, HIDDEN]
        assert app.prompt.typed == HIDDEN
        assert app.prompt.get_line(0).plain == "".join(
            "·" if sign in "\u200c\u200d\u200b\u00ad" else sign for sign in HIDDEN
        )
        await pilot.press("backspace", "backspace")
        assert app.prompt.typed == HIDDEN[:-2]


async def test_a_field_of_one_line_takes_them_too_and_its_cursor_stands_where_they_are_seen() -> None:
    class FieldApp(App[None]):
        def compose(self) -> ComposeResult:
            yield TextField()

    app = FieldApp()
    async with app.run_test() as pilot:
        field = app.query_one(TextField)
        field.post_message(Paste("a\u200d\x1b\nb\n"))
        await pilot.pause()
        app.post_message(Key("no-break_space", "\u00a0"))
        await pilot.press("c", "left")
        assert field.value == "a\u200d^[ b\u00a0c"
        assert field.cursor_screen_offset.x - field.content_region.x == len("a·^[ b ")
        assert field._value.plain == "a·^[ b\u00a0c"
        assert [field._cell_offset_to_index(cell) for cell in range(10)] == [*range(9), 8]


async def test_keys_are_text_until_esc_leaves() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        await pilot.press("p", "question_mark", "1", "f1")
        assert app.prompt.text == "p?1"
        assert app.noted == ["f1"]
        await pilot.press("escape", "p")
        assert app.focused is None
        assert app.noted == ["f1", "p"]


async def test_esc_is_the_screens_while_it_has_something_to_stop() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        app.prompt.keeps_escape = False
        await pilot.press("escape")
        assert app.noted == ["escape"]
        assert app.focused is app.prompt


async def test_ctrl_c_is_the_apps_without_a_selection() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        await pilot.press("a", "ctrl+c")
        assert app.noted == ["ctrl+c"]
        await pilot.press("f7", "ctrl+c")
        assert app.noted == ["ctrl+c"]
        assert app.clipboard == "a"


async def test_arrows_recall_what_was_sent_and_keep_the_draft() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        await pilot.press("a", "enter", "b", "ctrl+j", "c", "enter", "d")
        await pilot.press("up")
        assert app.prompt.text == "b\nc"
        await pilot.press("up")
        assert app.prompt.text == "b\nc", "within a text the arrow moves"
        await pilot.press("up")
        assert app.prompt.text == "a"
        await pilot.press("up")
        assert app.prompt.text == "a"
        await pilot.press("down", "down")
        assert app.prompt.text == "d"


async def test_it_grows_to_six_lines() -> None:
    app = PromptApp()
    async with app.run_test() as pilot:
        frame = app.prompt.outer_size.height - 1
        assert app.prompt.content_size.height == 1
        await pilot.press(*["x", "ctrl+j"] * 3)
        assert app.prompt.content_size.height == 4
        await pilot.press(*["x", "ctrl+j"] * 6)
        assert app.prompt.content_size.height == 6
        assert app.prompt.outer_size.height == 6 + frame


async def test_long_lines_are_wrapped() -> None:
    app = PromptApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.prompt.put("word " * 30)
        await pilot.pause()
        assert app.prompt.content_size.height >= 4
        assert app.prompt.max_scroll_x == 0


def test_in_a_terminal_alt_enter_and_a_paste_send_nothing(tmp_path: Path) -> None:
    code = (
        "from tests.tui.test_prompt import *; from gpt2tui.tui.terminal.driver import TerminalDriver\n"
        "class Real(PromptApp):\n"
        "    def get_driver_class(self): return TerminalDriver\n"
        "    def on_prompt_area_submitted(self, event): self.exit(message=f'sent {event.text!r}')\n"
        "Real().run()"
    )
    with Terminal([sys.executable, "-c", code]) as terminal:
        terminal.wait_for("a prompt")
        terminal.send(b"one\x1b\rtwo")
        terminal.wait_for("two")
        terminal.send(b"\x1b[200~three\rfour\r\x1b[201~")
        terminal.wait_for("four")
        terminal.send(b"\x1b[27;2;13~five\n\x1b[13;2usix\r")
        assert terminal.wait_end() == 0
        assert b"sent 'one\\ntwothree\\nfour\\n\\nfive\\n\\nsix'" in terminal.output


@pytest.mark.parametrize(
    ("burst", "value"), [(b"abc\x7fd", "abd"), (b"abc\x1b[D\x1b[Dx", "axbc"), (b"abc\x1b[Hx\x1b[Fy", "xabcy")]
)
@pytest.mark.parametrize("field", ["TextField", "PromptArea"])
def test_keys_that_come_at_once_act_in_order(field: str, burst: bytes, value: str) -> None:
    code = (
        "from tests.tui.test_prompt import *; from gpt2tui.tui.terminal.driver import TerminalDriver\n"
        "from gpt2tui.tui.widgets.text_field import TextField\n"
        "class Fields(OrderedApp):\n"
        "    def get_driver_class(self): return TerminalDriver\n"
        f"    def compose(self): yield {field}(placeholder='here')\n"
        "    def on_input_submitted(self, event): self.exit(message=f'sent {event.value!r}')\n"
        "    def on_prompt_area_submitted(self, event): self.exit(message=f'sent {event.text!r}')\n"
        "Fields().run()"
    )
    with Terminal([sys.executable, "-c", code]) as terminal:
        terminal.wait_for("here")
        terminal.send(burst + b"\r")
        assert terminal.wait_end() == 0
        assert f"sent '{value}'".encode() in terminal.output
