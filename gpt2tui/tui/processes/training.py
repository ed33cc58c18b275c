"""Starts trainings as processes that outlive the app, and asks for estimates."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.run import Run
from gpt2tui.tui.processes.asking import PROGRAM, RefusedError, ask, last_line


class Announcement(msgspec.Struct, frozen=True):
    """The one line that a training process writes before its output goes to ``worker.log``."""

    run: str


async def start_training(words: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Start ``gpt2tui train …`` or ``resume …`` as a process of its own session, and return its run.

    It needs neither this process nor its terminal. Cancelling the wait leaves it alone, and so does the end of this
    process, which need not wait for it.

    Raises:
        RefusedError: it ended before it had a run; the message is its own last line.
    """
    process = _start(words, environment)
    loop = asyncio.get_running_loop()
    announced: asyncio.Future[Run] = loop.create_future()

    def tell(run: Run | None, error: Gpt2TuiError | None) -> None:
        if announced.done():
            return
        if error:
            announced.set_exception(error)
        elif run:
            announced.set_result(run)

    def wait() -> None:
        run, error = None, None
        try:
            run = _announced(process)
        except Gpt2TuiError as found:
            error = found
        with suppress(RuntimeError):  # the app was left meanwhile
            loop.call_soon_threadsafe(tell, run, error)

    threading.Thread(target=wait, daemon=True).start()
    return await announced


def _start(words: Sequence[str], environment: dict[str, str] | None) -> subprocess.Popen[bytes]:
    command, *rest = words
    return subprocess.Popen(
        [*PROGRAM, command, "--headless", "--worker", *rest],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | (environment or {}),
    )


def _announced(process: subprocess.Popen[bytes]) -> Run:
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        line = process.stdout.readline()
        said = b"" if line else process.stderr.read()
    if line:
        _trainings.append(process)
        return Run(Path(msgspec.json.decode(line, type=Announcement).run))
    code = process.wait()
    raise RefusedError(last_line(said) or f"the training process ended with code {code} and said nothing", code)


_trainings: list[subprocess.Popen[bytes]] = []


def reap() -> None:
    """Let go of the training processes that have ended."""
    _trainings[:] = [process for process in _trainings if process.poll() is None]


async def estimate(words: Sequence[str]) -> dict[str, Any]:
    """What a ``train`` command would take: the object that ``train --dry-run --json`` prints.

    Cancelling ends the child.

    Raises:
        RefusedError: what is wrong with the words, on one line.
    """
    return await ask(["train", "--headless", "--dry-run", "--json", "--quiet", *words])
