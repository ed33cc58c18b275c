"""The keys of the screen below, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from gpt2tui.text import one_line
from gpt2tui.tui.live_bindings import LiveBinding, Place, live_bindings, shown_keys

TITLES: dict[Place, str] = {"here": "Here", "screen": "This screen", "app": "Everywhere", "editing": "In the field"}

_NARROW = 60
"""Below so many columns there is no room for what a key does at length."""

NOTE = (
    "In a text field keys are text: esc leaves the field, and f1, f2 and f3 switch screens from everywhere. "
    "Tab and shift+tab go from one thing to the next. Ctrl+p looks for what can be done, and for themes."
)


class HelpScreen(ModalScreen[None]):
    """Every key with what it does, from the bindings that are live on the screen below, and settings ignored."""

    CSS_PATH = Path(__file__).with_name("styles") / "help.tcss"
    BINDINGS: ClassVar = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close", tooltip="Back to the screen"),
    ]

    def __init__(self, below: Screen[Any], ignored: Sequence[str] = ()) -> None:
        super().__init__()
        self._below = below
        self._ignored = ignored
        # They are those of the moment help was asked for.
        self._bindings_below = live_bindings(below)

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield Static("Keys", id="help-title", markup=False)
            with VerticalScroll(id="help-keys"):
                for place, title in TITLES.items():
                    if bound := [live for live in self._bindings_below if live.place == place]:
                        yield Static(title, classes="help-group", markup=False)
                        yield Static(self._table(bound), classes="help-table")
                if self._ignored:
                    yield Static("Settings", classes="help-group", markup=False)
                    yield Static("\n".join(map(one_line, self._ignored)), markup=False)
                yield Static(NOTE, id="help-note", markup=False)

    def on_mount(self) -> None:
        self.query_one("#help-keys").focus()

    def _table(self, bound: list[LiveBinding]) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(min_width=12)
        table.add_column(min_width=12)
        is_narrow = self.app.size.width < _NARROW
        if not is_narrow:
            table.add_column(ratio=1)
        for live in bound:
            keys = Text(shown_keys(live, self.app))
            does, more = Text(live.binding.description), Text(live.binding.tooltip)
            keys.stylize("bold")
            if not live.is_enabled:
                more = Text("not now")
                does.stylize("dim")
            more.stylize("dim")
            table.add_row(keys, does, *([] if is_narrow else [more]))
        return table
