"""What happened, newest first."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.event_lines import event_words
from gpt2tui.runs.events import AnyEvent, Evaluated, Notice, PhaseChanged, Rewound, RunFinished, Sampled

_SHOWN = 100
_QUIET = ("training", "evaluating", "saving")
"""Phases that come and go so often that they are no news."""


class News(VerticalScroll):
    """The events of a run but its steps, a line each."""

    BORDER_TITLE = "events"
    DEFAULT_CSS: ClassVar[str] = "News > Static { width: 100%; }"

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, news: Iterable[AnyEvent]) -> None:
        """The events to tell of, oldest first."""
        worth = [event for event in news if not isinstance(event, PhaseChanged) or event.phase not in _QUIET]
        lines = [_line(event) for event in reversed(worth[-_SHOWN:])]
        self.query_one(Static).update(Content("\n").join(lines))


def _line(event: AnyEvent) -> Content:
    at = time.strftime("%H:%M", time.localtime(event.time))
    words = event_words(event) or ""
    if isinstance(event, Sampled):
        words = f"sample at step {event.step:,}"
    elif isinstance(event, Evaluated):
        words = words.partition(", took ")[0]
    return Content.assemble((f"{at} ", "$text-muted"), (words, _style(event)))


def _style(event: AnyEvent) -> str:
    match event:
        case Notice(level="error"):
            return "bold $error"
        case Notice(level="warning") | Rewound():
            return "$warning"
        case Evaluated() | RunFinished():
            return "bold"
    return ""
