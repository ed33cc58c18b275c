"""The screen on which a training is started, watched and steered."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, Static


class TrainScreen(Screen[None]):
    """Screen 1."""

    def compose(self) -> ComposeResult:
        yield Static("Train")
        yield Footer()
