"""Append-only journals of JSON lines, read by ``tail -f`` and ``jq`` as well as by us.

One line is one ``write`` of whole bytes to a file opened with ``O_APPEND``, so that several viewers can append
commands at once. A line torn by a power cut is skipped by readers and closed off by the next writer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from gpt2tui.runs.commands import AnyCommand
from gpt2tui.runs.events import AnyEvent

T = TypeVar("T")

_CHUNK = 1 << 20


class JournalWriter:
    """Appends structs to a journal; made when the first is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.json.Encoder()
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def append(self, items: Iterable[msgspec.Struct]) -> None:
        """Append items, a line each, in one write; a torn line before them is ended first.

        Raises:
            OSError: the disk is full. What was written of these lines is taken back where that is possible.
        """
        lines = self._encoder.encode_lines(list(items))
        if not lines:
            return
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        view = memoryview(lines)
        while view:
            view = view[os.write(self._descriptor, view) :]

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
        """The whole lines that came since the last call, oldest first. Lines of unknown types are left out."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self.offset)
            rest = b""
            while chunk := file.read(_CHUNK):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    self.offset += len(line) + 1
                    if (item := self._decode(line)) is not None:
                        yield item

    def _decode(self, line: bytes) -> T | None:
        # A torn line is no JSON, a newer program's event has a tag that is not known here: neither counts.
        try:
            item: T = self._decoder.decode(line)
        except msgspec.DecodeError:
            return None
        return item


def event_reader(path: Path, *, offset: int = 0) -> JournalReader[AnyEvent]:
    """A reader of ``events.jsonl``."""
    return JournalReader(path, AnyEvent, offset=offset)


def command_reader(path: Path, *, offset: int = 0) -> JournalReader[AnyCommand]:
    """A reader of ``commands.jsonl``."""
    return JournalReader(path, AnyCommand, offset=offset)
