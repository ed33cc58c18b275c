"""What a run is opened in from the table: another screen, an overlay, a comparison, its details."""

from __future__ import annotations

import pytest

from gpt2tui.runs.events import SettingChanged
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.widgets.run_comparison import RunComparison
from gpt2tui.tui.widgets.run_pane import RunPane
from tests.runs.synthetic import append
from tests.tui.apps import text_of, until, until_text
from tests.tui.listing import NOW, SMALL, line_of, opened, pointed


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


@pytest.mark.parametrize("key", ["enter", "g", "slash", "space", "d", "e", "o", "R", "x", "w"])
async def test_without_runs_a_key_that_is_about_one_says_what_leads_on(key: str) -> None:
    async with opened(at_first=False) as (pilot, _):
        await pilot.press(key)
        await until_text(pilot, "There are no runs yet: 1 starts one.")
        await pilot.press("escape")
        await until(pilot, lambda: "There are no runs yet" not in text_of(pilot.app))
