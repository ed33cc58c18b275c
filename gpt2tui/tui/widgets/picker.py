"""A list on a layer above a screen, narrowed by typing: of runs, of checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from gpt2tui.text import one_line
from gpt2tui.tui.widgets.text_field import TextField

T = TypeVar("T")


class Row(NamedTuple, Generic[T]):
    """One entry: its name, what is said beside it, what choosing it gives."""

    name: str
    about: str
    value: T


class Picker(ModalScreen[T | None], Generic[T]):
    """Gives the value that was chosen, or None where the layer was closed."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", "Close", id="picker.close", priority=True, tooltip="Choose nothing"),
        Binding("up", "move('cursor_up')", "Up", id="picker.up", show=False),
        Binding("down", "move('cursor_down')", "Down", id="picker.down", show=False),
        Binding("pageup", "move('page_up')", "Page up", id="picker.page_up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", id="picker.page_down", show=False),
    ]

    def __init__(self, title: str, rows: Sequence[Row[T]], *, present: T | None = None) -> None:
        super().__init__(classes="question picker")
        self._title, self._rows, self._present = title, rows, present
        self._shown: list[Row[T]] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._title, classes="title", markup=False)
            yield TextField(placeholder="type to narrow", compact=True)
            yield OptionList(compact=True, markup=False)
            yield Static("enter chooses   esc goes back", classes="hint", markup=False)

    def on_mount(self) -> None:
        self._narrow("")
        present = next((index for index, row in enumerate(self._shown) if row.value == self._present), 0)
        self.query_one(OptionList).highlighted = present if self._shown else None

    @on(Input.Changed)
    def _on_typed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, typed: str) -> None:
        words = typed.lower().split()
        self._shown = [row for row in self._rows if all(word in f"{row.name} {row.about}".lower() for word in words)]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [
                Option(Content.assemble(one_line(row.name), ("  " + one_line(row.about), "$text-muted")))
                for row in self._shown
            ]
        )
        if not self._shown:
            options.add_option(Option("nothing matches", disabled=True))
        options.highlighted = 0 if self._shown else None

    @on(Input.Submitted)
    def _on_entered(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.dismiss(self._shown[at].value)

    @on(OptionList.OptionSelected)
    def _on_chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index].value)

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()
