"""The screen on which a model is talked to."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, Static


class GenerateScreen(Screen[None]):
    """Screen 2."""

    def compose(self) -> ComposeResult:
        yield Static("Generate")
        yield Footer()
