"""What is typed in one burst, as over a slow line, does what it would do key by key."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.widgets import Input

from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui import ordered_app
from gpt2tui.tui.ordered_app import OrderedApp
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.widgets.file_picker import FilePicker
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.run_filter import RunFilter
from gpt2tui.tui.widgets.start_form import StartForm
from tests.tui.apps import PATIENCE, text_of, until, until_text
from tests.tui.listing import opened
from tests.tui.training import training

NAMES = {"\r": "enter", "\x1b": "escape", "\t": "tab", "\x7f": "backspace", "\x15": "ctrl+u", "\x0f": "ctrl+o"}


def burst(app: App[None], keys: str) -> None:
    """All at once, as a terminal hands them on."""
    for key in keys:
        app.post_message(Key(NAMES.get(key) or _character_to_key(key), key if key.isprintable() else None))


async def test_names_notes_and_the_filter_of_runs(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        burst(screen.app, "n\x15King John\retoo mad\rjn\x15/ham\r/ham\rS")
        await until(pilot, lambda: screen.sorting.is_reversed)
        assert screen.query_one(RunFilter).words == "ham"
        await until(pilot, lambda: three["hamlet"].label().name == "/ham")
        assert (three["lear"].label().name, three["lear"].label().notes) == ("King John", "too mad")


async def test_a_question_about_deleting_is_answered_by_what_is_typed_after_it(three: dict[str, Run]) -> None:
    async with opened() as (pilot, _):
        burst(pilot.app, "d\x1bjdy")
        await until(pilot, lambda: not three["hamlet"].folder.exists())
        assert three["lear"].folder.exists()


async def test_settings_and_samples_of_a_run_that_trains(store: RunStore) -> None:
    async with training(store, 100) as (run, app, pilot):
        burst(app, "e\x150.5\rsOnce upon\rc")
        await until(pilot, lambda: run.commands_file.is_file() and run.commands_file.read_text().count("\n") == 3)
        assert "0.5" in run.commands_file.read_text()
        assert "Once upon" in run.commands_file.read_text()


async def test_the_form_from_another_screen_and_its_lists(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        burst(screen.app, "1n\x15fool.txt\r\rm\r\t\t\x150.2")
        await until_text(pilot, "--target-loss 0.2")  # the command that does the same
        words = ["fool.txt", "--preset", "mini", "--target-loss", "0.2"]
        assert screen.app.screen.query_one(StartForm).words() == words


async def test_the_prompt_from_another_screen_and_back(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        burst(screen.app, "2iOnce q 1\x1b1")
        await until(pilot, lambda: isinstance(screen.app.screen, TrainScreen))
        burst(screen.app, "2")
        await until(pilot, lambda: "Once q 1" in text_of(pilot.app))
        assert screen.app.screen.query_one(PromptArea).text == "Once q 1"


async def test_the_model_of_a_run_and_the_list_of_texts(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        burst(screen.app, "jgiOnce")
        await until(pilot, lambda: screen.app.screen.query(PromptArea))
        await until(pilot, lambda: screen.app.screen.query_one(PromptArea).text == "Once")
        assert "hamlet" in text_of(pilot.app).splitlines()[0]
        burst(screen.app, "\x1b1n\x0f/fool")
        await until(pilot, lambda: isinstance(screen.app.screen, FilePicker))
        await until(pilot, lambda: [field.value for field in screen.app.screen.query(Input)] == ["fool"])


async def test_layers_that_close_lose_no_key(three: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered_app, "PATIENCE_SECONDS", 1e6)
    async with opened() as (pilot, screen):
        burst(screen.app, "n\x1be\x1bd\x1b?\x1b2o\x1bp\x1b31n\x1b\x1b3/\x1bR\x1b" * 2 + "Sn\x15at last\r")
        await until(pilot, lambda: three["lear"].label().name == "at last")


class _Stuck(Input):
    async def _on_key(self, event: Key) -> None:
        self.may_answer = asyncio.Event()
        await self.may_answer.wait()


class _BesideStuck(OrderedApp):
    BINDINGS: ClassVar = [Binding("f1", "leave_it", "Leave it", priority=True)]

    def compose(self) -> ComposeResult:
        yield _Stuck()
        yield Input(id="other")

    def action_leave_it(self) -> None:
        self.set_focus(self.query_one("#other"))


async def test_a_field_that_never_answers_does_not_keep_what_is_typed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered_app, "PATIENCE_SECONDS", 0.1)
    app = _BesideStuck()
    async with app.run_test():
        stuck, other = app.query_one(_Stuck), app.query_one("#other", Input)
        app.set_focus(stuck)
        burst(app, "x")
        app.post_message(Key("f1", None))
        burst(app, "text")
        app.post_message(Paste(" and more"))
        async with asyncio.timeout(PATIENCE):  # a pilot would wait for the stuck one as well
            while other.value != "text and more":
                await asyncio.sleep(0.01)
        stuck.may_answer.set()


async def test_what_is_typed_waits_for_a_worker_that_holds_the_keys() -> None:
    may_end = asyncio.Event()

    class Holding(OrderedApp):
        BINDINGS: ClassVar = [Binding("f1", "open", "Open")]

        def action_open(self) -> None:
            self.run_worker(self.open())

        async def open(self) -> None:
            with self.holding_keys():
                await may_end.wait()
                await self.mount(Input())
                self.query_one(Input).focus()

    app = Holding()
    async with app.run_test() as pilot:
        app.post_message(Key("f1", None))
        burst(app, "text")
        for _ in range(5):
            await pilot.pause()
        may_end.set()
        await until(pilot, lambda: app.query(Input) and app.query_one(Input).value == "text")
