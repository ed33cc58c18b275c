"""Corpora that are known by name: the bundled one, and those that are fetched when asked for."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec

from gpt2tui.corpus.fetch import Progress, fetch
from gpt2tui.corpus.reading import file_digest
from gpt2tui.errors import CorpusError
from gpt2tui.runs.paths import Paths

DEFAULT_NAME = "bundled"


class NamedCorpus(msgspec.Struct, frozen=True):
    """A text with a name. ``bytes``, ``sha256`` and ``tokens`` are None for the bundled one."""

    name: str
    title: str
    description: str
    licence: str
    path: Path
    address: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    tokens: int | None = None

    def is_present(self) -> bool:
        """Whether its file is there; not whether it is the right one."""
        return self.path.is_file()

    def check(self) -> None:
        """Refuse a file that is not the text of this name.

        Raises:
            CorpusError: its SHA-256 is another, or it cannot be read.
        """
        if self.sha256:
            found, size = file_digest(self.path, str(self.path))
            if found != self.sha256:
                raise CorpusError(
                    f"{self.path} is not {self.name}: {size:,} bytes with SHA-256 {found}, expected "
                    f"are {self.bytes:,} with {self.sha256}; delete it, then: gpt2tui corpora fetch {self.name}"
                )

    def fetch(self, progress: Progress | None = None) -> None:
        """Get the file if it is not there, and check it.

        Raises:
            CorpusError: it cannot be had, or is the wrong one; the message says where to place it by hand.
        """
        if not self.is_present() and self.address:
            try:
                fetch(self.address, self.path, sha256=self.sha256, limit=self.bytes or 0, progress=progress)
            except CorpusError as error:
                raise CorpusError(f"{error}. Or place that file at {self.path} by hand") from None
        self.check()


def named_corpora(paths: Paths) -> list[NamedCorpus]:
    """Every corpus that has a name, the default first."""
    return [
        NamedCorpus(
            name=DEFAULT_NAME,
            title="The Bell of Gannet Quay",
            description="a short verse play written for gpt2tui",
            licence="CC0-1.0",
            path=Path(str(resources.files("gpt2tui.corpus").joinpath("data/bundled.txt"))),
        ),
        NamedCorpus(
            name="tiny-shakespeare",
            title="Tiny Shakespeare",
            description="scenes from Shakespeare's plays, compiled in karpathy/char-rnn",
            licence="public domain",
            path=paths.corpora / "tiny-shakespeare.txt",
            address="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            bytes=1_115_394,
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            tokens=338_025,
        ),
    ]


def find_named(name: str, paths: Paths) -> NamedCorpus | None:
    """The corpus of that name, if there is one."""
    return next((entry for entry in named_corpora(paths) if entry.name == name), None)


def known_names(paths: Paths) -> str:
    """The names there are, for messages."""
    return ", ".join(entry.name for entry in named_corpora(paths))
