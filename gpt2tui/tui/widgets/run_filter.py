"""The line in which the table of runs is filtered."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from gpt2tui.tui.widgets.text_field import TextField


class RunFilter(Horizontal):
    """Shown while it is written in, and as long as it says something."""

    DEFAULT_CSS: ClassVar[str] = """
    RunFilter {
        display: none;
        height: 1;
        padding: 0 1;
        &.-open { display: block; }
        & > Input { width: 1fr; }
        & > Static { width: auto; color: $text-muted; }
        & > .hint { padding-left: 2; }
    }
    """

    class Changed(Message):
        """Other runs fit."""

    class Left(Message):
        """The field was left."""

    def compose(self) -> ComposeResult:
        yield Static("Filter ", markup=False)
        yield TextField(placeholder="name, preset, corpus or state", compact=True, select_on_focus=False)
        yield Static(classes="hint", markup=False)

    @property
    def words(self) -> str:
        """What a run has to fit."""
        return self.query_one(Input).value.strip()

    @property
    def has_field_focus(self) -> bool:
        """Whether keys are text now."""
        return self.query_one(Input).has_focus

    def open(self) -> None:
        """Let it be written in; what it says already is replaced by what is typed."""
        self.add_class("-open")
        self.query_one(".hint", Static).update("esc goes back to the table")
        field = self.query_one(Input)
        self.screen.set_focus(field)  # at once: the next key may be text
        field.select_all()

    def leave(self) -> None:
        """Keep what it says, and hide it where that is nothing."""
        self.set_class(bool(self.words), "-open")
        self.query_one(".hint", Static).update("esc shows all runs")
        self.post_message(self.Left())

    def clear(self) -> None:
        """Let all runs fit."""
        self.query_one(Input).value = ""
        self.leave()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.leave()
