"""What is said of the runs as a whole: how many are listed, and where there are none, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger import Ledger
from gpt2tui.text import byte_size
from gpt2tui.tui.widgets.run_columns import shown

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class RunGuide(Static):
    """Why there are no lines, and what to do."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__(id="empty", markup=False)

    def show(self, ledger: Ledger, words: str) -> None:
        """The words for a ledger of which no run fits the ``words`` of the filter."""
        if not ledger.has_scanned and not ledger.entries:
            self.update(Content.styled("Looking for runs", "$foreground-muted"))
        elif not ledger.entries:
            self._tell("No runs yet.", "1", " leads to the form that starts one.")
        else:
            self._tell(f'No run fits "{shown(words, self.app.glyphs)}".', "esc", " shows all of them.")

    def _tell(self, why: str, key: str, does: str) -> None:
        self.update(Content.assemble((why, "bold"), "\n\n", (key, "bold $primary"), does))


def listed_words(entries: Sequence[Entry], fitting: int, marked: int, *, is_filtered: bool) -> list[str]:
    """How many runs there are, live and are marked, of which so many fit the filter, and the disk they take."""
    total = f"{len(entries)} run{'s' * (len(entries) != 1)}"
    words = [f"{fitting} of {total}" if is_filtered else total]
    if living := sum(entry.is_alive for entry in entries):
        words.append(f"{living} alive")
    if marked:
        words.append(f"{marked} marked")
    if sizes := sum(entry.size or 0 for entry in entries):
        words.append(byte_size(sizes))
    return words
