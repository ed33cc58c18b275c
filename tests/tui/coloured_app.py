"""A small app with what the screens are made of, to see which colours reach a terminal.

Run as ``python -m tests.tui.coloured_app THEME``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import ClassVar

os.environ.setdefault("ESCDELAY", "25")

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.filter import LineFilter
from textual.widgets import Button, DataTable, Footer, Input, ProgressBar, Static, TextArea

from gpt2tui.tui.terminal.colourless import colourless
from gpt2tui.tui.terminal.driver import TerminalDriver
from gpt2tui.tui.themes import register_themes


class ColouredApp(App[None]):
    CSS = """
    #muted { color: $text-muted; }
    #success { color: $success; }
    #warning { color: $warning; }
    #error { color: $error; }
    #panel { background: $panel; border: round $border; height: 3; }
    TextArea { height: 3; }
    DataTable { height: 4; }
    Button { height: 1; border: none; }
    """
    BINDINGS: ClassVar = [Binding("f9", "quit", "Leave")]

    def __init__(self, theme: str) -> None:
        super().__init__(driver_class=TerminalDriver)
        register_themes(self)
        self.theme = theme

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [colourless(self.current_theme.background)] if self.no_color else super().get_line_filters()

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")
        for name in ("muted", "success", "warning", "error", "panel"):
            yield Static(name, id=name)
        yield ProgressBar(total=10, show_eta=False)
        yield Input("text", select_on_focus=True)
        yield TextArea("area")
        yield Button("Go", variant="primary")
        yield Static("all is drawn")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("a", "b")
        table.add_rows([("row one", "1"), ("row two", "2")])
        self.query_one(ProgressBar).advance(4)


if __name__ == "__main__":
    ColouredApp(sys.argv[1]).run()
