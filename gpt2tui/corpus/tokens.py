"""Texts to a corpus: a read-only map of token ids, and what is to be known of where they come from."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gpt2tui.corpus.cache import HashedDocument, Progress, TokenCache
from gpt2tui.corpus.fetch import Progress as DownloadProgress
from gpt2tui.corpus.reading import codec_name, is_utf8_beyond_ascii
from gpt2tui.corpus.sources import Document, resolved
from gpt2tui.errors import CorpusError, Gpt2TuiError, UsageError
from gpt2tui.runs.paths import Paths

Tokens = npt.NDArray[np.uint16]

_MOST_WORKERS = 8
_LEFT_BEHIND_SECONDS = 86_400


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text as tokens. ``sha256`` is the file's own, or of several documents that of their digests in order."""

    name: str
    sources: list[str]
    bytes: int
    sha256: str
    documents: int
    licence: str | None
    tokens: Tokens
    path: Path
    notices: list[str]


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

    Documents are separated by ``<|endoftext|>``. Memory stays small whatever the size: the ids are a map.
    ``workers`` is the number of processes for a large text (the CPUs this process may use, at most 8).

    Raises:
        CorpusError: a text cannot be found, read or decoded, is empty, or changed meanwhile.
        UsageError: an encoding or an address makes no sense.
        Gpt2TuiError: the cache cannot be written.
    """
    cache = TokenCache(paths.tokens, codec_name(encoding), split_on_eot)
    _sweep(paths)
    try:
        with resolved(texts, paths=paths, stdin=stdin, download_progress=download_progress) as found:
            hashed = [HashedDocument.of(document) for document in found.documents]
            found.notices += _doubts(found.documents, cache.codec)
            path = cache.ids(hashed, workers=workers or min(_MOST_WORKERS, _cpus()), progress=progress)
    except OSError as error:
        # What fails on the side of the texts is a CorpusError by now.
        raise Gpt2TuiError(
            f"the cache {paths.cache} cannot be used: {error.strerror or error}; mend that, or set GPT2TUI_HOME to "
            "another place"
        ) from error
    digests = [item.sha256 for item in hashed]
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


def _doubts(documents: Iterable[Document], encoding: str | None) -> list[str]:
    """Texts that are read in the encoding that was named, but that seem to be UTF-8."""
    if encoding is None or encoding.startswith("utf"):
        return []
    return [
        f"{document.label}: read as {encoding}, but it looks like UTF-8, which needs no encoding to be named"
        for document in documents
        if is_utf8_beyond_ascii(document.path, document.label)
    ]


def open_tokens(path: Path) -> Tokens:
    """A file of ids (uint16) as a read-only memory map; an imported model's has none."""
    if not path.stat().st_size:
        return np.empty(0, dtype=np.uint16)
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
            f"--val-fraction {fraction:g} of {len(tokens):,} tokens leaves {edge:,} to train on and "
            f"{kept:,} to validate on; both need 2 or more"
        )
    return tokens[:edge], tokens[edge:]


def _sweep(paths: Paths) -> None:
    """Remove what a process that was killed left in the cache, once it is a day old."""
    for left in [*paths.cache.glob("spool-*"), *paths.tokens.glob(".*.*")]:
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _LEFT_BEHIND_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
