"""Encoding many pieces at once, in child processes that hold nothing but the tokenizer."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self, TypeVar

from gpt2tui.corpus.bpe import Tokenizer

_LENGTH_BYTES = 8
_CODEC = ("utf-8", "surrogatepass")
Tag = TypeVar("Tag")


def encoded_serially(
    pieces: Iterable[tuple[str, Tag]], tokenizer: Tokenizer, *, split_on_eot: bool
) -> Generator[tuple[bytes, Tag], None, None]:
    """The ids of each piece, as uint16 in the machine's byte order, with the tag that came with it."""
    for text, tag in pieces:
        yield array("H", tokenizer.encode(text, split_on_eot)).tobytes(), tag


def encoded_in_parallel(
    pieces: Iterable[tuple[str, Tag]], tokenizer: Tokenizer, *, split_on_eot: bool, workers: int
) -> Generator[tuple[bytes, Tag], None, None]:
    """The same in the same order, by ``workers`` children. Where they cannot work, this process does it.

    No more than two pieces a worker are held at a time.
    """
    with ExitStack() as stack:
        idle: queue.SimpleQueue[_Encoder] = queue.SimpleQueue()
        try:
            for _ in range(workers):
                idle.put(stack.enter_context(_Encoder(split_on_eot=split_on_eot)))
        except OSError:
            yield from encoded_serially(pieces, tokenizer, split_on_eot=split_on_eot)
            return
        threads = stack.enter_context(ThreadPoolExecutor(workers))
        waiting: deque[tuple[str, Tag, Future[bytes]]] = deque()

        def encode(text: str) -> bytes:
            encoder = idle.get()
            try:
                return encoder.encode(text)
            finally:
                idle.put(encoder)

        def first_of_the_waiting() -> tuple[bytes, Tag]:
            text, tag, future = waiting.popleft()
            try:
                return future.result(), tag
            except (OSError, EOFError):
                return array("H", tokenizer.encode(text, split_on_eot)).tobytes(), tag

        try:
            for text, tag in pieces:
                waiting.append((text, tag, threads.submit(encode, text)))
                if len(waiting) > 2 * workers:
                    yield first_of_the_waiting()
            while waiting:
                yield first_of_the_waiting()
        finally:
            for _, _, future in waiting:
                future.cancel()


class _Encoder:
    """A child process that turns text into ids over its stdin and stdout.

    Not multiprocessing: its spawn imports the parent's main module again, and with it torch where a training
    worker is the parent. A child of this kind ends when its stdin does, so none outlives the parent, however
    that ended.
    """

    def __init__(self, *, split_on_eot: bool) -> None:
        """Start it.

        Raises:
            OSError: it cannot be started.
        """
        house = str(Path(__file__).resolve().parents[2])
        already = os.environ.get("PYTHONPATH")
        self._process = subprocess.Popen(
            # -P keeps the user's folder, and a tiktoken.py in it, off the path.
            [sys.executable, "-P", "-m", "gpt2tui.corpus.encoders", str(int(split_on_eot))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{house}{os.pathsep}{already}" if already else house},
            # A Ctrl-C is the parent's to answer.
            process_group=0,
        )

    def encode(self, text: str) -> bytes:
        """The ids of ``text`` as uint16.

        Raises:
            OSError, EOFError: the child is gone.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the child has no pipes")
        _send(self._process.stdin, text.encode(*_CODEC))
        return _received(self._process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def _send(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
    stream.write(data)
    stream.flush()


def _received(stream: IO[bytes]) -> bytes:
    header = stream.read(_LENGTH_BYTES)
    length = int.from_bytes(header, "little")
    data = stream.read(length)
    if len(header) < _LENGTH_BYTES or len(data) < length:
        raise EOFError("the other end is gone")
    return data


def _serve(split_on_eot: bool) -> None:
    tokenizer = Tokenizer()
    while True:
        try:
            text = _received(sys.stdin.buffer).decode(*_CODEC)
        except EOFError:
            return
        _send(sys.stdout.buffer, array("H", tokenizer.encode(text, split_on_eot)).tobytes())


if __name__ == "__main__":
    _serve(sys.argv[1] == "1")
