"""What the followed run is: its name, its model and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.files import Signature, signature
from gpt2tui.runs.follower import Follower
from gpt2tui.text import count
from gpt2tui.tui.glyphs import Glyphs
from gpt2tui.tui.widgets.run_columns import shown

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class RunTitle(Static):
    """``show`` reads the name again where the run's label is another, and draws it where it says something else."""

    app: Gpt2TuiApp

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._read: tuple[Follower, Signature | None] | None = None
        self._written = Content()

    def show(self, follower: Follower) -> None:
        """Show this run."""
        state = (follower, signature(follower.run.label_file))
        if state == self._read:
            return
        self._read = state
        words = _words(follower, self.app.glyphs)
        if words != self._written:
            self._written = words
            self.update(words)


def _words(follower: Follower, glyphs: Glyphs) -> Content:
    config = follower.config
    model = f"{config.preset or 'gpt2'} {count(config.model.parameters)}"
    return Content.assemble(
        (shown(follower.run.name(), glyphs), "bold"),
        "\n",
        (f"{model}{glyphs.separator}{config.recipe.name}", "$text-muted"),
        "\n",
        (f"{shown(config.corpus.name, glyphs)}, {config.corpus.tokens:,} tokens", "$text-muted"),
    )
