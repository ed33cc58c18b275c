"""A text that is chosen for the form among the files that are there."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from gpt2tui.tui.live_bindings import live_bindings
from gpt2tui.tui.processes.corpora import NamedCorpus
from gpt2tui.tui.widgets.file_picker import FilePicker
from gpt2tui.tui.widgets.file_tree import FileTree
from tests.tui.apps import text_of, until
from tests.tui.form_app import WIDE, FormApp, estimated


async def picking(app: FormApp, pilot: Pilot[None]) -> None:
    """Wait until a text can be chosen."""
    await until(pilot, lambda: app.screen.query(FileTree) and app.screen.query_one(FileTree).root.children)


async def test_a_file_with_any_name_is_chosen_and_another_text_takes_its_place(here: Path):
    name = 'Don\'s "own" [red]book $x.txt'
    shutil.move(here / "book.txt", here / name)
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+o")
        await picking(app, pilot)
        assert name in text_of(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.form.words() == [name, "--preset", "nano"]
        assert name.removesuffix(".txt") in (await estimated(pilot))["text"]
        assert not app._notifications

        await pilot.press("ctrl+o")
        await picking(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.form.words() == [name, "--preset", "nano"]
        await pilot.press("ctrl+o")
        await picking(app, pilot)
        await pilot.press("shift+tab", "shift+tab", "down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.form.field("text").value == "tiny-shakespeare"
        (notice,) = app._notifications
        assert "tiny-shakespeare instead of 'Don" in notice.message


async def test_after_a_choice_by_the_button_the_text_has_the_keys_and_down_goes_on(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.query_one("#browse").focus()
        await pilot.press("enter")
        await picking(app, pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        assert app.focused is app.form.field("text").control
        await pilot.press("down", "enter")
        assert app.form.field("preset").control.expanded
        assert app.form.field("text").value == "book.txt"


async def test_what_is_typed_after_a_text_was_chosen_stands_behind_it(here: Path):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        app.form.focus_first()
        await pilot.press("b", "o", "ctrl+o")
        await picking(app, pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, FilePicker))
        await pilot.press("space", "c")
        assert app.form.field("text").value == "book.txt c"


async def test_while_a_run_is_started_no_text_is_chosen_for_it(here: Path, monkeypatch: pytest.MonkeyPatch):
    app = FormApp(preset="nano")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.form.is_busy)
        assert "Choose text" not in {one.binding.description for one in live_bindings(app.screen)}
        await pilot.press("ctrl+o")
        app.form.query_one("#browse", Button).press()
        await pilot.pause(0.3)
        assert len(app.screen_stack) == 1

        app.form.show_busy(False)
        known, look = asyncio.Event(), app.form._known_corpora

        async def slowly() -> list[NamedCorpus]:
            await known.wait()
            return await look()

        monkeypatch.setattr(app.form, "_known_corpora", slowly)
        app.form.query_one("#browse", Button).press()
        await pilot.pause()
        app.form.show_busy(True)
        known.set()
        await pilot.pause(0.3)
        assert len(app.screen_stack) == 1
