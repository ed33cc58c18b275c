"""What is wrong in the form stands below its field, and stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Collapsible

from tests.tui.apps import until
from tests.tui.form_app import BOOK, SMALL, WIDE, FormApp, line_of


async def test_a_value_of_the_environment_cannot_be_taken_back_silently(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GPT2TUI_TRAIN_MAX_TIME", "2h")
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        assert app.form.words() == ["--max-time", "2h"]
        app.form.field("max_time").control.focus()
        await pilot.press("ctrl+u", "ctrl+s")
        assert "unset GPT2TUI_TRAIN_MAX_TIME" in line_of(app, "max_time")
        assert app.started == []


async def test_what_is_wrong_stands_below_its_field_at_once_and_stops_the_start():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("max_time").control.focus()
        await pilot.press(*"3x")
        assert "'3x' is not a time" in line_of(app, "max_time")
        app.form.focus_first()
        await pilot.press("ctrl+s")
        assert app.started == []
        assert app.focused is app.form.field("max_time").control
        await pilot.press("backspace", "m")
        assert line_of(app, "max_time") == ""
        await pilot.press("ctrl+s")
        assert app.started == [["--max-time", "3m"]]


async def test_what_is_wrong_behind_more_opens_it():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("dropout").value = "2"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is app.form.field("dropout").control)
        assert app.started == []
        assert not app.form.query_one(Collapsible).collapsed


async def test_an_encoding_that_there_is_not_is_told_at_its_field():
    app = FormApp()
    async with app.run_test(size=SMALL) as pilot:
        app.form.field("encoding").value = "mac-polish"
        await until(pilot, lambda: app.form.field("encoding").problem)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is app.form.field("encoding").control)
        assert "no encoding named 'mac-polish'; there are utf-8" in line_of(app, "encoding")
        assert app.started == []


async def test_a_text_that_is_not_there_is_told_without_a_child(here: Path):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "bok.txt"
        await until(pilot, lambda: line_of(app, "text"))
        assert "bok.txt: no such file or folder, nor one of bundled, tiny-shakespeare" in line_of(app, "text")
        app.form.field("text").value = "it's"
        await until(pilot, lambda: "quote" in line_of(app, "text"))
        await pilot.press("ctrl+s")
        assert app.started == []
        assert app.form.command == ""


async def test_what_is_marked_wrong_is_not_started_until_another_look_finds_it_mended(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "late.txt"
        await until(pilot, lambda: "no such file" in line_of(app, "text"))
        marked = line_of(app, "text")
        await pilot.press("ctrl+s")
        assert app.started == []
        assert line_of(app, "text") == marked
        assert app.focused is app.form.field("text").control
        (here / "late.txt").write_text(BOOK)
        await pilot.press("ctrl+s")
        assert app.started == []
        await until(pilot, lambda: not line_of(app, "text"))
        await pilot.press("ctrl+s")
        assert app.started == [["late.txt", "--preset", "nano"]]


async def test_what_another_field_made_wrong_is_right_when_that_is_changed():
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("block_size").value = "512"
        await until(pilot, lambda: "more than the model's" in line_of(app, "block_size"))
        app.form.field("preset").value = "gpt2"
        await until(pilot, lambda: not line_of(app, "block_size"))


async def test_a_failure_without_its_code_finds_the_field_by_its_words(here: Path):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("text").value = "book.txt"
        await pilot.pause()
        app.form.show_error("book.txt: byte 3 is not UTF-8; dropout must lie in [0, 1), not 2")
        assert line_of(app, "text") == "book.txt: byte 3 is not UTF-8"
        await until(pilot, lambda: line_of(app, "dropout"))
        assert line_of(app, "dropout") == "dropout must lie in [0, 1), not 2"


@pytest.mark.parametrize("wrong", ["0", "99", "fast", "nan"])
async def test_a_learning_rate_is_refused_at_its_field_at_once_whatever_else_is_wrong(wrong: str):
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.focused is app.form.field("block_size").control)
        app.form.field("max_time").value = "3x"
        await pilot.press("down", "down", "down", *wrong)
        assert line_of(app, "lr") == "the learning rate must be a number above 0, and at most 1"
        assert line_of(app, "max_time")


async def test_a_target_that_is_never_met_is_told_at_its_field_and_started_with():
    app = FormApp()
    async with app.run_test(size=WIDE) as pilot:
        app.form.field("target_loss").control.focus()
        await pilot.press("ctrl+u", "0")
        told = "never met, for no loss is below 0: the run goes on until a limit, or until it is stopped"
        assert line_of(app, "target_loss", "note") == told
        await pilot.press(".", "1")
        assert line_of(app, "target_loss", "note") == ""
        await pilot.press("ctrl+u", "0", "ctrl+s")
        assert app.started == [["--target-loss", "0"]]


async def test_a_time_without_a_unit_is_told_to_be_of_seconds():
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.screen.set_focus(app.form.field("max_time").control)
        await pilot.press("5")
        assert line_of(app, "max_time", "note") == "5 seconds; minutes are 5m"
        await pilot.press("m")
        assert line_of(app, "max_time", "note") == ""
