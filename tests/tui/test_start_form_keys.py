"""The keys of the form that starts a training: one after the other, and many at once."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Collapsible, Select, Static

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.widgets.start_form import StartForm
from tests.runs.synthetic import make_run, whole_story
from tests.tui.apps import until
from tests.tui.form_app import SMALL, WIDE, FormApp, open_more
from tests.tui.terminal import Terminal


async def test_it_is_filled_and_started_with_the_keyboard_alone(here: Path):
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        assert app.focused is app.form.field("text").control
        await pilot.press(*"book.txt", "tab", "tab")
        assert app.focused is app.form.field("preset").control
        await pilot.press("enter", *"nano", "enter", "tab", "tab")
        assert app.focused is app.form.field("target_loss").control
        await pilot.press("ctrl+u", *"1.5", "enter", *"30m", "enter", *"9", "enter", *"my run")
        assert app.started == []
        await pilot.press("enter")
        expected = "book.txt --preset nano --target-loss 1.5 --max-time 30m --max-steps 9 --name 'my run'"
        assert app.started == [shlex.split(expected)]
        assert app.form.command == f"gpt2tui train --headless {expected}"
        command = app.form.query_one(".command", Static)
        await until(pilot, lambda: str(command.render()) == app.form.command)


async def test_esc_leaves_the_field_and_the_keys_of_the_form_go_on():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.focus_first()
        await pilot.press(*"x1", "escape", "1", "q")
        assert app.form.field("text").value == "x1"
        assert app.focused is app.form
        await pilot.press("escape")
        assert app.focused is app.form
        await pilot.press("enter", "ctrl+u", "ctrl+s")
        assert app.started == [[]]


def test_keys_that_come_at_once_open_the_form_and_go_where_they_were_meant(here: Path, store: RunStore):
    make_run(store, whole_story())
    with Terminal([sys.executable, "-m", "gpt2tui"], size=WIDE) as terminal:
        terminal.wait_for("Below the target")
        terminal.send(b"nbok\x7fok.txt\t\t\t\t\x151.5\r30m\r9\x1b[Aq\x7f\x1b[B\x1b[Bquick\x1b[Hx")
        terminal.wait_for("--max-steps 9")
        for field, value in (
            ("Text", "book.txt"),
            ("Target loss", "1.5"),
            ("Time limit", "30m"),
            ("Step limit", "9"),
        ):
            terminal.wait_for(f" {field:<15} {value} ")


@pytest.mark.parametrize("tabs", [2, 3, 4])
async def test_an_enter_for_a_button_or_a_list_starts_nothing_whatever_follows_at_once(tabs: int):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        for key in (*["tab"] * tabs, "enter", "tab", "tab", "7"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause(0.3)
        assert app.started == []


async def test_what_is_chosen_by_keys_that_come_at_once_is_taken_and_the_later_keys_go_on():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("preset").control.focus()
        await pilot.pause()
        for key in ("enter", *"nano", "enter", "tab", "tab", "7"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.form.field("target_loss").value.endswith("7"))
        assert app.form.field("preset").value == "nano"
        assert app.focused is app.form.field("target_loss").control
        assert app.started == []
        for key in ("shift+tab", "shift+tab", "enter", "down", "tab", "enter", "escape", "tab", "8"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.form.field("target_loss").value.endswith("78"))
        assert app.form.field("preset").value == "nano"
        assert not [select for select in app.query(Select) if select.expanded]


async def test_a_closed_choice_takes_the_letters_of_one():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        preset = app.form.field("preset")
        app.screen.set_focus(preset.control)
        for typed, chosen in (
            ("m", "mini"),
            ("g", "gpt2"),
            ("g", "gpt2-medium"),
            ("nano", "nano"),
            ("GPT2-x", "gpt2-xl"),
        ):
            await pilot.press(*typed)
            assert preset.value == chosen
        await pilot.press("tab", "s", "x")
        assert app.form.field("recipe").value == "sprint"
        assert app.form.words() == ["--preset", "gpt2-xl", "--recipe", "sprint"]


async def test_what_is_typed_takes_the_place_of_a_text_that_was_trained_on():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press(*"old")
        app.form.focus_first()
        await pilot.press("s")
        assert app.form.field("text").value == "olds"
        app.form.settle()
        app.form.focus_first()
        await pilot.press(*"new")
        assert app.form.field("text").value == "new"


async def test_up_and_down_pass_lists_by_and_nothing_starts_while_one_is_open():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press("down", "down", "down")
        assert app.focused is app.form.field("target_loss").control
        await pilot.press("up", "up")
        assert app.focused is app.form.field("preset").control
        await pilot.press("enter", "ctrl+s")
        assert app.form.field("preset").control.expanded
        assert app.started == []


async def test_the_last_letters_before_the_start_are_started_with():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        for key in ("enter", *"book", "ctrl+s"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.started)
        assert app.started == [["book"]]


async def test_keys_that_go_on_pass_the_button_beside_the_text_by():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        for key in ("down", "enter"):
            app.form.focus_first()
            await pilot.press(key)
            assert app.focused is app.form.field("preset").control
        await pilot.press("up")
        assert app.focused is app.form.field("text").control
        browse = app.form.query_one("#browse")
        await pilot.press("tab")
        assert app.focused is browse
        await pilot.press("up")
        assert app.focused is app.form.field("text").control
        await pilot.press("tab", "down")
        assert app.focused is app.form.field("preset").control
        await pilot.press("shift+tab")
        assert app.focused is browse


async def test_up_and_down_go_through_the_fields():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("target_loss").control.focus()
        await pilot.press("down", "down")
        assert app.focused is app.form.field("max_steps").control
        await pilot.press("up")
        assert app.focused is app.form.field("max_time").control


async def test_up_and_down_end_at_the_first_and_the_last_control():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.focus_first()
        await pilot.press("up", "a")
        assert app.focused is app.form.field("text").control
        assert app.form.field("text").value == "a"
        await pilot.press(*["down"] * 20)
        assert app.focused is app.form.query_one("#start")
        await pilot.press("up", "up")
        assert app.focused is app.form.field("name").control


async def test_tab_goes_round_through_the_controls_and_not_to_where_letters_are_no_text():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.focus_first()
        await pilot.press("shift+tab")
        assert app.focused is app.form.query_one("#start")
        await pilot.press("tab", "a")
        assert app.form.field("text").value == "a"
        await pilot.press("escape", "tab", "b")
        assert app.form.field("text").value == "ab"


async def test_more_is_opened_by_key_and_then_the_last_field_starts():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("name").control.focus()
        await open_more(pilot)
        await pilot.press("6", "4", "enter")
        assert app.started == []
        app.form.field("encoding").control.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is app.form.field("split_on_eot").control)
        await pilot.press("ctrl+s")
        assert app.started == [["--block-size", "64"]]


async def test_the_form_has_the_keys_when_the_field_that_had_them_is_hidden(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await open_more(pilot)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.form.query_one(Collapsible).collapsed)
        assert app.focused is app.form
        await open_more(pilot)


async def test_what_is_typed_takes_the_place_of_a_default_and_not_of_what_was_typed(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await open_more(pilot)
        field = app.form.field("checkpoint_every")
        for expected in ("9", "98"):
            field.control.focus()
            await until(pilot, lambda: app.focused is field.control)
            await pilot.press(expected[-1])
            assert field.value == expected
            await pilot.press("escape")


def test_every_key_of_the_form_has_an_id_and_says_what_it_does():
    for binding in StartForm.BINDINGS:
        assert binding.id.startswith("form.")
        assert binding.tooltip
