"""Starts this program again, and asks a child for one JSON object."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, TypeVar, cast

import msgspec

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.tui.processes.obituary import last_line

T = TypeVar("T")

PROGRAM = (sys.executable, "-m", "gpt2tui")
"""The words that start this program again."""


class RefusedError(Gpt2TuiError):
    """A child could not start, ended with an error, or was not understood.

    The message is its last line where it had one, ``exit_code`` its own.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def start(
    words: Sequence[str],
    *,
    stdout: int = subprocess.PIPE,
    stderr: int | IO[bytes],
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``gpt2tui WORDS`` in a session of its own, its stdout a pipe by default.

    Raises:
        RefusedError: there is no such program any more, or no room for another process.
    """
    try:
        return subprocess.Popen(
            [*PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        raise not_started(words, error) from error


def not_started(words: Sequence[str], error: Exception) -> RefusedError:
    """The refusal of the system to start ``gpt2tui WORDS``."""
    return RefusedError(f"gpt2tui {words[0]} cannot be started: {error}; end other programs, or start the app anew")


async def in_daemon(words: Sequence[str], work: Callable[[], T]) -> T:
    """What ``work`` returns, which starts ``gpt2tui WORDS`` and waits for it in a thread of its own.

    Neither a cancelled wait nor the end of this process waits for that thread.

    Raises:
        RefusedError: it did, or the system did not let it start anything.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: RefusedError | None) -> None:
        if outcome.done():
            return
        if error:
            outcome.set_exception(error)
        else:
            outcome.set_result(cast(T, result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except RefusedError as refused:
            error = refused
        except OSError as refused:
            error = not_started(words, refused)
        with suppress(RuntimeError):  # the app was left meanwhile
            loop.call_soon_threadsafe(tell, result, error)

    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError as error:  # there is no room for another thread
        raise not_started(words, error) from error
    return await outcome


async def ask(words: Sequence[str], kind: type[T]) -> T:
    """What ``gpt2tui WORDS`` prints, read as JSON of this type. Cancelling ends the child.

    Raises:
        RefusedError: it could not start, ended with an error, or printed something else.
    """
    process = start(words, stderr=subprocess.PIPE)
    try:
        # In a thread, which sees the child's end even where nobody waits for this any more.
        out, said = await asyncio.to_thread(process.communicate)
    except asyncio.CancelledError:
        process.kill()
        raise
    except RuntimeError as error:  # there is no room for another thread
        process.kill()
        process.communicate()
        raise not_started(words, error) from error
    if code := process.returncode:
        raise RefusedError(last_line(said) or f"gpt2tui {words[0]} failed with code {code} and said nothing", code)
    try:
        return msgspec.json.decode(out, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        way_out = f"see what it prints: gpt2tui {shlex.join(words)}"
        raise RefusedError(f"gpt2tui {words[0]} said nothing that the app understands ({error}); {way_out}") from error
