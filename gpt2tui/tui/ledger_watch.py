"""Keeps a ledger up to date beside a screen, in threads of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, get_current_worker

from gpt2tui.runs.ledger import Ledger


class LedgerWatch:
    """Reads journals in one thread and measures sizes in another, and posts ``Changed`` to its screen.

    The screen answers each message with :meth:`hear`: a thread that finds 300 runs would fill the queue.
    """

    class Changed(Message):
        """There is more to show, or something else."""

    def __init__(self, screen: Screen[Any], ledger: Ledger, now: Callable[[], float]) -> None:
        self._screen = screen
        self._ledger = ledger
        self._now = now
        self._is_told = False
        self._workers: dict[str, Worker[None]] = {}

    def look(self) -> None:
        """Look at everything that may have changed, unless that is being done."""
        for task in (self._ledger.scan, self._ledger.measure):
            self._begin(task)

    def hear(self) -> None:
        """The message was heard, and what it told of is shown now."""
        self._is_told = False
        if self._ledger.has_scanned and any(entry.size is None for entry in self._ledger.entries):
            self._begin(self._ledger.measure)

    def _begin(self, task: Callable[[float], Iterator[None]]) -> None:
        name = task.__name__
        running = self._workers.get(name)
        if running is None or running.is_finished:
            steps = task(self._now())
            self._workers[name] = self._screen.run_worker(lambda: self._read(steps), thread=True, group=name)

    def _read(self, steps: Iterator[None]) -> None:
        worker = get_current_worker()
        for _ in steps:
            if worker.is_cancelled:
                return
            if not self._is_told:
                self._is_told = True
                self._screen.post_message(self.Changed())
