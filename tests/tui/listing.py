"""The screen of all runs, opened on three of them, and what stands in its table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from gpt2tui.runs.config import CorpusRecord
from gpt2tui.runs.events import AnyEvent, PhaseChanged, RunFinished
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.screens.runs import RunsScreen
from gpt2tui.tui.widgets.run_table import RunTable
from tests.runs.synthetic import START, TOKENS, make_run, started, step, whole_story
from tests.tui.apps import app_for, text_of, until

NOW = START + 86_400
TRAINING = PhaseChanged(time=NOW, phase="training")
WIDE, SMALL = (140, 40), (80, 24)


def stopped(last: int) -> list[AnyEvent]:
    end = RunFinished(time=START + last, reason="stopped", step=last, loss=1.0, seconds=float(last))
    return [started(), TRAINING, *map(step, range(1, last + 1)), end]


def corpus(name: str) -> CorpusRecord:
    return CorpusRecord(name=name, sources=["a"], bytes=8_000, sha256="0" * 64, tokens=TOKENS, train_tokens=TOKENS)


@asynccontextmanager
async def opened(
    size: tuple[int, int] = WIDE, *, at_first: bool = True, **options: Any
) -> AsyncIterator[tuple[Pilot[None], RunsScreen]]:
    """The screen, once all that is on the disk is on it; the cursor in the first row, or on the run of Train."""
    app = app_for(at=NOW, screen="runs", **options)
    async with app.run_test(size=size) as pilot:
        screen = await until(pilot, lambda: app.screen if isinstance(app.screen, RunsScreen) else None)
        await until(pilot, lambda: is_shown(screen), "all of the ledger")
        if at_first:
            screen.query_one(RunTable).action_move_to(0)
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


def three_runs(store: RunStore) -> dict[str, Run]:
    """Three runs, of which lear is the newest and othello the oldest."""
    return {
        "lear": make_run(store, stopped(100), name="lear", created=NOW - 7_200, corpus=corpus("plays"), preset="mini"),
        "hamlet": make_run(store, whole_story(470), name="hamlet", created=NOW - 10_800, seed=7),
        "othello": make_run(store, stopped(200), name="othello", created=NOW - 14_400),
    }
