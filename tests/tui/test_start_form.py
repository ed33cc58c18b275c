"""The form that starts a training: what it posts, what it begins with, and how it looks."""

from __future__ import annotations

from pathlib import Path

from textual.events import Paste
from textual.widgets import Button, Static

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.form.start_options import OPTIONS
from tests.runs.synthetic import held, make_run, whole_story
from tests.tui.apps import text_of, until
from tests.tui.form_app import SMALL, WIDE, FormApp, estimated, open_more


def error_of(app: FormApp) -> str:
    line = app.form.query_one(".error", Static)
    return str(line.render()) if line.display else ""


async def test_an_untouched_form_starts_the_default_run():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+s")
        assert app.started == [[]]
        assert app.form.command == "gpt2tui train --headless"


async def test_pressing_enter_twice_starts_one_run_and_a_failure_lets_it_be_started_again():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("name").control.focus()
        await pilot.press("enter", "enter", "ctrl+s")
        assert len(app.started) == 1
        assert app.form.query_one("#start", Button).disabled
        assert app.focused is app.form, "what is typed now is no text of the form"
        app.form.show_busy(False)
        app.form.show_error("the disk is on fire")
        assert error_of(app) == "the disk is on fire"
        await pilot.press("ctrl+s")
        assert len(app.started) == 2
        assert error_of(app) == ""


async def test_the_start_button_starts():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.query_one("#start", Button).focus()
        await pilot.press("enter")
        assert app.started == [[]]


async def test_what_is_pasted_or_preset_is_shown_as_text():
    app = FormApp(name="a\x1b[31m\u202eb")
    async with app.run_test(size=WIDE) as pilot:
        assert app.form.field("name").control.value == "a^[[31m\u202eb"
        app.form.field("text").control.post_message(Paste("[/red]\x1b[31m\x07\u202e\nmore"))
        await until(pilot, lambda: app.form.field("text").value)
        assert app.form.field("text").control.value == "[/red]^[[31m^G\u202e more"
        assert "\u202e" not in text_of(app)


async def test_the_users_settings_are_what_the_form_begins_with():
    app = FormApp(preset="mini", max_time="2h", sample_prompt="DORCAS: ")
    async with app.run_test(size=WIDE):
        assert app.form.values()["preset"] == "mini"
        expected = ["--preset", "mini", "--max-time", "2h", "--sample-prompt", "DORCAS:"]
        assert app.form.words() == expected


async def test_a_run_that_lives_when_the_form_is_seen_is_warned_of(store: RunStore):
    make_run(store, whole_story())
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await estimated(pilot)
        busy = app.form.query_one(".busy", Static)
        assert not busy.display
        app.form.display = False
        await pilot.pause()
        with held(make_run(store, whole_story(5)[:-1], name="the [red]first")):
            app.form.display = True
            await until(pilot, lambda: busy.display)
            assert str(busy.render()) == "run the [red]first trains on cpu already: both will be slower"
            await pilot.press("ctrl+s")
            assert app.started == [["--preset", "nano"]]
        app.form.show_busy(False)
        app.form.field("batch_size").value = "3"
        await until(pilot, lambda: not busy.display)


async def test_the_form_keeps_its_contents_when_it_is_hidden_or_resized(here: Path):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press(*"book.txt")
        app.form.field("seed").value = "7"
        values = app.form.values()
        for size in ((40, 10), SMALL, (20, 5), WIDE):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        app.form.display = False
        await pilot.pause()
        app.form.display = True
        await pilot.pause()
        assert app.form.values() == values
        assert app.form.has_class("-wide")


async def test_all_of_it_can_be_reached_at_the_smallest_size():
    app = FormApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("ctrl+l")
        for name in OPTIONS:
            control = app.form.field(name).control
            control.focus()
            await until(pilot, lambda control=control: app.screen.find_widget(control).visible_region.area, name)


async def test_ascii_mode_draws_ascii_only():
    app = FormApp(is_ascii=True, preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await estimated(pilot)
        await open_more(pilot)
        app.screen.set_focus(app.form.field("preset").control)
        await pilot.press("enter")
        assert "gpt2-medium" in text_of(app)
        assert text_of(app).isascii()


async def test_the_meaning_of_the_field_that_is_in_use_is_told():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("max_time").control.focus()
        await until(pilot, lambda: OPTIONS["max_time"].meaning in text_of(app))
        assert all(app.form.field(name).tooltip == option.meaning for name, option in OPTIONS.items())


async def test_the_command_is_copied(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+y")
        assert app.clipboard == "gpt2tui train --headless --preset nano"
