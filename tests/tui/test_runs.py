"""The screen of all runs: every key, against real run directories."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.events import Key as KeyPress
from textual.pilot import Pilot
from textual.widgets import Input

from gpt2tui.runs.commands import Stop
from gpt2tui.runs.config import CorpusRecord
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.events import AnyEvent, Notice, PhaseChanged, RunFinished, RunStarted, SettingChanged
from gpt2tui.runs.journal import command_reader
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.glyphs import ASCII
from gpt2tui.tui.screens.runs import RunsScreen
from gpt2tui.tui.widgets.question import Ask
from gpt2tui.tui.widgets.run_columns import Sorting
from gpt2tui.tui.widgets.run_comparison import RunComparison
from gpt2tui.tui.widgets.run_pane import RunPane
from gpt2tui.tui.widgets.run_table import RunTable
from tests.runs.synthetic import START, TOKENS, append, held, make_run, started, step, whole_story
from tests.tui.apps import app_for, text_of, until, until_text

NOW = START + 86_400
TRAINING = PhaseChanged(time=NOW, phase="training")
WIDE, SMALL = (140, 40), (80, 24)


def stopped(last: int) -> list[AnyEvent]:
    end = RunFinished(time=START + last, reason="stopped", step=last, loss=1.0, seconds=float(last))
    return [started(), TRAINING, *map(step, range(1, last + 1)), end]


def corpus(name: str) -> CorpusRecord:
    return CorpusRecord(name=name, sources=["a"], bytes=8_000, sha256="0" * 64, tokens=TOKENS, train_tokens=TOKENS)


@pytest.fixture
def three(store: RunStore) -> dict[str, Run]:
    """Three runs, of which lear is the newest and othello the oldest."""
    return {
        "lear": make_run(store, stopped(100), name="lear", created=NOW - 7_200, corpus=corpus("plays"), preset="mini"),
        "hamlet": make_run(store, whole_story(470), name="hamlet", created=NOW - 10_800, seed=7),
        "othello": make_run(store, stopped(200), name="othello", created=NOW - 14_400),
    }


@asynccontextmanager
async def opened(size: tuple[int, int] = WIDE, **options: Any) -> AsyncIterator[tuple[Pilot[None], RunsScreen]]:
    """The screen, once all that is on the disk is on it."""
    app = app_for(at=NOW, screen="runs", **options)
    async with app.run_test(size=size) as pilot:
        screen = await until(pilot, lambda: app.screen if isinstance(app.screen, RunsScreen) else None)
        await until(pilot, lambda: is_shown(screen), "all of the ledger")
        await pilot.pause()
        yield pilot, screen


def is_shown(screen: RunsScreen) -> bool:
    entries = screen.ledger.entries
    shown = {id(entry) for entry in screen.query_one(RunTable).entries}
    is_known = all(entry.size is not None and entry.state != "reading" for entry in entries)
    return screen.ledger.has_scanned and is_known and shown == {id(entry) for entry in entries}


def listed(screen: RunsScreen) -> list[str]:
    return [entry.name for entry in screen.query_one(RunTable).entries]


def pointed(screen: RunsScreen) -> str:
    entry = screen.query_one(RunTable).pointed
    assert entry is not None
    return entry.name


def line_of(screen: RunsScreen, name: str) -> str:
    return next(line for line in text_of(screen.app).splitlines() if name in line)


async def test_without_runs_the_screen_says_where_one_is_started(store: RunStore) -> None:
    async with opened(SMALL) as (pilot, screen):
        assert "No runs yet." in text_of(screen.app)
        assert "1 leads to the form" in text_of(screen.app)
        assert "Delete" not in text_of(screen.app)
        for key in ("enter", "g", "d", "n", "p", "e", "o", "c", "R", "x", "space", "s", "S", "escape", "i"):
            await pilot.press(key)
        assert screen.app.screen is screen
        await pilot.press("1")
        await until_text(pilot, "Preset")


async def test_a_run_that_appears_is_listed_and_one_that_vanishes_is_not(
    store: RunStore, three: dict[str, Run]
) -> None:
    async with opened() as (pilot, screen):
        assert listed(screen) == ["lear", "hamlet", "othello"]
        assert "d Delete" in text_of(screen.app)
        make_run(store, stopped(5), name="macbeth", created=NOW)
        await until(pilot, lambda: listed(screen) == ["macbeth", "lear", "hamlet", "othello"])
        assert pointed(screen) == "lear"
        store.delete(three["othello"])
        await until(pilot, lambda: listed(screen) == ["macbeth", "lear", "hamlet"])


async def test_a_row_says_state_name_preset_corpus_step_losses_target_age_and_size(three: dict[str, Run]) -> None:
    async with opened() as (_, screen):
        lines = text_of(screen.app).splitlines()
        assert (
            " ".join(lines[2].split()) == "│ state name preset corpus step running loss corpus loss target age ▲ size │"
        )
        row = line_of(screen, "✓ target reached")
        size = screen.ledger.entries[1].size
        assert " ".join(row.split()).startswith("│ ✓ target reached hamlet nano a-play 470 0.0955 0.0910")
        assert "0.099999" in row
        assert "3 h" in row
        assert f"{(size or 0) / 1000:.0f} kB" in row
        assert "3 runs" in lines[0]


async def test_in_ascii_a_pin_is_not_taken_for_a_state(store: RunStore) -> None:
    run = make_run(store, [started(), TRAINING, step(1, time=NOW)], name="macbeth", created=NOW - 60)
    run.set_label(Label(pinned=True))
    with held(run):
        async with opened(is_ascii=True) as (_, screen):
            assert " ".join(line_of(screen, "macbeth").split()).startswith("|> ^ * training macbeth")
            gutter = {ASCII.cursor, ASCII.marked, ASCII.pinned, ASCII.overlaid}
            assert gutter.isdisjoint({ASCII.living, ASCII.resting, ASCII.good, ASCII.bad})


async def test_a_living_run_moves(store: RunStore, three: dict[str, Run]) -> None:
    run = make_run(store, [started(), TRAINING, step(1, time=NOW)], name="macbeth", created=NOW - 60)
    with held(run):
        async with opened() as (pilot, screen):
            assert "● training" in line_of(screen, " macbeth ")
            assert "1 alive" in text_of(screen.app).splitlines()[0]
            append(run, [step(77, time=NOW)])
            await until(pilot, lambda: " 77 " in line_of(screen, "● training"))


async def test_a_process_that_dies_shows_as_a_crash(store: RunStore) -> None:
    run = make_run(store, [started(), TRAINING, step(1, time=NOW)], name="macbeth", created=NOW - 60)
    with held(run) as holder:
        async with opened() as (pilot, screen):
            assert "● training" in text_of(screen.app)
            holder.kill()
            await until_text(pilot, "✗ crashed")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("target_reached", "✓ target reached"),
        ("limit", "○ at its limit"),
        ("stopped", "○ stopped"),
        ("interrupted", "○ interrupted"),
        ("diverged", "✗ diverged"),
        ("out_of_memory", "✗ out of memory"),
        ("failed", "✗ failed"),
    ],
)
async def test_every_end_has_a_sign_and_words(store: RunStore, reason: Any, words: str) -> None:
    end = RunFinished(time=START + 9, reason=reason, step=3, loss=1.0, seconds=3.0)
    make_run(store, [started(), *map(step, range(1, 4)), end], name="macbeth")
    async with opened(SMALL) as (_, screen):
        assert words in line_of(screen, "macbeth")


@pytest.mark.parametrize(
    ("phase", "seconds", "words"),
    [
        ("starting", 0, "● starting"),
        ("compiling", 0, "● compiling"),
        ("training", 0, "● training"),
        ("evaluating", 0, "● evaluating"),
        ("saving", 0, "● saving"),
        ("paused", 9_000, "○ paused"),
        ("training", 9_000, "✗ stalled"),
    ],
)
async def test_every_state_of_a_living_run_has_a_sign_and_a_word(
    store: RunStore, phase: Any, seconds: int, words: str
) -> None:
    changed = PhaseChanged(time=NOW - seconds, phase=phase)
    run = make_run(store, [started(at=NOW - seconds), changed], name="macbeth")
    with held(run):
        async with opened(SMALL) as (_, screen):
            assert words in line_of(screen, "macbeth")


async def test_a_run_that_waits_for_room_says_so(store: RunStore) -> None:
    full = Notice(time=NOW, level="error", text="no room for the checkpoint; free 1 MB, and it goes on by itself")
    phases = [PhaseChanged(time=NOW, phase="saving"), full, PhaseChanged(time=NOW, phase="paused")]
    run = make_run(store, [started(at=NOW), TRAINING, *map(step, range(1, 300)), *phases], name="macbeth")
    with held(run):
        async with opened() as (pilot, screen):
            assert "○ disk full" in line_of(screen, "macbeth")
            await until_text(pilot, "○ paused, disk full")
            assert "to target" not in text_of(screen.app), "nothing is foretold while it waits"


async def test_a_damaged_run_is_last_and_says_its_problem(store: RunStore, three: dict[str, Run]) -> None:
    three["lear"].config_file.write_text("{")
    async with opened() as (pilot, screen):
        assert listed(screen) == ["hamlet", "othello", three["lear"].id]
        assert "✗ damaged" in line_of(screen, three["lear"].id)
        await pilot.press("end")
        await until_text(pilot, "cannot")
        for key in ("enter", "g", "o", "R"):
            await pilot.press(key)
            await pilot.pause()
            assert screen.app.screen is screen
            assert f"run {three['lear'].id}" in str(screen.query_one("#message").render())
        await pilot.press("d", "y")
        await until(pilot, lambda: listed(screen) == ["hamlet", "othello"])


async def test_the_cursor_moves_by_rows_pages_and_to_the_ends(store: RunStore) -> None:
    for number in range(40):
        make_run(store, created=NOW - number, name=f"run-{number:02d}")
    async with opened(SMALL) as (pilot, screen):
        for keys, name in [
            ("j", "run-01"),
            ("down", "run-02"),
            ("k", "run-01"),
            ("up", "run-00"),
            ("up", "run-00"),
            ("end", "run-39"),
            ("home", "run-00"),
            ("pagedown", "run-18"),
            ("pageup", "run-00"),
        ]:
            await pilot.press(keys)
            await until(pilot, lambda name=name: pointed(screen) == name)
            await pilot.pause()
            assert name in line_of(screen, "▌")


async def test_the_cursor_waits_in_the_first_line_until_the_order_is_known(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (_, screen):
        table = RunTable()
        await screen.mount(table)
        known = list(screen.ledger.entries)
        reading = [Entry(run=entry.run, state="reading", config=entry.config, created=entry.created) for entry in known]

        def show(entries: list[Entry]) -> None:
            table.show(entries, marks=(), sorting=Sorting(), overlaid=None, now=NOW)

        show(reading[::-1])
        show(known)
        assert table.pointed is known[0]
        show(known[::-1])
        assert table.pointed is known[0], "once all are read it goes with its run"
        show(reading)
        table.action_move(2)
        show(known[::-1])
        assert table.pointed is known[2], "as it does where it was moved"


async def test_enter_shows_the_run_on_train(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: screen.app.current_mode == "train")
        assert screen.app.follower is not None
        assert screen.app.follower.run.id == three["othello"].id
        await pilot.press("3")
        await until(pilot, lambda: screen.app.screen is screen)
        assert pointed(screen) == "othello"


async def test_g_opens_the_run_on_generate(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.press("down", "g")
        await until(pilot, lambda: screen.app.current_mode == "generate")
        await until_text(pilot, "hamlet")


async def test_sorting_goes_through_the_columns_and_keeps_the_cursor_on_its_run(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.press("down")
        assert pointed(screen) == "hamlet"
        orders = {}
        for _ in range(10):
            await pilot.press("s")
            orders[screen.sorting.column] = listed(screen)
            assert pointed(screen) == "hamlet"
        assert orders["name"] == ["hamlet", "lear", "othello"]
        assert orders["step"] == ["hamlet", "othello", "lear"]
        assert orders["running loss"] == ["hamlet", "othello", "lear"]
        assert orders["corpus loss"] == ["hamlet", "lear", "othello"]
        assert orders["age"] == ["lear", "hamlet", "othello"]
        assert list(orders)[-1] == "age"
        await pilot.press("S")
        assert listed(screen) == ["othello", "hamlet", "lear"]
        await until_text(pilot, "age ▼")


async def test_a_click_on_a_head_sorts_and_again_the_other_way(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        head = text_of(screen.app).splitlines()[2]
        await pilot.click(RunTable, offset=(head.index("name"), 1))
        assert listed(screen) == ["hamlet", "lear", "othello"]
        await pilot.click(RunTable, offset=(head.index("name"), 1))
        assert listed(screen) == ["othello", "lear", "hamlet"]


async def test_rows_are_pointed_at_marked_and_opened_by_mouse(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.click(RunTable, offset=(20, 3))
        assert pointed(screen) == "hamlet"
        await pilot.click(RunTable, offset=(2, 4))
        assert (pointed(screen), screen.marks) == ("othello", {three["othello"].id})
        await pilot.click(RunTable, offset=(20, 9))
        assert pointed(screen) == "othello"
        await pilot.click(RunTable, offset=(20, 2), times=2)
        await until(pilot, lambda: screen.app.current_mode == "train")
        assert screen.app.follower is not None
        assert screen.app.follower.run.id == three["lear"].id


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("HAM", ["hamlet"]),
        ("mini", ["lear"]),
        ("a-play", ["hamlet", "othello"]),
        ("stopped", ["lear", "othello"]),
        ("stopped plays", ["lear"]),
        ("qq", []),
        ("[/red]", []),
    ],
)
async def test_the_filter_fits_name_preset_corpus_and_state(
    three: dict[str, Run], words: str, names: list[str]
) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("slash", *words)
        assert listed(screen) == names
        if not names:
            await until_text(pilot, f'No run fits "{words}".')
            await pilot.press("escape")
            assert listed(screen) == ["lear", "hamlet", "othello"]
            assert screen.query_one(RunTable).has_focus
            return
        await until_text(pilot, f"{len(names)} of 3 runs")
        await pilot.press("enter")
        assert listed(screen) == names
        assert screen.query_one(RunTable).has_focus
        await pilot.press("escape")
        assert listed(screen) == ["lear", "hamlet", "othello"]


async def test_in_the_filter_keys_are_text_and_esc_leaves_it_before_it_lifts_it(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("slash", "d", "q", "1")
        assert screen.query_one(Input).value == "dq1"
        assert screen.app.screen is screen
        assert "/ Filter" not in text_of(screen.app)
        await pilot.press("ctrl+u", *"ham", "escape")
        assert not screen.query_one(Input).has_focus
        assert screen.query_one(Input).value == "ham"
        await pilot.press("escape")
        assert screen.query_one(Input).value == ""
        assert listed(screen) == ["lear", "hamlet", "othello"]


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


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (4, 5), (0, 0)])
async def test_a_terminal_too_small_for_anything_costs_nothing(three: dict[str, Run], size: tuple[int, int]) -> None:
    async with opened() as (pilot, screen):
        await pilot.resize_terminal(*size)
        await pilot.pause()
        screen.query_one(RunTable).render_line(0)
        await pilot.press("down")
        await pilot.resize_terminal(*WIDE)
        await until_text(pilot, "othello")
        assert pointed(screen) == "hamlet"


async def test_e_keeps_notes_which_the_details_show(three: dict[str, Run]) -> None:
    async with opened() as (pilot, _):
        await pilot.press("e")
        await until_text(pilot, "Notes on lear")
        await pilot.press(*"too", "space", *"mad", "enter")
        await until_text(pilot, "notes       too mad")
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


async def test_o_lays_a_run_over_the_followed_one_and_takes_it_away(three: dict[str, Run]) -> None:
    async with opened(run=three["hamlet"].folder) as (pilot, screen):
        await pilot.press("o")
        assert screen.app.overlaid is not None
        assert screen.app.overlaid.run.id == three["lear"].id
        await until_text(pilot, "lear is laid over hamlet; 1 shows both")
        assert "≈" in line_of(screen, "plays")
        await pilot.press("down", "o")
        await until_text(pilot, "hamlet is on Train already")
        await pilot.press("up", "o")
        assert screen.app.overlaid is None
        await until(pilot, lambda: "≈" not in text_of(screen.app))


async def test_c_lays_configurations_side_by_side_differences_first(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.press("c")
        await until_text(pilot, "compare needs two different runs; mark them with space")
        await pilot.press("space", "down", "space", "c")
        await until_text(pilot, "Side by side")
        layer = screen.app.screen
        assert isinstance(layer, RunComparison)
        lines = [" ".join(line.strip("│ ").split()) for line in text_of(screen.app).splitlines()]
        assert "≠ preset mini nano" in " ".join(lines)
        assert "≠ seed 1337 7" in " ".join(lines)
        told = str(layer.query_one("#fields").render())
        rows = [" ".join(line.split()) for line in told.splitlines()]
        assert rows[0] == "lear hamlet"
        assert "best corpus loss - 0.0910" in rows
        assert "state stopped target reached" in rows
        assert rows.index("≠ seed 1337 7") < rows.index("results") < rows.index("best corpus loss - 0.0910")
        assert not any(row.startswith("model.layers") for row in rows)
        await pilot.press("a")
        rows = [" ".join(line.split()) for line in str(layer.query_one("#fields").render()).splitlines()]
        assert rows.index("≠ seed 1337 7") < rows.index("model.layers 2 2") < rows.index("results")
        await pilot.press("escape")
        assert screen.app.screen is screen
        assert len(screen.marks) == 2
        await pilot.press("escape")
        assert screen.marks == set()


async def test_what_was_changed_later_is_compared_as_it_is_now(store: RunStore, three: dict[str, Run]) -> None:
    append(three["lear"], [SettingChanged(time=NOW, name="target_loss", value=0.05, previous=0.099999)])
    append(three["hamlet"], [SettingChanged(time=NOW, name="learning_rate", value=0.0004, previous=0.0002)])
    append(three["hamlet"], [SettingChanged(time=NOW, name="max_steps", value=400.0)])  # as it is read from JSON
    async with opened() as (pilot, screen):
        await pilot.press("space", "down", "space", "c")
        await until_text(pilot, "Side by side")
        rows = [" ".join(line.split()) for line in str(screen.app.screen.query_one("#fields").render()).splitlines()]
        assert "≠ limits.target_loss 0.05 (was 0.099999) 0.099999" in rows
        assert "≠ limits.max_steps none 400 (was none)" in rows
        rate = three["lear"].config().recipe.learning_rate
        assert f"≠ recipe.learning_rate {rate} 0.0004 (was {rate})" in rows


@pytest.mark.parametrize("size", [SMALL, (40, 12)])
async def test_the_comparison_says_what_closes_it_however_long_it_is(
    three: dict[str, Run], size: tuple[int, int]
) -> None:
    async with opened(size) as (pilot, screen):
        await pilot.press("space", "down", "c")
        await until_text(pilot, "Side by side")
        await pilot.press("a")  # all fields are more than there is room for
        await until_text(pilot, "esc goes back")
        container = screen.app.screen.query_one("ScrollableContainer")
        assert container.size.height > 1
        await pilot.press("end")
        await until_text(pilot, "best corpus loss")
        assert "esc goes back" in text_of(screen.app)


async def test_one_marked_run_is_compared_with_that_under_the_cursor(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("space", "end", "c")
        await until_text(pilot, "Side by side")
        assert "othello" in text_of(screen.app)


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


async def test_a_run_at_its_target_is_asked_for_another_one(three: dict[str, Run]) -> None:
    async with opened(WIDE) as (pilot, screen):
        await pilot.press("down", "R")
        await until_text(pilot, "it has reached 0.099999; 0 is no target")
        await pilot.press(*"low", "enter")
        await until_text(pilot, "the target must be a loss such as 0.05, or 0 for none")
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
    """The only test here with a process that trains: hamlet has reached its target, so 0 lets it train on."""
    async with opened(WIDE, run=three["othello"].folder) as (pilot, screen):
        await pilot.press("down", "R")
        await until_text(pilot, "Go on with hamlet until the corpus loss is below")
        await pilot.press("0", "enter")
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


async def test_i_shows_details_where_they_do_not_show_themselves(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (pilot, screen):
        assert not screen.query_one(RunPane).display
        await pilot.press("i")
        await until_text(pilot, "of the last batch")
        await pilot.press("i")
        await until(pilot, lambda: "of the last batch" not in text_of(screen.app))


async def test_the_details_tell_of_the_run_under_the_cursor(three: dict[str, Run]) -> None:
    async with opened((140, 50)) as (pilot, screen):
        await pilot.press("down")
        for words in ("corpus loss 0.0910", "nano, ", "recipe      reference", "cpu float32, 1 thread", "pass 47.00"):
            await until_text(pilot, words)
        await until_text(pilot, three["hamlet"].id)
        await until_text(pilot, "sample at step 470")
        assert "Once upon^[[31m a time" in text_of(screen.app)


async def test_resizing_keeps_cursor_marks_and_filter(three: dict[str, Run]) -> None:
    async with opened() as (pilot, screen):
        await pilot.press("slash", *"a-play", "enter", "down", "space")
        for size in ((80, 24), (40, 10), (20, 5), (200, 60), (140, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert (pointed(screen), listed(screen)) == ("othello", ["hamlet", "othello"])
            assert screen.marks == {three["othello"].id}
        assert "▌◆" in line_of(screen, "othello")


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (140, "state name preset corpus step running loss corpus loss target age size"),
        (80, "state name corpus step running loss corpus loss age"),
        (60, "state name running loss corpus loss"),
        (40, "state name step"),
    ],
)
async def test_columns_go_in_a_sensible_order(three: dict[str, Run], columns: int, names: str) -> None:
    async with opened((columns, 24)) as (_, screen):
        assert " ".join(screen.query_one(RunTable).columns) == names


async def test_in_ascii_mode_nothing_else_is_drawn(store: RunStore, three: dict[str, Run]) -> None:
    make_run(store, stopped(5), name="Медный всадник", created=NOW, corpus=corpus("всадник…"))
    three["lear"].set_label(Label(name="lear", pinned=True, notes="безумие"))
    async with opened((140, 50), is_ascii=True) as (pilot, screen):
        for keys in (["space", "down", "space"], ["o"], ["slash", "x", "escape", "escape"], ["c"]):
            await pilot.press(*keys)
            await pilot.pause()
            foreign = {
                (character, row)
                for row, line in enumerate(text_of(screen.app).splitlines()[:-1])
                for character in line
                if not character.isascii()
            }
            assert foreign == set()


async def test_what_others_wrote_is_shown_and_never_obeyed(store: RunStore) -> None:
    evil = "[/red]\x1b[31m\x07\u202e\u200b 漢字"
    run = make_run(store, whole_story(20), corpus=corpus(evil), created=NOW, preset="[b]")
    run.set_label(Label(name=evil, notes=evil))
    async with opened((140, 50)) as (pilot, screen):
        shown = "[/red]^[[31m^G\\u202e\\u200b 漢字"
        row = line_of(screen, "target reached")
        assert shown in row
        assert "[b]" in row
        await pilot.press("d")
        await until_text(pilot, f"Delete {shown}")
        await pilot.press("escape", "slash", *"[/red]")
        assert listed(screen) == [evil]


async def test_the_table_is_there_before_any_journal_was_read(store: RunStore) -> None:
    for number in range(120):
        make_run(store, stopped(3), created=NOW - number, name=f"run-{number:03d}")
    app = app_for(at=NOW, screen="runs")
    async with app.run_test(size=SMALL) as pilot:
        screen = await until(pilot, lambda: app.screen if isinstance(app.screen, RunsScreen) else None)
        await until(pilot, lambda: is_shown(screen))
        work = dict(screen.ledger.work)
        assert (work["configs"], work["journals"], work["sizes"]) == (120, 120, 120)
        # Two more looks at files that nobody touched.
        looks = 0
        for _ in range(2):
            for _ in screen.ledger.scan(NOW):
                looks += 1
        assert looks == 2
        assert dict(screen.ledger.work) == work
