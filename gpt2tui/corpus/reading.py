"""Bytes of a file to text, strictly: what cannot be read is named with its place and a way out."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from gpt2tui.corpus.alphabet import suggested_readings
from gpt2tui.errors import CorpusError, UsageError

CHUNK_BYTES = 1 << 20
_FEW_NULS = 16
"""One in so many bytes: in UTF-16 there are more."""

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
_WITH_NULS = ("utf-16", "utf-32")


class Chunk(NamedTuple):
    """Some text, and how many bytes of its source had been read when it was there."""

    text: str
    read: int


class Digest(Protocol):
    """What takes the bytes as they are read, such as a hashlib object."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""


def codec_name(encoding: str | None) -> str | None:
    """The name Python knows ``encoding`` by; ``None`` stays ``None`` and means UTF-8, or what a BOM says.

    Raises:
        UsageError: there is no text encoding of that name.
    """
    if encoding is None:
        return None
    try:
        # Python knows latin-1 and latin2, but not latin-2.
        found = codecs.lookup(re.sub(r"(?i)^latin[-_ ](?=\d)", "latin", encoding))
    except (LookupError, ValueError):
        found = None
    if found is None or found.incrementaldecoder is None or not getattr(found, "_is_text_encoding", True):
        raise UsageError(
            f"no encoding named {encoding!r}; there are utf-8, cp1252, latin-2, utf-16, shift_jis and others"
        )
    return found.name


def file_digest(path: Path, label: str) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file, read in parts.

    Raises:
        CorpusError: it cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    for data in _blocks(path, label):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def is_utf8_beyond_ascii(path: Path, label: str) -> bool:
    """Whether the beginning of a file is UTF-8 and has characters that other encodings read as something else.

    Raises:
        CorpusError: it cannot be read.
    """
    head = next(_blocks(path, label), b"")
    try:
        return not codecs.getincrementaldecoder("utf-8")("strict").decode(head).isascii()
    except UnicodeDecodeError:
        return False


def is_binary(head: bytes) -> bool:
    """Whether the first bytes of a file hold a NUL, and no BOM that says why."""
    return b"\0" in head and mark_of(head)[1] not in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def mark_of(head: bytes) -> tuple[bytes, str | None]:
    """The byte order mark that ``head`` begins with, and the encoding it stands for."""
    return next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", None))


def decoded(path: Path, *, label: str, encoding: str | None = None, digest: Digest | None = None) -> Iterator[Chunk]:
    """The text of a file in parts, without its byte order mark; line ends stay as they are.

    ``digest`` is given every byte. With no ``encoding``: UTF-8, or what the byte order mark says.

    Raises:
        CorpusError: the file cannot be read, is binary, or holds a byte that cannot be decoded.
        UsageError: there is no encoding of that name.
    """
    known = codec_name(encoding)
    decoder: codecs.IncrementalDecoder | None = None
    name = known or "utf-8"
    read = 0
    line = column = 1
    for data in _blocks(path, label, with_end=True):
        if digest and data:
            digest.update(data)
        useful = data
        if decoder is None:
            mark, marked = mark_of(data)
            if marked and (known is None or marked.startswith(known) or known == "utf-8-sig"):
                name, useful = marked, data[len(mark) :]
            decoder = codecs.getincrementaldecoder(name)("strict")
        if b"\0" in useful and not name.startswith(_WITH_NULS):
            raise CorpusError(_binary(label, data, read))
        try:
            text = decoder.decode(useful, final=not data)
        except UnicodeError as error:
            end = read + len(data)
            raise CorpusError(_undecodable(path, label, name, error, line, column, end)) from None
        read += len(data)
        if text:
            line += (breaks := text.count("\n"))
            column = len(text) - text.rfind("\n") if breaks else column + len(text)
            yield Chunk(text, read)


def _blocks(path: Path, label: str, *, with_end: bool = False) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data
        if with_end:
            yield b""
    except FileNotFoundError:
        raise CorpusError(f"{label}: there is no such file") from None
    except PermissionError:
        raise CorpusError(f"{label}: it may not be read by this user; see: ls -l {label}") from None
    except OSError as error:
        raise CorpusError(f"{label}: it cannot be read: {error.strerror or error}") from None


def _binary(label: str, data: bytes, offset: int) -> str:
    first = offset + data.index(b"\0")
    few = data.count(0) * _FEW_NULS < len(data)
    way_out = "take them out" if few else "give --encoding utf-16-le if it is UTF-16 without a byte order mark"
    return (
        f"{label}: binary, not text: {data.count(0):,} NUL bytes in {len(data):,}, the first at offset "
        f"{first:,}; leave it out, or {way_out}"
    )


def _undecodable(path: Path, label: str, name: str, error: UnicodeError, line: int, column: int, end: int) -> str:
    what, offset = "a byte sequence", end
    if isinstance(error, UnicodeDecodeError):
        # The decoder may have kept some bytes of the block before.
        good = error.object[: error.start].decode(name, "replace")
        breaks = good.count("\n")
        line += breaks
        column = len(good) - good.rfind("\n") if breaks else column + len(good)
        what = "byte 0x" + error.object[error.start : error.start + 1].hex().upper()
        offset = end - len(error.object) + error.start
    shown = "UTF-8" if name == "utf-8" else name
    return f"{label}: {what} at line {line:,}, column {column:,} is not {shown}; {_way_out(path, offset, name)}"


def _way_out(path: Path, offset: int, wrong: str) -> str:
    match suggested_readings(path, offset, wrong):
        case []:
            return "name its encoding with --encoding, or leave it out"
        case [(encoding, _)]:
            return f"it looks like {encoding}: --encoding {encoding}"
        case readings:
            return "--encoding " + ", ".join(f"{encoding} reads {word!r}" for encoding, word in readings)
