"""The generation child as a process, spoken to line by line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from gpt2tui.runs.dialogue import AnyReply, Failed, Finished, Generate, Load, Loaded, Request, decoded_reply, encoded
from gpt2tui.runs.run import Run

PATIENCE = 60.0
WORKER = ("-P", "-m", "gpt2tui.generation.worker")

R = TypeVar("R")


class Child:
    """One child. Whatever it says that is no reply fails the test; it is killed where one takes too long to come.

    ``patience`` is in seconds, and for one reply: a child that many tests share may live as long as they take.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path, patience: float) -> None:
        self.process = process
        self.log = log
        self.patience = patience

    def say(self, *requests: Request) -> None:
        """Send requests, all at once."""
        self.write(b"".join(map(encoded, requests)))

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        with self._guarded():
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def hear(self) -> AnyReply:
        """The next reply."""
        assert self.process.stdout is not None
        with self._guarded():
            line = self.process.stdout.readline()
        assert line.endswith(b"\n"), f"the child is gone: {self.log.read_text()}"
        return decoded_reply(line)

    def hear_all(self, request: int) -> list[AnyReply]:
        """What it says until the request has ended; every line must belong to it."""
        replies = [self.hear()]
        while not isinstance(replies[-1], Loaded | Finished | Failed):
            replies.append(self.hear())
        assert {reply.id for reply in replies} == {request}
        return replies

    def ask(self, request: Load | Generate) -> list[AnyReply]:
        self.say(request)
        return self.hear_all(request.id)

    def load(self, run: Run, id: int = 1, threads: int = 1) -> Loaded:
        end = self.ask(Load(id=id, run=str(run.folder), threads=threads))[-1]
        assert isinstance(end, Loaded), end
        return end

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        guard = threading.Timer(self.patience, self.process.kill)
        guard.start()
        try:
            yield
        finally:
            guard.cancel()


@contextmanager
def started(
    log: Path, command: Sequence[str] = WORKER, *, patience: float = PATIENCE, **environment: str
) -> Iterator[Child]:
    """A child that is killed in the end, or where it is waited for longer than ``patience`` seconds."""
    with log.open("a+b") as stderr:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | environment,
        )
    try:
        yield Child(process, log, patience)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue


def of(replies: list[AnyReply], kind: type[R]) -> list[R]:
    """The replies of one kind."""
    return [reply for reply in replies if isinstance(reply, kind)]
