"""Starts trainings as processes that outlive the app, and asks for estimates."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gpt2tui.runs.run import Run
from gpt2tui.tui.processes.asking import RefusedError, ask, in_daemon, start
from gpt2tui.tui.processes.obituary import end_of, last_line

PATIENCE = 5.0
"""Seconds that a process may take to end after it closed its stdout."""


class Announcement(msgspec.Struct, frozen=True):
    """The one line that a training process writes before its output goes to ``worker.log``."""

    run: str


async def start_training(words: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Start ``gpt2tui train …`` or ``resume …`` as a process of its own session, and return its run.

    It needs neither this process nor its terminal. Cancelling the wait leaves it alone, and so does the end of this
    process, which need not wait for it.

    Raises:
        RefusedError: it did not start, or ended before it had a run; then the message is its own last line.
    """
    begun = tuple(words)
    _beginning.append(begun)

    def start_it() -> Run:
        try:
            return _started(words, environment)
        finally:
            _beginning.remove(begun)  # here: where the wait is cancelled the start goes on

    return await in_daemon(words, start_it)


def is_beginning(run: Run) -> bool:
    """Whether a process is being started that goes on with the run."""
    return any(words[:2] == ("resume", str(run.folder)) for words in _beginning)


def _started(words: Sequence[str], environment: dict[str, str] | None) -> Run:
    command, *rest = words
    # A file takes all that it says on stderr; a pipe that nobody reads would hold it up.
    with tempfile.TemporaryFile() as stderr:
        process = start(
            [command, "--headless", "--worker", *rest], stderr=stderr, environment=os.environ | (environment or {})
        )
        _trainings.append(process)
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with suppress(msgspec.DecodeError, UnicodeDecodeError):  # what a library has to say
                    return Run(Path(msgspec.json.decode(line, type=Announcement).run))
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            problem = f"gpt2tui {command} runs as process {process.pid}, but did not say which run it trains"
            raise RefusedError(f"{problem}; look for it among the runs") from None
        said = last_line(end_of(stderr))
    raise RefusedError(said or f"the training process ended with code {code} and said nothing", code)


_trainings: list[subprocess.Popen[bytes]] = []
_beginning: list[tuple[str, ...]] = []
"""The words of the trainings that have not said yet which run they train."""


def reap() -> None:
    """Let go of the training processes that have ended."""
    for process in [*_trainings]:  # one by one: threads add to them meanwhile
        if process.poll() is not None:
            _trainings.remove(process)


async def estimate(words: Sequence[str]) -> dict[str, Any]:
    """What a ``train`` command would take: the object that ``train --dry-run --json`` prints.

    Cancelling ends the child.

    Raises:
        RefusedError: what is wrong with the words, on one line.
    """
    return await ask(["train", "--headless", "--dry-run", "--json", "--quiet", *words], dict[str, Any])
