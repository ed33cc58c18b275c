"""What the app's process may load."""

from __future__ import annotations

import json
import subprocess
import sys

from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import make_run, whole_story

_VISIT = """
import asyncio, json, sys
from pathlib import Path
from tests.tui.apps import app_for, until_text

async def visit():
    app = app_for()
    async with app.run_test(size=(140, 40)) as pilot:
        await until_text(pilot, "Below the target")
        for key in ("2", "f3", "question_mark", "escape", "f1", "n"):
            await pilot.press(key)
            await pilot.pause()
        await until_text(pilot, "A new run")

asyncio.run(visit())
print(json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""


def test_after_visiting_every_screen_the_app_has_loaded_nothing_that_computes(store: RunStore):
    make_run(store, whole_story())
    done = subprocess.run([sys.executable, "-c", _VISIT], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "textual" in loaded
    assert not loaded & {"torch", "tiktoken", "safetensors", "transformers", "matplotlib", "plotext", "typer"}
