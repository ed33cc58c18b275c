"""What the user typed as TEXT, resolved to documents: files, folders, globs, stdin, addresses, names."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gpt2tui.corpus.alphabet import SNIFFED_BYTES
from gpt2tui.corpus.fetch import Progress, check_address, fetch
from gpt2tui.corpus.named import DEFAULT_NAME, NamedCorpus, find_named, known_names
from gpt2tui.corpus.reading import is_binary
from gpt2tui.errors import CorpusError, UsageError
from gpt2tui.runs.paths import Paths


@dataclass(frozen=True)
class Document:
    """One text: how messages call it, and the file with its bytes. ``sha256`` where it is known before."""

    label: str
    path: Path
    sha256: str | None = None


@dataclass
class Resolved:
    """The documents in their order, and what is to be said of them."""

    documents: list[Document] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    licences: list[str | None] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What to call it all: the one name there is, else how many files."""
        return self.names[0] if len(self.names) == 1 else f"{len(self.documents)} files"

    @property
    def licence(self) -> str | None:
        """The licence, where every text is a named one and they agree."""
        return self.licences[0] if len(set(self.licences)) == 1 else None

    def add(self, name: str, documents: list[Document], licence: str | None = None) -> None:
        """Append what one TEXT gave."""
        self.names.append(name)
        self.licences.append(licence)
        self.documents += documents


@contextmanager
def resolved(
    texts: list[str],
    *,
    paths: Paths,
    stdin: BinaryIO | None = None,
    download_progress: Progress | None = None,
) -> Iterator[Resolved]:
    """The documents that ``texts`` mean, in that order; with none, the bundled corpus.

    A TEXT is, whichever fits first: ``-``, an address, an existing path, the name of a corpus, a glob. What
    comes from stdin, a pipe or an address lies in a temporary folder in the cache until the block ends.

    Raises:
        CorpusError: one cannot be found, read or fetched, or a folder or glob has no text file.
        UsageError: an address is not one of http or https, or ``-`` stands twice.
    """
    if texts.count("-") > 1:
        raise UsageError("'-' stands more than once, and stdin can be read only once; name it once")
    paths.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spool-", dir=paths.cache) as folder:
        found = Resolved()
        for index, text in enumerate(texts or [DEFAULT_NAME]):
            spool = Path(folder) / str(index)
            if text == "-":
                found.add("stdin", [_spooled("stdin", stdin or sys.stdin.buffer, spool)])
            elif "://" in text:
                check_address(text)
                fetch(text, spool, progress=download_progress)
                found.add(_name_of_address(text), [Document(text, spool)])
            elif texts and os.path.lexists(os.path.expanduser(text)):
                _add_path(found, text, Path(text).expanduser(), spool)
            elif entry := find_named(text, paths):
                _add_named(found, entry, download_progress, is_default=not texts)
            elif glob.has_magic(text):
                _add_glob(found, text)
            else:
                raise CorpusError(
                    f"{text or repr(text)}: no such file or folder, nor a corpus of that name ({known_names(paths)})"
                )
        yield found


def _add_named(found: Resolved, entry: NamedCorpus, progress: Progress | None, *, is_default: bool) -> None:
    if not entry.is_present():
        entry.fetch(progress)
    if is_default:
        found.notices.append(f"no TEXT given: taking the {entry.name} corpus, {entry.title} ({entry.description})")
    found.add(entry.name, [Document(entry.name, entry.path, entry.sha256)], entry.licence)


def _add_path(found: Resolved, text: str, path: Path, spool: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise CorpusError(f"{text}: a link that leads nowhere, to {os.readlink(path)}") from None
    except OSError as error:
        raise CorpusError(f"{text}: it cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        _add_several(found, text, path.absolute().name or text, path, *_below(path, text))
    elif stat.S_ISREG(mode):
        found.add(path.stem, [Document(text, path)])
    elif stat.S_ISFIFO(mode):
        with path.open("rb") as pipe:
            found.add("pipe", [_spooled(text, pipe, spool)])
    else:
        raise CorpusError(f"{text}: neither a file nor a folder, but a device or a socket; name a file")


def _add_glob(found: Resolved, text: str) -> None:
    pattern = Path(text).expanduser()
    try:
        # Not glob.glob: its ** follows links to folders, round and round.
        matches = [
            match
            for match in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
            if not any(part.startswith(".") and part not in pattern.parts for part in match.parts)
        ]
    except ValueError as error:
        raise UsageError(f"{text}: {str(error)[:1].lower()}{str(error)[1:]}; put a / on both sides of **") from None
    files = sorted((match for match in matches if match.is_file()), key=lambda match: match.parts)
    if not files:
        folders = f", only {len(matches)} folder{'s' * (len(matches) > 1)}" if matches else ""
        raise CorpusError(f"{text}: no file matches{folders}; try the pattern with ls")
    _add_several(found, text, f"{len(files)} files" if len(files) > 1 else files[0].stem, None, files, {})


def _add_several(
    found: Resolved, text: str, name: str, folder: Path | None, files: list[Path], skipped: dict[str, int]
) -> None:
    taken = []
    for file in files:
        why = _why_not(file)
        if why:
            skipped[why] = skipped.get(why, 0) + 1
        else:
            taken.append(Document(str(file), file))
    left_out = ", ".join(f"{count:,} {why}" for why, count in skipped.items() if count)
    if not taken:
        has = f" ({left_out} left out)" if left_out else ""
        raise CorpusError(f"{text}: no text file {'in this folder' if folder else 'among the matches'}{has}")
    if left_out:
        found.notices.append(f"{text}: {len(taken):,} taken; left out: {left_out}")
    found.add(name, taken)


def _below(folder: Path, text: str) -> tuple[list[Path], dict[str, int]]:
    """All files below a folder, ordered by the parts of their paths, and what was not looked at."""
    skipped = {"hidden": 0, "unreadable": 0, "special": 0}
    files = []

    def count_unreadable(error: OSError) -> None:
        skipped["unreadable"] += 1

    for parent, folders, names in os.walk(folder, onerror=count_unreadable):
        skipped["hidden"] += sum(name.startswith(".") for name in folders + names)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if path.is_file():
                files.append(path)
            else:
                skipped["special"] += 1
    return sorted(files, key=lambda path: path.parts), skipped


def _why_not(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            head = opened.read(SNIFFED_BYTES)
    except OSError:
        return "unreadable"
    return "empty" if not head else "binary" if is_binary(head) else None


def _spooled(label: str, stream: BinaryIO, spool: Path) -> Document:
    with spool.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    return Document(label, spool)


def _name_of_address(address: str) -> str:
    parts = urllib.parse.urlsplit(address)
    return Path(urllib.parse.unquote(parts.path)).stem or parts.hostname or address
