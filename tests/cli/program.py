"""The program as a person starts it: a process of its own, its output caught."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


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
    done = subprocess.run(
        [*gpt2tui_command(), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environment | {"PYTHONIOENCODING": "utf-8"} | changes,
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
