"""An app in which every key has acted before the next one is looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.events import Event, Key, Paste
from textual.message import Message

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.timer import Timer

PATIENCE_SECONDS = 3.0
"""What was typed waits no longer for what was typed before it: what had that may be gone, or never answer."""

FEWEST_ROUNDS, MOST_ROUNDS = 2, 7
"""The first round finds that a key was answered, the others that so were the messages which that set off in turn."""


class KeyPassed(Message, verbose=True):
    """Follows a key from ``start`` up to the app, for the ``number``-th time."""

    def __init__(self, typed: Event | None, start: DOMNode, number: int) -> None:
        super().__init__()
        self.typed = typed
        self.start = start
        self.number = number

    @property
    def is_last(self) -> bool:
        """Whether nothing more is on this way, or it has been gone often enough."""
        is_quiet = not any(node.message_queue_size for node in self.start.ancestors_with_self)
        return self.number >= (FEWEST_ROUNDS if is_quiet else MOST_ROUNDS)


class OrderedApp(App[None]):
    """Hands on what is typed one key at a time, however fast it comes.

    Textual hands all keys that have come to what has the focus now, and looks bindings up when a key has come up
    from there. Where many keys arrive at once, as over a slow line, a, backspace, b would be an a, and what is
    typed after the key that opens a layer would be lost below it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._typed: deque[Event] = deque()
        self._answered: Event | None = None
        self._is_followed = False
        """Only where another key waits: it would take its time from the frame."""
        self._holders: set[object] = set()
        self._patience: Timer | None = None

    @contextmanager
    def holding_keys(self) -> Iterator[None]:
        """What is typed waits for what is done here: for a worker that a key has started."""
        holder = object()
        self._holders.add(holder)
        try:
            yield
        finally:
            self._holders.discard(holder)
            self._follow(self._answered)

    async def on_event(self, event: Event) -> None:
        """Keys and pasted text in their turn, all else at once."""
        if not isinstance(event, Key | Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if self._answered is None and not self._holders:
            await self._answer_next()
        elif not self._is_followed:
            self._follow(self._answered)

    async def _answer_next(self) -> None:
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        self._holders.clear()  # if there are any, they were waited for
        self._answered = self._typed.popleft() if self._typed else None
        self._is_followed = False
        if self._answered is not None:
            self._patience = self.set_timer(PATIENCE_SECONDS, self._answer_next)
            await super().on_event(self._answered)
            if self._typed:
                self._follow(self._answered)

    async def on_key_passed(self, event: KeyPassed) -> None:
        """Follow the key again, from where the focus is now."""
        if event.typed is not self._answered or self._holders:
            return
        if event.start is not self._has_keys:
            self._follow(event.typed)
        elif event.is_last:
            await self._answer_next()
        else:
            self._follow(event.typed, event.number + 1)

    def _follow(self, typed: Event | None, number: int = 1) -> None:
        self._is_followed = True
        if (start := self._has_keys) and not start.post_message(KeyPassed(typed, start, number)):
            self.call_later(self._answer_next)  # it is being taken down

    @property
    def _has_keys(self) -> DOMNode | None:
        """What is typed goes there; None when the app is over."""
        screens = self.screen_stack
        return (screens[-1].focused or screens[-1]) if screens else None
