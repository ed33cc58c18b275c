"""The token cache: a file of ids a text, keyed by content and tokenizer, made anew where it is damaged."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.corpus.encoders import encoded_in_parallel, encoded_serially
from gpt2tui.corpus.pieces import in_pieces
from gpt2tui.corpus.reading import decoded, file_digest
from gpt2tui.corpus.sources import Document
from gpt2tui.errors import CorpusError
from gpt2tui.runs.files import replacing, write_whole

# Bytes of text whose ids are written, and bytes in all.
Progress = Callable[[int, int], None]

PARALLEL_FROM_BYTES = 8 << 20
_SEPARATOR = array("H", [END_OF_TEXT]).tobytes()


class _Entry(msgspec.Struct):
    """What stands beside a file of ids."""

    tokens: int
    sha256: str


@dataclass(frozen=True)
class HashedDocument:
    """A document with the SHA-256 and the bytes of its file."""

    document: Document
    sha256: str
    bytes: int

    @classmethod
    def of(cls, document: Document) -> HashedDocument:
        """Read the file once.

        Raises:
            CorpusError: it cannot be read, is empty, or is not what its name promises.
        """
        found, size = file_digest(document.path, document.label)
        if not size:
            raise CorpusError(f"{document.label}: empty (0 bytes); name a file with text in it")
        if document.sha256 and found != document.sha256:
            raise CorpusError(
                f"{document.path} is not {document.label}: SHA-256 {found}, not {document.sha256}; delete "
                f"it, then: gpt2tui corpora fetch {document.label}"
            )
        return cls(document, found, size)


@dataclass(frozen=True)
class TokenCache:
    """Files of ids in ``folder``, as uint16 in the machine's byte order; safe to delete."""

    folder: Path
    codec: str | None = None
    split_on_eot: bool = False

    def ids(self, documents: list[HashedDocument], *, workers: int, progress: Progress | None = None) -> Path:
        """The file with the ids of ``documents``, made where it is missing or damaged.

        Raises:
            CorpusError: a document cannot be read or decoded, has no text, or changed since it was hashed.
            OSError: the file cannot be written.
        """
        digests = [item.sha256 for item in documents]
        what = msgspec.json.encode([Tokenizer.digest, self.codec, self.split_on_eot, digests])
        path = self.folder / f"{hashlib.sha256(what).hexdigest()}.bin"
        if not _is_whole(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(path, documents, workers, progress)
        return path

    def _write(self, path: Path, documents: list[HashedDocument], workers: int, progress: Progress | None) -> None:
        total = sum(item.bytes for item in documents)
        tokenizer = Tokenizer()
        pieces = self._pieces(documents)
        if workers > 1 and total > PARALLEL_FROM_BYTES:
            encoded = encoded_in_parallel(pieces, tokenizer, split_on_eot=self.split_on_eot, workers=workers)
        else:
            encoded = encoded_serially(pieces, tokenizer, split_on_eot=self.split_on_eot)
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
                label = documents[0].document.label
                raise CorpusError(f"{label}: empty (a byte order mark and no text after it)")
        write_whole(path.with_suffix(".json"), msgspec.json.encode(_Entry(count, digest.hexdigest())))

    def _pieces(self, documents: list[HashedDocument]) -> Iterator[tuple[str, tuple[int, int]]]:
        """All pieces of all documents, each with its document's index and the bytes read so far."""
        before = 0
        for index, item in enumerate(documents):
            label = item.document.label
            digest = hashlib.sha256()
            chunks = decoded(item.document.path, label=label, encoding=self.codec, digest=digest)
            for text, read in in_pieces(chunks, label=label):
                yield text, (index, before + read)
            if digest.hexdigest() != item.sha256:
                raise CorpusError(f"{label}: it changed while it was read; start again when it rests")
            before += item.bytes


def _is_whole(path: Path) -> bool:
    try:
        entry = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Entry)
        return path.stat().st_size == 2 * entry.tokens and file_digest(path, path.name)[0] == entry.sha256
    except (OSError, msgspec.MsgspecError, CorpusError):
        return False
