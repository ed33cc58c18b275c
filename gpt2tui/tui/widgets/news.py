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
from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    Notice,
    PhaseChanged,
    Rewound,
    RunFinished,
    RunStarted,
    Sampled,
)
from gpt2tui.text import clock_time

_SHOWN = 100
_QUIET = ("training", "evaluating", "saving")
"""Phases that come and go so often that they are no news."""


class News(VerticalScroll):
    """The events of a run but its steps, a line each."""

    BORDER_TITLE = "events"
    DEFAULT_CSS: ClassVar[str] = "News > Static { width: 100%; }"

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, news: Iterable[AnyEvent], now: float) -> None:
        """The events to tell of, oldest first; ``now`` in seconds since the epoch."""
        lines, day = [], time.localtime(now)[:3]
        for event, words in reversed(_worth_telling(news)[-_SHOWN:]):
            then = time.localtime(event.time)
            at = time.strftime("%H:%M", then) if then[:3] == day else clock_time(event.time, now=now)
            day = then[:3]
            lines.append(Content.assemble((f"{at} ", "$text-muted"), (words, _style(event))))
        self.query_one(Static).update(Content("\n").join(lines))


def _worth_telling(news: Iterable[AnyEvent]) -> list[tuple[AnyEvent, str]]:
    """Events with their words. Of the phases that are no news, the one that ends a pause is."""
    told: list[tuple[AnyEvent, str]] = []
    is_paused = False
    for event in news:
        words = event_words(event) or ""
        match event:
            case PhaseChanged(phase="training" | "evaluating") if is_paused:
                is_paused, words = False, "goes on"
            case PhaseChanged() if event.phase in _QUIET or (event.phase == "paused" and is_paused):
                continue
            case PhaseChanged(phase="paused"):
                is_paused = True
            case RunStarted():
                is_paused = False
            case Sampled():
                words = f"sample at step {event.step:,}"
            case Evaluated():
                words = words.partition(", took ")[0]
        if _is_routine(event):
            _drop_last_alike(told, type(event))
        told.append((event, words))
    return told


def _is_routine(event: AnyEvent) -> bool:
    """Whether it comes every few steps near the target, so that its last line is enough."""
    is_look = isinstance(event, Evaluated) and event.partial
    return is_look or (isinstance(event, CheckpointSaved) and event.reason == "before evaluation")


def _drop_last_alike(told: list[tuple[AnyEvent, str]], kind: type) -> None:
    for index in range(len(told) - 1, -1, -1):
        event, _ = told[index]
        if not _is_routine(event):
            return
        if isinstance(event, kind):
            del told[index]
            return


def _style(event: AnyEvent) -> str:
    match event:
        case Notice(level="error"):
            return "bold $error"
        case Notice(level="warning") | Rewound():
            return "$warning"
        case Evaluated() | RunFinished():
            return "bold"
    return ""
