"""What a run would take, below or beside the form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from gpt2tui.text import one_line
from gpt2tui.tui.form.estimate_facts import Fact

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class EstimatePanel(Vertical):
    """Lines of facts. Those of an older form are dimmed until the new ones are here, and its frame says whose they are.

    The frame keeps its height meanwhile: what stands below it does not jump away from under a pointer.
    """

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__()
        self.border_title = "what it takes"
        self.facts: list[Fact] = []
        # Held, not queried: an answer may still come when the app was left, and all was taken down.
        self._lines = Vertical(classes="facts")
        self._denial = Static("", classes="denial", markup=False)

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._denial

    @property
    def worry(self) -> str:
        """What speaks against the run as the form is now; empty where nothing is known to."""
        is_of_now = not self.border_subtitle and self._lines.display
        return next((f"{fact.label}: {fact.words}" for fact in self.facts if is_of_now and fact.level == "error"), "")

    def deny(self, why: str) -> None:
        """Say why there is no estimate; the one before does not stand beside that."""
        self.border_subtitle = ""
        self._denial.update(one_line(why))
        self._denial.display = True
        self._lines.display = False

    def wait(self) -> None:
        """Say that an estimate is awaited, and of the one that still stands that it is an older form's."""
        has_older = self.facts and self._lines.display
        self._denial.display = False
        self._lines.add_class("-stale")
        self.border_subtitle = f"{'before the change; ' * bool(has_older)}estimating{self.app.glyphs.ellipsis}"

    async def show(self, facts: Sequence[Fact]) -> None:
        """Show the facts of the form as it is."""
        self.border_subtitle = ""
        self._denial.display = False
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
