"""The corpora that have a name, as the command line lists them."""

from __future__ import annotations

import msgspec

from gpt2tui.text import byte_size
from gpt2tui.tui.processes.asking import ask


class NamedCorpus(msgspec.Struct, frozen=True, kw_only=True):
    """One of them; ``present`` is whether its file is here."""

    name: str
    title: str
    tokens: int
    bytes: int
    present: bool

    @property
    def facts(self) -> str:
        """Title, size, and whether it has to be fetched."""
        where = "" if self.present else f"; not here yet, {byte_size(self.bytes)} are fetched when a run starts"
        return f"{self.title}, {self.tokens:,} tokens{where}"


class _Listing(msgspec.Struct, frozen=True):
    corpora: list[NamedCorpus]


async def named_corpora() -> list[NamedCorpus]:
    """All of them, the bundled one first; it takes a child process.

    Raises:
        Gpt2TuiError: the child failed.
    """
    return (await ask(["corpora", "list", "--json"], _Listing)).corpora
