"""The program as a person starts it: a process of its own, its output caught."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from gpt2tui.runs.store import RunStore
from tests.preloaded import preloaded

PATIENCE = 60.0
"""Seconds until a program that does not end fails the test."""
_COMPUTE = ("train", "resume", "eval", "sample", "doctor", "export", "import")


class Result(NamedTuple):
    """Exit code and what was written."""

    code: int
    out: str
    err: str


def gpt2tui_command() -> list[str]:
    """The words that start the program of this source tree."""
    return [sys.executable, "-m", "gpt2tui"]


def gpt2tui(*arguments: str, home: Path | None = None, **changes: str) -> Result:
    """Run the program without a terminal, in the test's home or another; ``changes`` are environment variables."""
    if home is not None:
        changes["GPT2TUI_HOME"] = str(home)
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    environment |= {"PYTHONIOENCODING": "utf-8"} | changes
    # To import torch takes longer than what is tested.
    command = preloaded("gpt2tui") if arguments[:1] and arguments[0] in _COMPUTE else gpt2tui_command()
    done = subprocess.run(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=PATIENCE,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def call(store: RunStore, *arguments: str, **changes: str) -> Result:
    """The program, on the runs of a store."""
    return gpt2tui(*arguments, home=store.folder.parent.parent, **changes)
