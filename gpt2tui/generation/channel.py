"""The lines between the app and this process, kept apart from everything that libraries print or read."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

import msgspec

from gpt2tui.runs.dialogue import AnyRequest, Failed, Generate, Load, Reply, decoded_request, encoded

_CHUNK = 1 << 16
_LOG_BYTES = 1 << 20
"""A log that has grown longer is emptied."""


class Stopped(Exception):  # noqa: N818  nothing went wrong
    """The request under way was told to stop."""


class Channel:
    """Requests from stdin as they come, replies to what was stdout.

    A thread reads, so that a stop is known while something else is under way. The process ends at once when
    its stdin is closed or nobody reads its replies: whoever asked is gone.
    """

    def __init__(self) -> None:
        """Take stdin and stdout; from now on other reads find nothing, other output goes where stderr goes."""
        self._requests, self._replies = os.dup(0), os.dup(1)  # neither is inherited by children
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdout.flush()
        os.dup2(2, 1)
        self._waiting: queue.SimpleQueue[Load | Generate] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._current: int | None = None
        self._open: set[int] = set()
        self._stopped: set[int] = set()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def requests(self) -> Iterator[Load | Generate]:
        """The requests, one after the other; each is under way until the next is asked for."""
        while True:
            request = self._waiting.get()
            self._current = request.id
            yield request
            self._open.discard(request.id)
            self._stopped.discard(request.id)

    def check(self) -> None:
        """Go on, unless the request under way was told to stop.

        Raises:
            Stopped: it was.
        """
        if self._current in self._stopped:
            raise Stopped

    def reply(self, reply: Reply) -> None:
        """Send a reply."""
        _bound_log()
        rest = memoryview(encoded(reply))
        with self._writing:
            try:
                while rest:
                    rest = rest[os.write(self._replies, rest) :]
            except BrokenPipeError:
                _leave()

    def _read(self) -> None:
        begun = b""
        while chunk := os.read(self._requests, _CHUNK):
            *lines, begun = (begun + chunk).split(b"\n")
            for line in lines:
                self._take(line)
        _leave()

    def _take(self, line: bytes) -> None:
        try:
            request: AnyRequest = decoded_request(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.reply(Failed(id=_id_of(line), kind="usage", text=f"a request cannot be read: {error}"))
            return
        if isinstance(request, Load | Generate):
            self._open.add(request.id)
            self._waiting.put(request)
        elif request.id in self._open:
            self._stopped.add(request.id)


class _Known(msgspec.Struct):
    id: int = 0


def _id_of(line: bytes) -> int:
    try:
        return msgspec.json.decode(line, type=_Known).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def _bound_log() -> None:
    """Keep the file behind stderr, where it is one, from growing without end."""
    if os.fstat(2).st_size > _LOG_BYTES:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)


def _leave() -> NoReturn:
    # Not sys.exit: this may be any thread, and the one that computes would have to come to an end first.
    os._exit(0)
