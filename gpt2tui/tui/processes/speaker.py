"""The app's side of generation: a child process that loads models and writes, started when it is first needed."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gpt2tui.runs.dialogue import (
    AnyReply,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Request,
    Stop,
    decoded_reply,
    encoded,
)
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.text import one_line
from gpt2tui.tui.processes.obituary import obituary

_CHUNK = 1 << 16
_PATIENCE = 1.0
"""Seconds that a child may take to leave by itself."""

COMMAND = (sys.executable, "-P", "-m", "gpt2tui.generation.worker")
"""-P, so that no file in the folder where the app was started is taken for a module."""


class Speaker:
    """Asks the child, and hands on what it answers, all in the event loop that :meth:`start` was called in.

    ``on_reply`` gets the replies to the newest requests: those to a generation that another one or a load took
    the place of are dropped. ``on_death`` is told once, in one line, when the child dies unasked: everything
    under way is lost then, and the next :meth:`load` starts another. So it is told when ``on_reply`` raised; the
    child goes on then. What ``on_death`` raises goes to the event loop's handler of exceptions.
    """

    def __init__(self, log: Path, on_reply: Callable[[AnyReply], None], on_death: Callable[[str], None]) -> None:
        self._log = log
        self._on_reply = on_reply
        self._on_death = on_death
        self._starting = asyncio.Lock()
        self._child: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._last_id = 0
        self._open: list[Request] = []
        """Requests whose end is not known, oldest first."""

    @property
    def is_running(self) -> bool:
        """Whether there is a child."""
        return self._child is not None

    @property
    def is_busy(self) -> bool:
        """Whether a load or a generation is under way or waiting."""
        return bool(self._open)

    @property
    def pid(self) -> int | None:
        """The child's process."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Start a child, where there is none.

        Raises:
            OSError: no process could be started.
        """
        async with self._starting:
            if self._child is not None:
                return
            log = self._open_log()
            try:
                # A session of its own: the terminal's ctrl+c and hangup are the app's alone.
                child = await asyncio.create_subprocess_exec(
                    *COMMAND, stdin=PIPE, stdout=PIPE, stderr=log, start_new_session=True
                )
            finally:
                os.close(log)
            self._child = child
            self._reader = asyncio.create_task(self._read(child), name="generation replies")

    async def load(
        self,
        run: Path,
        checkpoint: str | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
    ) -> int:
        """Load a checkpoint of the run in this directory instead of all that is under way; return the request's id.

        Raises:
            OSError: no child could be started.
        """
        await self._end(lambda request: True)
        request = Load(
            id=self._next_id(), run=str(run), checkpoint=checkpoint, device=device, dtype=dtype, threads=threads
        )
        await self._ask(request)
        return request.id

    async def generate(self, prompt: str = "", *, tokens: list[int] | None = None, settings: SamplingSettings) -> int:
        """Continue a prompt, or exactly these tokens, instead of the text under way; return the request's id.

        While a checkpoint loads, the text comes when it is loaded. Without a model the reply is ``Failed``.

        Raises:
            OSError: no child could be started.
        """
        await self._end(lambda request: isinstance(request, Generate))
        whole = prompt.encode("utf-8", errors="replace").decode()  # JSON has no lone surrogates
        request = Generate(id=self._next_id(), prompt=whole, tokens=tokens, settings=settings)
        await self._ask(request)
        return request.id

    async def stop(self) -> None:
        """Stop the text under way, or else the loading. Its last reply still comes."""
        if self._open:
            await self._send(Stop(id=self._open[-1].id))

    async def close(self) -> None:
        """End the child, by force where it does not leave by itself; no reply comes any more."""
        async with self._starting:
            child, reader = self._child, self._reader
            self._child, self._reader = None, None
            self._open = []
            if child is None or reader is None:
                return
            assert child.stdin is not None
            child.stdin.close()
            for end in (child.terminate, child.kill):
                try:
                    await asyncio.wait_for(asyncio.shield(reader), _PATIENCE)
                    return
                except TimeoutError:
                    end()
            await reader

    def _open_log(self) -> int:
        """Where the child prints: nowhere where no file can be written, for what it answers needs none."""
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._log, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def _ask(self, request: Request) -> None:
        await self.start()
        self._open.append(request)
        await self._send(request)

    async def _end(self, is_outdated: Callable[[Request], bool]) -> None:
        outdated = [request for request in self._open if is_outdated(request)]
        self._open = [request for request in self._open if not is_outdated(request)]
        for request in outdated:
            await self._send(Stop(id=request.id))

    async def _send(self, request: Request) -> None:
        if self._child is None:
            return
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(encoded(request))
            await self._child.stdin.drain()
        except ConnectionError:
            # It is dying; whoever reads its replies comes to their end now, and tells.
            return

    async def _read(self, child: Process) -> None:
        assert child.stdout is not None
        begun = b""
        while chunk := await child.stdout.read(_CHUNK):
            *lines, begun = (begun + chunk).split(b"\n")
            for line in lines:
                with suppress(msgspec.DecodeError):  # of a newer version, installed while the app runs
                    await self._take(child, decoded_reply(line))
        code = await child.wait()
        if child is self._child:
            self._child, self._reader, self._open = None, None, []
            self._tell_end(obituary(code, self._log))

    async def _take(self, child: Process, reply: AnyReply) -> None:
        request = next((request for request in self._open if request.id == reply.id), None)
        if child is not self._child or request is None:
            return
        if isinstance(reply, Loaded | Finished | Failed):
            self._open.remove(request)
        try:
            self._on_reply(reply)
        except Exception as error:  # noqa: BLE001  whatever a callback raises
            # Were it to end the reading, whoever waits would wait for ever.
            await self._end(lambda request: True)
            why = f"a reply could not be taken in ({type(error).__name__}: {one_line(str(error))})"
            self._tell_end(f"{why}; the next prompt loads the model again")

    def _tell_end(self, why: str) -> None:
        try:
            self._on_death(why)
        except Exception as error:  # noqa: BLE001  whatever a callback raises
            asyncio.get_running_loop().call_exception_handler({"message": why, "exception": error})
