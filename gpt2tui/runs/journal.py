"""Append-only journals of JSON lines, read by ``tail -f`` and ``jq`` as well as by us.

One line is one ``write`` of whole bytes to a file opened with ``O_APPEND``, so that several viewers can
append commands at once. A line torn by a power cut is skipped by readers and closed off by the next writer.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from gpt2tui.runs.commands import AnyCommand
from gpt2tui.runs.events import AnyEvent, Rewound, RunStarted, Step

T = TypeVar("T")

EVENTS_FILE = "events.jsonl"

_CHUNK = 1 << 20
_TAIL = 1 << 16
_LONG_LINE = 512
"""Bytes that hardly a line of a step takes."""
_STEP = b'{"type":"step",'
"""How the line of a step begins, as msgspec writes it."""


class JournalWriter:
    """Appends structs to a journal, which is made when there is none.

    The only writer of a journal takes back what a full disk let it write half, which one of several must not.
    """

    def __init__(self, path: Path, *, is_only_writer: bool = False) -> None:
        self._is_only_writer = is_only_writer
        self._encoder = msgspec.json.Encoder()
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def append(self, items: Iterable[msgspec.Struct]) -> None:
        """Append items, a line each, in one write; a torn line before them is ended first.

        Raises:
            OSError: the disk is full.
        """
        lines = self._encoder.encode_lines(list(items))
        if not lines:
            return
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        view = memoryview(lines)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            if self._is_only_writer:
                os.ftruncate(self._descriptor, size)
            raise

    def sync(self) -> None:
        """Return when all lines are on the disk itself."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class JournalReader(Generic[T]):
    """Reads a journal from a position on, again and again, as it grows.

    ``offset`` is the first byte not yet read: the start of a line.
    """

    def __init__(self, path: Path, kinds: Any, *, offset: int = 0) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(kinds)
        self.offset = offset

    def poll(self) -> Iterator[T]:
        """What came since the last call, oldest first. Torn lines and those of unknown types are left out."""
        return (item for line in self.lines() if (item := self.decode(line)) is not None)

    def lines(self) -> Iterator[bytes]:
        """The whole lines that came since the last call, as they are, without their ends.

        A journal that cannot be opened now, or is not there yet, has none.
        """
        try:
            file = self._path.open("rb")
        except OSError:
            return
        with file:
            file.seek(self.offset)
            rest = b""
            while chunk := file.read(_CHUNK):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    self.offset += len(line) + 1
                    yield line

    def decode(self, line: bytes) -> T | None:
        """What a line says; None where it is torn (no JSON, nor even UTF-8) or of an unknown type."""
        try:
            item: T = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return item


def skim_events(
    path: Path, *, recent: int, spread: int = 0, reader: JournalReader[AnyEvent] | None = None
) -> Iterator[AnyEvent]:
    """The events of a journal, but of the steps only the first, the ``recent`` last ones that count, and where
    ``spread`` is given at least so many from all of it, if there are as many.

    Most lines of a long run are steps that nobody asks for; not decoding them is what makes a list of many
    runs quick. Steps come after the other events of their stretch, each stretch ending where a resume or a
    rewind may make some of its steps void. A ``reader`` that was given goes on where this ends.
    """
    reader = reader or event_reader(path)
    waiting: deque[bytes] = deque(maxlen=recent)
    sparse: list[bytes] = []
    stride = max(1, journal_bytes(path) // (spread * _LONG_LINE)) if spread else sys.maxsize
    is_first = True
    for number, line in enumerate(reader.lines()):
        if line.startswith(_STEP) and not is_first:
            if number % stride == 0 and len(waiting) == recent:
                sparse.append(waiting[0])
            waiting.append(line)
            continue
        event = reader.decode(line)
        if isinstance(event, Step):
            is_first = False
        if isinstance(event, RunStarted | Rewound):
            yield from _decoded(reader, (*sparse, *waiting))
            sparse.clear()
            waiting.clear()
        if event is not None:
            yield event
    yield from _decoded(reader, (*sparse, *waiting))


def _decoded(reader: JournalReader[AnyEvent], lines: Iterable[bytes]) -> Iterator[AnyEvent]:
    return (event for line in lines if (event := reader.decode(line)) is not None)


def last_events(path: Path) -> Iterator[AnyEvent]:
    """The events in the last 64 kB of a journal, oldest first."""
    return event_reader(path, offset=max(0, journal_bytes(path) - _TAIL)).poll()


def journal_bytes(path: Path) -> int:
    """How long a journal is; 0 where that cannot be asked."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def event_reader(path: Path, *, offset: int = 0) -> JournalReader[AnyEvent]:
    """A reader of ``events.jsonl``."""
    return JournalReader(path, AnyEvent, offset=offset)


def command_reader(path: Path, *, offset: int = 0) -> JournalReader[AnyCommand]:
    """A reader of ``commands.jsonl``."""
    return JournalReader(path, AnyCommand, offset=offset)
