"""The albums of the screen Runs: none, and many in every state."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.screens.runs import RunsScreen
from gpt2tui.tui.widgets.run_table import RunTable
from tests.tui.apps import until
from tests.tui.run_states import DAY, many_runs
from tests.tui.scenes import START, opened, trained
from tests.tui.snapshot import WIDE, Shoot


async def runs_empty(store: RunStore, shoot: Shoot) -> None:
    """Runs: none."""
    async with opened(WIDE, screen="runs") as pilot:
        await shoot(pilot, "runs-none", "No runs yet.")


async def runs_many(store: RunStore, shoot: Shoot) -> None:
    """Runs: the table in its states, and what lies over it."""
    runs = many_runs(store)
    with trained(runs["the bell"], runs["letters"]):
        async with opened(WIDE, screen="runs", at=START + DAY, run=runs["the bell"].folder) as pilot:
            await when_complete(pilot)
            await shoot(pilot, "runs", "target reached", "2 alive")
            await pilot.press("down", "d")
            await shoot(pilot, "runs-refused", "first")
            await pilot.press("down", "down", "space", "down", "o")
            await shoot(pilot, "runs-marked", "1 marked")
            await pilot.press("c")
            await shoot(pilot, "runs-compare", "Side by side")
            await pilot.press("escape", "d")
            await shoot(pilot, "runs-delete", "delete it")
            await pilot.press("escape", "n")
            await shoot(pilot, "runs-rename", "Rename")
            await pilot.press("escape", "w")
            await shoot(pilot, "runs-export", "GGUF")
            await pilot.press("escape", "escape", "s", "i")
            await shoot(pilot, "runs-details", "7 runs")
            await pilot.press("i", "slash", *"letters")
            await shoot(pilot, "runs-filter", "of 7 runs")
            await pilot.press(*"zz")
            await shoot(pilot, "runs-nothing-fits", "No run fits")
            await pilot.press("escape", "escape", "question_mark")
            await shoot(pilot, "runs-help", "This screen")


async def when_complete(pilot: Pilot[Any]) -> None:
    """Wait until the table holds all that is known of many runs, and go to the first of them."""
    screen = await until(pilot, lambda: pilot.app.screen if isinstance(pilot.app.screen, RunsScreen) else None)
    await until(pilot, lambda: _is_complete(screen))
    await pilot.press("home")


def _is_complete(screen: RunsScreen) -> bool:
    entries = screen.query_one(RunTable).entries
    return len(entries) == 7 and all(entry.size is not None and entry.state != "reading" for entry in entries)
