"""A terminal that knows when what was written to it: the clock of everything that is seen from outside."""

from __future__ import annotations

import os
import queue
import re
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import pyte

from tests.tui.terminal import Terminal

SIZE = (140, 40)
QUIET = 2.0
"""Seconds without a change after which a picture is taken for complete."""

_ANSWERS: dict[bytes, bytes] = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[0c": b"\x1b[?62;22c",
    b"\x1b[>c": b"\x1b[>1;10;0c",
    b"\x1b[>0c": b"\x1b[>1;10;0c",
    b"\x1b[>q": b"\x1bP>|bench 1\x1b\\",
    b"\x1b[>0q": b"\x1bP>|bench 1\x1b\\",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?6n": b"\x1b[?1;1R",
    b"\x1b[5n": b"\x1b[0n",
    b"\x1b[?u": b"\x1b[?0u",
    b"\x1b]10;?\x07": b"\x1b]10;rgb:d8d8/d8d8/d8d8\x07",
    b"\x1b]11;?\x07": b"\x1b]11;rgb:0000/0000/0000\x07",
    b"\x1b]10;?\x1b\\": b"\x1b]10;rgb:d8d8/d8d8/d8d8\x1b\\",
    b"\x1b]11;?\x1b\\": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}
"""What programs ask a terminal, and what one that is quick says."""

_ASKED = re.compile(b"|".join(re.escape(question) for question in _ANSWERS) + rb"|\x1b\[\?(\d+)\$p")
_NOT_FOR_PYTE = re.compile(
    rb"\x1b\[[<>=?][\d;:]*u|\x1b\[[>=][\d;:]*[a-zA-Z]|\x1b\[\??[\d;]*\$[a-z]|\x1bP[^\x1b]*\x1b\\"
)
_TORN = re.compile(rb"\x1b(?:[\[\]P][^\x1b\x07]*)?\Z")
_ENDED = re.compile(rb"\x1b\[[\d;:<=>?]*[ -/]*[@-~]")


class _Screen(pyte.Screen):
    """pyte's, with the three sequences that renderers of our day send to save bytes."""

    def draw(self, data: str) -> None:
        super().draw(data)
        if data:
            self._last = data[-1]

    def repeat(self, count: int | None = None) -> None:
        self.draw(self._last * (count or 1))

    def scroll_up(self, count: int | None = None) -> None:
        self._scroll(self.delete_lines, count)

    def scroll_down(self, count: int | None = None) -> None:
        self._scroll(self.insert_lines, count)

    def _scroll(self, move: Callable[[int], None], count: int | None) -> None:
        cursor = (self.cursor.x, self.cursor.y)
        self.cursor.y = self.margins.top if self.margins else 0
        move(count or 1)
        self.cursor.x, self.cursor.y = cursor


class _Stream(pyte.ByteStream):
    csi = pyte.ByteStream.csi | {"b": "repeat", "S": "scroll_up", "T": "scroll_down", "`": "cursor_to_column"}
    events = pyte.ByteStream.events | {"repeat", "scroll_up", "scroll_down"}


class WatchedTerminal(Terminal):
    """A program on a terminal of 140x40; every piece of its output has the time (``perf_counter``) at which it came.

    It answers what programs ask of terminals, at once, and has synchronised output. Python may keep its byte code, as
    it does for people: without that, every start would compile all of the package.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        size: tuple[int, int] = SIZE,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        sys.setswitchinterval(0.0005)  # the clock thread must not wait for pyte
        self.began = time.perf_counter()
        self.bytes = 0
        super().__init__(command, size=size, environment={"PYTHONDONTWRITEBYTECODE": None, **(environment or {})})
        self.screen = _Screen(*size)
        self._stream = _Stream(self.screen)
        self._pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._torn = b""
        self.seen = self.began
        """When the last piece came that is in the picture."""
        self._end, self._told_to_end = os.pipe()
        self._clock = threading.Thread(target=self._collect, args=(self.master, self._end), daemon=True)
        self._clock.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Before the terminal is closed: its number is the next one's.
        os.write(self._told_to_end, b"\n")
        self._clock.join()
        os.close(self._end)
        os.close(self._told_to_end)
        super().__exit__(kind, error, trace)

    def _collect(self, master: int, end: int) -> None:
        with suppress(OSError):  # not ours to ask for everywhere
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -10)  # a clock that waits is none
        while True:
            try:
                if end in select.select([master, end], [], [])[0]:
                    return
                data = os.read(master, 1 << 16)
            except OSError:  # the program has ended
                return
            self._pieces.put((time.perf_counter(), data))
            for asked in _ASKED.finditer(data):
                mode = asked.group(1)
                answer = _ANSWERS[asked.group()] if mode is None else b"\x1b[?%s;2$y" % mode
                if mode not in (None, b"2026"):
                    answer = b"\x1b[?%s;0$y" % mode
                os.write(master, answer)

    def read(self, seconds: float = 0.05) -> None:
        """Take the next piece into the picture, waiting at most so long for it."""
        try:
            at, data = self._pieces.get(timeout=seconds) if seconds else self._pieces.get_nowait()
        except queue.Empty:
            return
        self.seen, self.bytes = at, self.bytes + len(data)
        data = self._torn + data
        torn = _TORN.search(data)
        self._torn = torn.group() if torn and not _ENDED.match(torn.group()) else b""
        data = data[: len(data) - len(self._torn)]
        self._stream.feed(_NOT_FOR_PYTE.sub(b"", data))

    def drain(self, seconds: float = 0.0) -> None:
        """Take all that came, and what comes within these seconds."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0 or not self._pieces.empty():
            self.read(max(left, 0.0))

    def when(self, condition: Callable[[], Any], what: str, *, patience: float = 60.0) -> float:
        """Read until the condition holds; when the piece came that made it true."""
        end = time.perf_counter() + patience
        while not condition():
            if time.perf_counter() > end:
                picture = "\n".join(self.screen.display)
                raise TimeoutError(f"{what} did not come true in {patience:g} s; on the screen:\n{picture}")
            self.read()
        return self.seen

    def when_complete(self, is_told: Callable[[], Any], *, patience: float = 600.0) -> float:
        """Read until all is told and the charts change no more; when they changed last."""
        self.when(is_told, "the last step", patience=patience)
        return self.when_settled(self.chart)

    def when_settled(self, picture: Callable[[], Any], *, quiet: float = QUIET, patience: float = 300.0) -> float:
        """Read until the picture has not changed for ``quiet`` seconds; when it changed last."""
        end = time.perf_counter() + patience
        before, changed = picture(), self.seen
        while time.perf_counter() < min(end, max(changed, self.began) + quiet) or not self._pieces.empty():
            self.read()
            if (now := picture()) != before:
                before, changed = now, self.seen
        return changed

    def type(self, key: bytes) -> float:
        """Press a key; when."""
        at = time.perf_counter()
        self.send(key)
        return at

    def chart(self) -> tuple[tuple[int, int, str], ...]:
        """The cells of all charts: what is drawn in braille, and where."""
        return tuple(
            (y, x, sign)
            for y, line in enumerate(self.screen.display)
            for x, sign in enumerate(line)
            if "\u2801" <= sign <= "\u28ff"
        )

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def processes(self) -> list[psutil.Process]:
        """The program and all that it started."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def waited(self) -> float:
        """Seconds that its threads were ready to run and had no core, so far; Linux knows."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[1]) for task in tasks) / 1e9

    def memory(self) -> int:
        """Resident bytes of the program and all that it started, mapped files included."""
        return sum(process.memory_info().rss for process in self.processes())

    def own_memory(self) -> int:
        """The same without mapped files: what they allocated."""
        taken = [process.memory_info() for process in self.processes()]
        return sum(memory.rss - getattr(memory, "shared", 0) for memory in taken)
