"""Short questions on a layer above a screen: one line of text, or a choice by key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Click, Key
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from gpt2tui.tui.widgets.text_field import TextField


class Ask(ModalScreen[str | None]):
    """Asks for one line. The answer is what was entered, or None where the layer was closed.

    What is typed takes the place of ``value``, unless that is to be kept. ``check`` says what is wrong with an entry,
    or nothing.
    """

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", "Close", id="question.close")]

    def __init__(
        self,
        title: str,
        *,
        value: str = "",
        is_kept: bool = False,
        hint: str = "",
        check: Callable[[str], str | None] = lambda text: None,
    ) -> None:
        super().__init__(classes="question")
        self._title, self._value, self._is_kept, self._hint, self._check = title, value, is_kept, hint, check

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._title, classes="title", markup=False)
            yield TextField(self._value, compact=True, select_on_focus=not self._is_kept)
            yield Static(self._hint, classes="hint", markup=False)

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        if problem := self._check(event.value):
            hint = self.query_one(".hint", Static)
            hint.update(problem)
            hint.add_class("problem")
        else:
            self.dismiss(event.value)


class Option(NamedTuple):
    """One answer: its key, what it means, what it returns."""

    key: str
    words: str
    value: str


class Choose(ModalScreen[str | None]):
    """Asks for one of a few, each with a key; None where the layer was closed."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", "Close", id="question.close")]

    def __init__(self, title: str, options: Sequence[Option]) -> None:
        super().__init__(classes="question")
        self._title, self._options = title, options

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._title, classes="title", markup=False)
            for option in self._options:
                yield Static(f"  {option.key}  {option.words}", classes="option", markup=False)
            yield Static("  esc  go back", classes="hint", markup=False)

    def on_key(self, event: Key) -> None:
        for option in self._options:
            if event.key == option.key:
                event.stop()
                self.dismiss(option.value)

    def on_click(self, event: Click) -> None:
        for option, line in zip(self._options, self.query(".option"), strict=True):
            if event.widget is line:
                self.dismiss(option.value)
