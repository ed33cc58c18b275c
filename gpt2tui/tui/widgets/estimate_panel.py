"""What a run would take, below or beside the form."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from gpt2tui.text import one_line
from gpt2tui.tui.form.estimate_facts import Fact


class EstimatePanel(Vertical):
    """Lines of facts. Those of an older form are dimmed until the new ones are here, and gone where there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.border_title = "what it takes"
        self.facts: list[Fact] = []

    def compose(self) -> ComposeResult:
        yield Vertical(classes="facts")
        yield Static("", classes="status", markup=False)

    def deny(self, status: str) -> None:
        """Say why there is no estimate; the one before does not stand beside that."""
        self.say(status)
        self.query_one(".status").add_class("-wrong")
        self.query_one(".facts").display = False

    def say(self, status: str) -> None:
        """A line about the estimate itself; what stood there before is no longer true."""
        line = self.query_one(".status", Static)
        if str(line.content) != (shown := one_line(status)):
            line.update(shown)
            line.display = bool(shown)
        line.remove_class("-wrong")
        self.query_one(".facts").set_class(True, "-stale")

    async def show(self, facts: Sequence[Fact]) -> None:
        """Show the facts of the form as it is."""
        self.say("")
        place = self.query_one(".facts")
        place.set_class(False, "-stale")
        place.display = True
        if list(facts) == self.facts:
            return
        self.facts = []  # whoever cancels this leaves some lines, which are those of no form
        async with self.batch():
            await place.remove_children()
            await place.mount_all(_line(fact) for fact in facts)
        self.facts = list(facts)


def _line(fact: Fact) -> Horizontal:
    label = Static(fact.label, classes="label", markup=False)
    words = Static(one_line(fact.words), classes="words", markup=False)
    return Horizontal(label, words, classes=f"fact -{fact.level or 'plain'}")
