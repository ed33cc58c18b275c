"""The training screen in a test, on a run whose trainer lives."""

from __future__ import annotations

from contextlib import asynccontextmanager

from gpt2tui.runs.events import PhaseChanged
from tests.runs.synthetic import START, held, make_run, started, step
from tests.tui.apps import app_for, until_text

WIDE = (140, 40)
STEPS_OF_64_TOKENS = ("--preset", "nano", "--block-size", "16", "--batch-size", "4", "--sample-every", "never")


@asynccontextmanager
async def training(store, last=1):
    """A run whose trainer lives and has come to a step, the app that follows it, and who presses its keys."""
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(last)])
    app = app_for(run=run.folder, at=START + last)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, f"step {last:,}")
            yield run, app, pilot
