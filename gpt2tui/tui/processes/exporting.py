"""Exports models by processes that outlive the app."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gpt2tui.text import one_line
from gpt2tui.tui.processes.asking import RefusedError, in_daemon, start
from gpt2tui.tui.processes.obituary import end_of, last_line

_under_way: list[Path] = []


def under_way() -> list[Path]:
    """What is being written now."""
    return [*_under_way]


async def export(kind: Sequence[str], destination: Path, run: Path, *, is_replacing: bool, threads: int | None) -> str:
    """Write the model of the run in a folder by ``gpt2tui export KIND``; what that says from "wrote …" on.

    The process writes all or nothing, also when this process ends or the wait is cancelled.

    Raises:
        RefusedError: it did not start, or failed; the message is its own last line.
    """
    words = ["export", *kind, str(destination), "--run", str(run), *(["--force"] if is_replacing else [])]
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    return await in_daemon(words, lambda: _exported(words, destination, environment))


def _exported(words: Sequence[str], destination: Path, environment: dict[str, str]) -> str:
    # A file takes all that it says; a pipe would break when the app is left.
    with tempfile.TemporaryFile() as stderr:
        process = start(words, stdout=subprocess.DEVNULL, stderr=stderr, environment=environment)
        _under_way.append(destination)
        try:
            code = process.wait()
        finally:
            _under_way.remove(destination)
        said = end_of(stderr)
    if code:
        raise RefusedError(last_line(said) or f"the export ended with code {code} and said nothing", code)
    lines = [one_line(line).removeprefix("gpt2tui: ") for line in said.decode(errors="replace").splitlines()]
    wrote = next((at for at, line in enumerate(lines) if line.startswith("wrote ")), len(lines))
    return "; ".join(lines[wrote:])
