"""Asks a child process of this program for one JSON object."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from gpt2tui.errors import Gpt2TuiError

PROGRAM = (sys.executable, "-m", "gpt2tui")
"""The words that start this program again."""


class RefusedError(Gpt2TuiError):
    """A child ended with an error; the message is its last line, ``exit_code`` its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


async def ask(words: Sequence[str]) -> dict[str, Any]:
    """What ``gpt2tui WORDS`` prints. Cancelling ends the child.

    Raises:
        RefusedError: it ended with an error.
    """
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        # In a thread, which sees the child's end even where nobody waits for this any more.
        out, said = await asyncio.to_thread(process.communicate)
    except asyncio.CancelledError:
        process.kill()
        raise
    if code := process.returncode:
        raise RefusedError(last_line(said) or f"gpt2tui {words[0]} failed with code {code} and said nothing", code)
    found: dict[str, Any] = msgspec.json.decode(out)
    return found


def last_line(said: bytes) -> str:
    """The last line of what a child wrote to stderr, without the program's name."""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("gpt2tui: ") if lines else ""
