"""What a run would take, below or beside the form."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from gpt2tui.text import one_line
from gpt2tui.tui.form.estimate_facts import Fact


class EstimatePanel(Vertical):
    """Lines of facts. Those of an older form are dimmed until the new ones are here, and the
    status says whose they are."""

    def __init__(self) -> None:
        super().__init__()
        self.border_title = "what it takes"
        self.facts: list[Fact] = []
        # Held, not queried: an answer may still come when the app was left, and all was taken down.
        self._lines = Vertical(classes="facts")
        self._status = Static("", classes="status", markup=False)

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._status

    def deny(self, status: str) -> None:
        """Say why there is no estimate; the one before does not stand beside that."""
        self.say(status)
        self._status.add_class("-wrong")
        self._lines.display = False

    def wait(self, status: str) -> None:
        """Say that an estimate is awaited, and of the one that still stands that it is an older form's."""
        has_older = self.facts and self._lines.display
        self.say(f"{status}; what is above was before the change" if has_older else status)

    def say(self, status: str) -> None:
        """A line about the estimate itself; what stood there before is no longer true."""
        if str(self._status.content) != (shown := one_line(status)):
            self._status.update(shown)
            self._status.display = bool(shown)
        self._status.remove_class("-wrong")
        self._lines.add_class("-stale")

    async def show(self, facts: Sequence[Fact]) -> None:
        """Show the facts of the form as it is."""
        self.say("")
        self._lines.remove_class("-stale")
        self._lines.display = True
        if list(facts) == self.facts or not self._lines.is_attached:
            return
        self.facts = []  # whoever cancels this leaves some lines, which are those of no form
        async with self.batch():
            await self._lines.remove_children()
            await self._lines.mount_all(_line(fact) for fact in facts)
        self.facts = list(facts)


def _line(fact: Fact) -> Horizontal:
    label = Static(fact.label, classes="label", markup=False)
    words = Static(one_line(fact.words), classes="words", markup=False)
    return Horizontal(label, words, classes=f"fact -{fact.level or 'plain'}")
