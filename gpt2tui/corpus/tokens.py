"""Texts to a memory map of token ids, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.corpus.encoders import encoded_in_parallel, encoded_serially
from gpt2tui.corpus.fetch import Progress as DownloadProgress
from gpt2tui.corpus.pieces import in_pieces
from gpt2tui.corpus.reading import codec_name, decoded, file_digest
from gpt2tui.corpus.sources import Document, resolved
from gpt2tui.errors import CorpusError, Gpt2TuiError, UsageError
from gpt2tui.runs.files import replacing, write_whole
from gpt2tui.runs.paths import Paths

Tokens = npt.NDArray[np.uint16]
# Bytes of text whose ids are written, and bytes in all.
Progress = Callable[[int, int], None]

PARALLEL_FROM_BYTES = 8 << 20
_MOST_WORKERS = 8
_SEPARATOR = array("H", [END_OF_TEXT]).tobytes()


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as tokens. ``sha256`` is the file's own, or for several documents that of their digests in order."""

    name: str
    sources: list[str]
    bytes: int
    sha256: str
    documents: int
    licence: str | None
    tokens: Tokens
    path: Path
    notices: list[str]


class _Entry(msgspec.Struct):
    """What stands beside a file of ids in the cache."""

    tokens: int
    sha256: str


class _Hashed(NamedTuple):
    document: Document
    sha256: str
    bytes: int


def prepare(
    texts: list[str],
    *,
    paths: Paths,
    encoding: str | None = None,
    split_on_eot: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    download_progress: DownloadProgress | None = None,
    stdin: BinaryIO | None = None,
) -> Corpus:
    """The corpus that ``texts`` (see ``sources.resolved``) make, from the cache where it is there.

    Documents are separated by ``<|endoftext|>``. Memory stays small whatever the size: the ids are a read-only map.
    ``workers`` is the number of processes for a large text (the CPUs this process may use, at most 8).

    Raises:
        CorpusError: a text cannot be found, read or decoded, is empty, or changed meanwhile.
        UsageError: an encoding or an address makes no sense.
        Gpt2TuiError: the cache cannot be written.
    """
    try:
        return _prepared(
            texts,
            paths,
            codec_name(encoding),
            split_on_eot,
            workers or min(_MOST_WORKERS, _cpus()),
            progress,
            download_progress,
            stdin,
        )
    except OSError as error:
        # What fails on the side of the texts is a CorpusError by now.
        raise Gpt2TuiError(
            f"the cache {paths.cache} cannot be used: {error.strerror or error}; free space there, or set GPT2TUI_HOME"
        ) from error


def _prepared(
    texts: list[str],
    paths: Paths,
    codec: str | None,
    split_on_eot: bool,
    workers: int,
    progress: Progress | None,
    download_progress: DownloadProgress | None,
    stdin: BinaryIO | None,
) -> Corpus:
    with resolved(texts, paths=paths, stdin=stdin, download_progress=download_progress) as found:
        hashed = [_hashed(document, codec) for document in found.documents]
        digests = [item.sha256 for item in hashed]
        key = hashlib.sha256(
            msgspec.json.encode([Tokenizer.digest, codec, split_on_eot, digests])
        ).hexdigest()
        path = paths.tokens / f"{key}.bin"
        if not _is_whole(path):
            paths.tokens.mkdir(parents=True, exist_ok=True)
            _write(path, hashed, codec, split_on_eot, workers, progress)
        return Corpus(
            name=found.name,
            sources=[document.label for document in found.documents],
            bytes=sum(item.bytes for item in hashed),
            sha256=digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(),
            documents=len(hashed),
            licence=found.licence,
            tokens=open_tokens(path),
            path=path,
            notices=found.notices,
        )


def open_tokens(path: Path) -> Tokens:
    """A file of ids (uint16) as a read-only memory map."""
    return np.memmap(path, dtype=np.uint16, mode="r")


def split(tokens: Tokens, fraction: float) -> tuple[Tokens, Tokens]:
    """The part to train on and, after it, the last ``fraction`` for validation; both are views.

    Raises:
        UsageError: the fraction is not from 0 to below 1.
        CorpusError: one of the parts would be too small to predict anything in it.
    """
    if not 0 <= fraction < 1:
        raise UsageError(f"--val-fraction {fraction:g}: it must be from 0 (no validation) to below 1")
    kept = round(len(tokens) * fraction)
    edge = len(tokens) - kept
    if fraction and (kept < 2 or edge < 2):
        raise CorpusError(
            f"--val-fraction {fraction:g} of {len(tokens):,} tokens leaves {edge:,} to train on and {kept:,} to "
            "validate on; both need 2 or more"
        )
    return tokens[:edge], tokens[edge:]


def _hashed(document: Document, codec: str | None) -> _Hashed:
    found, size = file_digest(document.path, document.label)
    if not size:
        raise CorpusError(f"{document.label}: empty (0 bytes); name a file with text in it")
    if document.sha256 and found != document.sha256:
        raise CorpusError(
            f"{document.path} is not {document.label}: SHA-256 {found}, not {document.sha256}; delete it, then: gpt2tui "
            f"corpora fetch {document.label}"
        )
    return _Hashed(document, found, size)


def _is_whole(path: Path) -> bool:
    """Whether the cache holds this entry undamaged."""
    try:
        entry = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Entry)
        if path.stat().st_size != 2 * entry.tokens:
            return False
        return file_digest(path, path.name)[0] == entry.sha256
    except (OSError, msgspec.MsgspecError, CorpusError):
        return False


def _write(
    path: Path,
    hashed: list[_Hashed],
    codec: str | None,
    split_on_eot: bool,
    workers: int,
    progress: Progress | None,
) -> None:
    total = sum(item.bytes for item in hashed)
    tokenizer = Tokenizer()
    pieces = _pieces(hashed, codec)
    if workers > 1 and total > PARALLEL_FROM_BYTES:
        encoded = encoded_in_parallel(pieces, tokenizer, split_on_eot=split_on_eot, workers=workers)
    else:
        encoded = encoded_serially(pieces, tokenizer, split_on_eot=split_on_eot)
    digest = hashlib.sha256()
    count = document = 0
    with closing(encoded), replacing(path) as file:
        for ids, (index, done) in encoded:
            if index != document:
                ids, document = _SEPARATOR * (index - document) + ids, index
            file.write(ids)
            digest.update(ids)
            count += len(ids) // 2
            if progress:
                progress(done, total)
        if not count:
            raise CorpusError(f"{hashed[0].document.label}: empty (a byte order mark and no text after it)")
    write_whole(path.with_suffix(".json"), msgspec.json.encode(_Entry(count, digest.hexdigest())))


def _pieces(hashed: list[_Hashed], codec: str | None) -> Iterator[tuple[str, tuple[int, int]]]:
    """All pieces of all documents, each with its document's index and the bytes read so far."""
    before = 0
    for index, (document, expected, size) in enumerate(hashed):
        digest = hashlib.sha256()
        chunks = decoded(document.path, label=document.label, encoding=codec, digest=digest)
        for text, read in in_pieces(chunks, label=document.label):
            yield text, (index, before + read)
        if digest.hexdigest() != expected:
            raise CorpusError(f"{document.label}: it changed while it was read; start again when it rests")
        before += size


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
