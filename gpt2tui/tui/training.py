"""Starts trainings as processes that outlive the app, and asks for estimates."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.run import Run

_US = (sys.executable, "-m", "gpt2tui")


class Announcement(msgspec.Struct, frozen=True):
    """The one line that a training process writes before its output goes to ``worker.log``."""

    run: str


async def start_training(words: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Start ``gpt2tui train …`` or ``resume …`` as a process of its own session, and return its run.

    It needs neither this process nor its terminal. Cancelling the wait leaves it alone, and so does the end of this
    process, which need not wait for it.

    Raises:
        Gpt2TuiError: it ended before it had a run; the message is its own last line.
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
        [*_US, command, "--headless", "--worker", *rest],
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
    raise Gpt2TuiError(_last_line(said) or f"the training process ended with code {code} and said nothing")


_trainings: list[subprocess.Popen[bytes]] = []


def reap() -> None:
    """Let go of the training processes that have ended."""
    _trainings[:] = [process for process in _trainings if process.poll() is None]


async def estimate(words: Sequence[str]) -> dict[str, Any]:
    """What a ``train`` command would take: the object that ``train --dry-run --json`` prints.

    Cancelling ends the child.

    Raises:
        Gpt2TuiError: what is wrong with the words, on one line.
    """
    process = await asyncio.create_subprocess_exec(
        *_US,
        "train",
        "--headless",
        "--dry-run",
        "--json",
        "--quiet",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise Gpt2TuiError(_last_line(said) or f"the estimate failed with code {process.returncode}")
    found: dict[str, Any] = msgspec.json.decode(out)
    return found


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("gpt2tui: ") if lines else ""
