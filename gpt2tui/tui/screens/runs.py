"""The screen with the table of all runs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, Static


class RunsScreen(Screen[None]):
    """Screen 3."""

    def compose(self) -> ComposeResult:
        yield Static("Runs")
        yield Footer()
