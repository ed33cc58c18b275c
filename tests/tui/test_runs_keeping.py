"""What is done to runs on their screen: pinned, renamed, noted, deleted, resumed and stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from textual.events import Key as KeyPress
from textual.widgets import Input

from gpt2tui.runs.commands import Stop
from gpt2tui.runs.events import RunStarted
from gpt2tui.runs.journal import command_reader
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.widgets.ask_target import AskTarget
from gpt2tui.tui.widgets.question import Ask
from gpt2tui.tui.widgets.run_pane import RunPane
from gpt2tui.tui.widgets.run_table import RunTable
from tests.runs.synthetic import held
from tests.tui.apps import text_of, until, until_text
from tests.tui.listing import SMALL, WIDE, line_of, listed, opened, pointed


async def test_a_pinned_run_stays_on_top_however_it_is_sorted(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.press("end", "p")
        await until(pilot, lambda: listed(screen) == ["othello", "lear", "hamlet"])
        assert three["othello"].label().pinned
        assert pointed(screen) == "othello"
        assert "★" in line_of(screen, "othello")
        await pilot.press("S")
        assert listed(screen) == ["othello", "hamlet", "lear"]
        await pilot.press("p")
        await until(pilot, lambda: "★" not in text_of(screen.app))
        assert not three["othello"].label().pinned


async def test_n_renames_a_run_as_the_command_does(three: dict[str, Run]) -> None:
    three["lear"].set_label(Label(notes="mad"))
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("n")
        await until_text(pilot, "Rename lear (")
        field = screen.app.screen.query_one(Input)
        field.value = "  "
        await pilot.press("enter")
        await until_text(pilot, "a name must not be empty")
        field.value = "king\x1b[31m lear"
        await pilot.press("enter")
        await until_text(pilot, "a name must not hold control characters")
        field.value = "king [/red] 1"
        await pilot.press("enter")
        await until_text(pilot, "lear is now called king [/red] 1")
        assert three["lear"].label() == Label(name="king [/red] 1", notes="mad")
        await until(pilot, lambda: listed(screen)[0] == "king [/red] 1")
        await pilot.press("n", "escape")
        await until(pilot, lambda: screen.app.screen is screen)
        assert three["lear"].label().name == "king [/red] 1"
        assert "is now called" not in text_of(screen.app)
        await pilot.press("down", "n")
        await until(pilot, lambda: screen.app.screen.query(Input))
        screen.app.screen.query_one(Input).value = "king [/red] 1"
        await pilot.press("enter")
        await until_text(pilot, "hamlet is now called king [/red] 1, as another run is")


async def test_the_cursor_finds_a_run_again_whose_new_name_does_not_fit_the_filter(three: dict[str, Run]) -> None:
    three["othello"].set_label(Label(name="iago"))
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("slash", *"iago", "enter", "n")
        await until_text(pilot, "Rename iago (")
        screen.app.screen.query_one(Input).value = "the moor"
        await pilot.press("enter")
        await until_text(pilot, 'No run fits "iago"')
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(screen)) == 3)
        assert pointed(screen) == "the moor"


@pytest.mark.parametrize("key", ["n", "e"])
async def test_keys_typed_ahead_of_a_layer_mean_nothing_on_the_table(three: dict[str, Run], key: str) -> None:
    async with opened(SMALL) as (pilot, screen):
        for typed in (key, "p", "i", "j", "space"):  # all at once, as a terminal hands them on
            screen.app.post_message(KeyPress(typed, " " if typed == "space" else typed))
        await until(pilot, lambda: isinstance(screen.app.screen, Ask))
        await pilot.pause()
        assert len(screen.app.screen_stack) == 2
        assert (pointed(screen), screen.marks, screen.query_one(RunPane).display) == ("lear", set(), False)
        assert not three["lear"].label_file.exists()
        field = screen.app.screen.query_one(Input)
        await pilot.press("home", *"old ", "enter")
        await until(pilot, lambda: three["lear"].label_file.exists())
        assert field.value.startswith("old ")


async def test_e_keeps_notes_which_the_details_show(three: dict[str, Run]) -> None:
    async with opened() as (pilot, _):
        await pilot.press("e")
        await until_text(pilot, "Notes on lear")
        await pilot.press(*"too", "enter", "e", "space", *"mad", "enter")  # notes are written on, a name is replaced
        await until_text(pilot, "notes       too mad")
        await pilot.press("n", *"fool", "enter")
        await until(pilot, lambda: three["lear"].label().name == "fool")
        assert three["lear"].label().notes == "too mad"


async def test_deleting_names_the_run_and_its_size_and_esc_keeps_it(store: RunStore, three: dict[str, Run]) -> None:
    (three["hamlet"].checkpoints / "weights").write_bytes(bytes(12_000_000))
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("down", "d")
        await until_text(pilot, f"Delete hamlet ({three['hamlet'].id})")
        assert "12.2 MB?" in text_of(screen.app) or "12.1 MB?" in text_of(screen.app)
        await pilot.press("escape")
        await until(pilot, lambda: screen.app.screen is screen)
        assert three["hamlet"].folder.is_dir()
        await pilot.press("d")
        await until_text(pilot, "y  delete it with all it holds: checkpoints, turns, notes")
        await pilot.press("y")
        await until(pilot, lambda: listed(screen) == ["lear", "othello"])
        assert not three["hamlet"].folder.exists()
        assert pointed(screen) == "othello"
        await until_text(pilot, "deleted hamlet, 12.")


async def test_the_marked_runs_are_deleted_together_and_the_cursor_stays_in_the_table(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("end", "space", "up", "space", "d")
        await until_text(pilot, "Delete 2 runs")
        assert "hamlet (" in text_of(screen.app)
        assert "othello (" in text_of(screen.app)
        await pilot.press("y")
        await until(pilot, lambda: listed(screen) == ["lear"])
        assert (pointed(screen), screen.marks) == ("lear", set())
        await pilot.press("d", "y")
        await until_text(pilot, "No runs yet.")


async def test_one_esc_shows_all_runs_when_the_last_that_fitted_was_deleted(
    three: dict[str, Run],
) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("slash", *"hamlet", "enter", "d", "y")
        await until_text(pilot, 'No run fits "hamlet".')
        await pilot.press("escape")
        await until(pilot, lambda: listed(screen) == ["lear", "othello"])
        await pilot.press("end")
        assert pointed(screen) == "othello"


async def test_a_living_run_is_not_deleted(three: dict[str, Run]) -> None:
    with held(three["lear"]):
        async with opened(SMALL) as (pilot, screen):
            await pilot.press("d")
            await until_text(pilot, "lear is being trained; stop it first with x")
            assert screen.app.screen is screen
            await pilot.press("down")
            await until(pilot, lambda: "stop it first" not in text_of(screen.app))
    assert three["lear"].folder.is_dir()


async def test_a_run_that_was_deleted_is_not_followed_any_more(three: dict[str, Run]) -> None:
    async with opened(SMALL, run=three["othello"].folder) as (pilot, screen):
        await pilot.press("o")
        assert screen.app.overlaid is not None
        await pilot.press("space", "end", "space", "d", "y")
        await until(pilot, lambda: listed(screen) == ["hamlet"])
        assert screen.app.overlaid is None
        assert screen.app.follower is not None
        assert screen.app.follower.run.id == three["hamlet"].id
        await pilot.press("d", "y")
        await until(pilot, lambda: listed(screen) == [])
        assert screen.app.follower is None


async def test_x_asks_and_lets_a_living_run_save_and_stop(three: dict[str, Run]) -> None:
    with held(three["lear"]):
        async with opened(SMALL) as (pilot, screen):
            await pilot.press("x")
            await until_text(pilot, "Stop lear (")
            await pilot.press("escape")
            await until(pilot, lambda: screen.app.screen is screen)
            assert not three["lear"].commands_file.exists()
            await pilot.press("x")
            await until_text(pilot, "s  save and stop; R goes on later")
            await pilot.press("s")
            await until_text(pilot, "lear was asked to save and stop")
            (command,) = command_reader(three["lear"].commands_file).poll()
            assert isinstance(command, Stop)
            await pilot.press("R")
            await until_text(pilot, "lear is being trained already; enter shows it")
            await pilot.press("down", "x")
            await until_text(pilot, "hamlet is not being trained; R goes on with it")


async def test_a_run_that_cannot_go_on_says_why_in_one_line(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (pilot, screen):
        three["lear"].config_file.write_text("{")
        await pilot.press("R")
        await until_text(pilot, f"run {three['lear'].id}:")
        assert "\n" not in str(screen.query_one("#message").render())
        assert screen.app.screen is screen


async def test_marked_runs_that_the_filter_hides_are_named_as_such_before_they_are_deleted(
    three: dict[str, Run],
) -> None:
    async with opened(WIDE) as (pilot, screen):
        await pilot.press("space", "down", "space", "slash", *"lear", "enter")
        await until(pilot, lambda: len(screen.query_one(RunTable).entries) == 1)
        await pilot.press("d")
        await until_text(pilot, f"hamlet ({three['hamlet'].id}), not shown by the filter")
        assert f"lear ({three['lear'].id}), not shown" not in text_of(pilot.app)
        await pilot.press("escape")


async def test_a_run_at_its_target_is_asked_for_another_one(three: dict[str, Run]) -> None:
    async with opened(WIDE) as (pilot, screen):
        await pilot.press("down", "R")
        await until_text(pilot, "it has reached 0.09095; none is no target")
        for wrong in ("low", "0", "0.0910", "0.2"):
            await pilot.press("ctrl+u", *wrong, "enter")
            await until_text(pilot, "a loss above 0, below 0.09095 which is reached already")
            assert isinstance(screen.app.screen, AskTarget)
        await pilot.press("escape")
        await until(pilot, lambda: screen.app.screen is screen)
        assert not three["hamlet"].is_alive()


@pytest.fixture
def ended(three: dict[str, Run]) -> Iterator[None]:
    """No training that a test started outlives it."""
    yield
    for run in three.values():
        pids = [event.pid for event in run.events() if isinstance(event, RunStarted) and event.pid > 1]
        if pids and run.is_alive():
            os.kill(pids[-1], signal.SIGKILL)


async def test_a_real_training_goes_on_moves_and_stops(three: dict[str, Run], ended: None) -> None:
    """The only test here with a process that trains: hamlet has reached its target, so none lets it train on."""
    async with opened(WIDE, run=three["othello"].folder) as (pilot, screen):
        await pilot.press("down", "R")
        await until_text(pilot, "Go on with hamlet until the corpus loss is below")
        await pilot.press("ctrl+u", *"none", "enter")
        await until_text(pilot, "hamlet goes on; enter shows it")
        assert screen.app.follower is not None
        assert screen.app.follower.run.id == three["hamlet"].id
        await until_text(pilot, "● training")
        first = await until(pilot, lambda: screen.query_one(RunTable).entries[1].steps)
        await until(pilot, lambda: screen.query_one(RunTable).entries[1].steps > first)
        await pilot.press("d")
        await until_text(pilot, "hamlet is being trained; stop it first with x")
        await pilot.press("home", "R")
        await until_text(pilot, "lear goes on; hamlet trains on the same device, so both are slower")
        await pilot.press("down", "x")
        await until_text(pilot, "Stop hamlet (")
        await pilot.press("s")
        await until(pilot, lambda: screen.query_one(RunTable).entries[1].short_state == "stopped")
        assert not three["hamlet"].is_alive()
