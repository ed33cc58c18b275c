"""A real terminal for tests: a PTY, what was written to it, and the picture that this makes."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

PATIENCE = 20.0
"""Seconds until a condition that does not come true fails the test."""


class Terminal:
    """A program on a terminal of its own. Leaving the block ends the program, if it still lives."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str | None] | None = None,
        stdin: int | None = None,
    ) -> None:
        self.output = b""
        self.patience = PATIENCE
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.master, self.slave = os.openpty()
        self.resize(*size, tell=False)
        self.before = termios.tcgetattr(self.slave)
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})}
        slave = self.slave

        def take_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=self.slave if stdin is None else stdin,
            stdout=self.slave,
            stderr=self.slave,
            env={name: value for name, value in variables.items() if value is not None},
            start_new_session=True,
            preexec_fn=take_terminal,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.hang_up()
        self.process.wait()
        if self.slave >= 0:
            os.close(self.slave)

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self.master, keys)

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        """Another size; the program is told by SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.screen.resize(rows, columns)
            self.process.send_signal(signal.SIGWINCH)

    def hang_up(self) -> None:
        """The terminal goes away, as when a window is closed."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def read(self, seconds: float = 0.05) -> None:
        """Take what was written, waiting at most so long for something."""
        while self.master >= 0 and select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            self.output += data
            # pyte takes the private form of the keyboard's sequences for something else.
            self._stream.feed(_without_keyboard(data))
            seconds = 0.0

    def wait_until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Read until the condition holds; its value."""
        deadline = time.monotonic() + self.patience
        while not (value := condition()):
            if time.monotonic() > deadline:
                picture = "\n".join(self.screen.display)
                raise AssertionError(f"{what or 'the condition'} did not come true; on the screen:\n{picture}")
            self.read()
        return value

    def wait_for(self, text: str) -> None:
        """Read until the text is on the screen."""
        self.wait_until(lambda: any(text in line for line in self.screen.display), repr(text))

    def wait_end(self) -> int:
        """Read until the program has ended; its exit code."""
        self.wait_until(lambda: self.process.poll() is not None, "the end")
        self.read(0.0)
        return int(self.process.returncode)

    @property
    def is_as_before(self) -> bool:
        """Whether echo, line editing and all else are as they were."""
        return termios.tcgetattr(self.slave) == self.before


def _without_keyboard(data: bytes) -> bytes:
    for sequence in (b"\x1b[>25u", b"\x1b[<u", b"\x1b[?2026$p", b"\x1b[?2048$p"):
        data = data.replace(sequence, b"")
    return data


def modes_on(output: bytes) -> set[str]:
    """The private modes that were switched on and not off again; ``25`` is the cursor, ``7`` the wrap."""
    import re

    on: set[str] = set()
    for mode, switch in re.findall(rb"\x1b\[\?(\d+)([hl])", output):
        (on.add if switch == b"h" else on.discard)(mode.decode())
    return on
