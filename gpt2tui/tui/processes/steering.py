"""Commands to a run, and what is still without an answer."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.commands import Command
from gpt2tui.runs.events import AnyEvent, RunFinished, RunStarted
from gpt2tui.runs.run import Run


class Steering:
    """Sends commands to one run; ``waiting`` says in words what its trainer has not answered yet."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._waiting: dict[str, str] = {}

    @property
    def waiting(self) -> str:
        """Such as ``pausing``; empty when nothing was asked."""
        return ", ".join(self._waiting.values())

    def send(self, command: Command, words: str) -> str:
        """Send a command; ``words`` stand on the screen until it is answered. Its id.

        Raises:
            Gpt2TuiError: nobody is there to take it.
            OSError: the run's directory cannot be written.
        """
        if not self.run.is_alive(unknown=True):
            raise Gpt2TuiError("the training has ended meanwhile")
        self.run.send(command)
        self._waiting[command.id] = words
        return command.id

    def take(self, events: Iterable[AnyEvent]) -> None:
        """Cross off what these events answer; an end, or a beginning, answers everything before it."""
        for event in events:
            if isinstance(event, RunFinished | RunStarted):
                self._waiting.clear()
            elif event.command:
                self._waiting.pop(event.command, None)

    def forget(self) -> None:
        """Nobody will answer any more."""
        self._waiting.clear()
