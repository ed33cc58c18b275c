"""The table of all runs: what it shows, its order, its cursor and its filter."""

from __future__ import annotations

from typing import Any

import pytest
from textual.events import Key as KeyPress
from textual.widgets import Input

from gpt2tui.runs.entry import Entry
from gpt2tui.runs.events import Notice, PhaseChanged, RunFinished
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.glyphs import ASCII
from gpt2tui.tui.screens.runs import RunsScreen
from gpt2tui.tui.widgets.run_columns import Sorting
from gpt2tui.tui.widgets.run_filter import RunFilter
from gpt2tui.tui.widgets.run_table import RunTable
from tests.runs.synthetic import START, append, held, make_run, started, step, whole_story
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.listing import NOW, SMALL, TRAINING, WIDE, corpus, is_shown, line_of, listed, opened, pointed, stopped


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
            " ".join(lines[2].split()) == "│ state name preset corpus step running loss best loss target age ▲ size │"
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


async def test_the_cursor_begins_on_the_run_that_train_shows_and_goes_to_another_that_it_shows(
    three: dict[str, Run],
) -> None:
    async with opened(SMALL, at_first=False, run=three["othello"].folder) as (pilot, screen):
        await until(pilot, lambda: pointed(screen) == "othello")
        screen.app.follow(three["hamlet"])
        await until(pilot, lambda: pointed(screen) == "hamlet")
        await pilot.press("up")
        screen.app.overlay(three["othello"])
        await pilot.pause()
        await pilot.press("S")
        assert pointed(screen) == "lear", "it stays where it was moved"


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
        assert orders["best loss"] == ["hamlet", "lear", "othello"]
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


async def test_what_is_typed_in_one_burst_with_the_key_to_the_filter_is_text(three: dict[str, Run]) -> None:
    async with opened(SMALL) as (pilot, screen):
        for character in "/doh":
            screen.app.post_message(KeyPress({"/": "slash"}.get(character, character), character))
        await until(pilot, lambda: screen.query_one(RunFilter).words == "doh")
        assert screen.app.screen is screen


async def test_what_the_cursor_is_on_under_a_filter_it_is_on_when_that_is_lifted(three: dict[str, Run]) -> None:
    async with opened(run=three["othello"].folder, at_first=False) as (pilot, screen):
        table = screen.query_one(RunTable)
        assert table.pointed.id == three["othello"].id
        await pilot.press("slash", *"lear", "enter")
        await until(pilot, lambda: len(table.entries) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: len(table.entries) == 3)
        assert table.pointed.id == three["lear"].id
        await pilot.press("end", "slash", *"play")  # lear has a text of that name, and hamlet and othello
        await until(pilot, lambda: table.pointed.id == three["othello"].id)
        await pilot.press("ctrl+u", *"ham")
        await until(pilot, lambda: len(table.entries) == 1)
        await pilot.press("ctrl+u", *"mini")
        await until(pilot, lambda: table.pointed.id == three["lear"].id)


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


async def test_a_filter_that_is_opened_again_is_replaced_by_what_is_typed_or_refined_from_its_end(
    three: dict[str, Run],
) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("slash", *"ham", "enter", "slash", *"lear")
        assert screen.query_one(RunFilter).words == "lear"
        await pilot.press("enter", "slash", "end", "s")
        assert screen.query_one(RunFilter).words == "lears"


@pytest.mark.parametrize("key", ["enter", "g", "space", "d", "p", "n", "e", "o", "R", "x", "w"])
async def test_keys_about_a_run_say_why_there_is_none_under_a_filter(three: dict[str, Run], key: str) -> None:
    async with opened(SMALL) as (pilot, screen):
        await pilot.press("slash", *"macbeth", "enter")
        await until(pilot, lambda: not screen.query_one(RunTable).entries)
        await pilot.press(key)
        await until_text(pilot, "no run fits the filter; esc shows all")
        assert pilot.app.screen is screen


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
        (140, "state name preset corpus step running loss best loss target age size"),
        (80, "state name corpus step running loss best loss age"),
        (60, "state name running loss best loss"),
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
