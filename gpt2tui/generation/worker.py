"""The app's generation child: ``python -P -m gpt2tui.generation.worker`` (see :mod:`gpt2tui.runs.dialogue`).

It keeps the model between requests, and goes on after every error but its own death.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING

from gpt2tui.errors import Gpt2TuiError, OutOfMemoryError, UsageError
from gpt2tui.generation.channel import Channel, Stopped
from gpt2tui.generation.waiting import wait_briefly
from gpt2tui.runs.dialogue import Failed, FailureKind, Generate, Load, Loading
from gpt2tui.text import one_line

if TYPE_CHECKING:
    from gpt2tui.generation.conversation import Conversation


class Worker:
    """Answers one request after the other."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._conversation: Conversation | None = None

    def run(self) -> None:
        """Answer until the process ends with its stdin."""
        for request in self._channel.requests():
            try:
                self._answer(request)
            except Exception as error:  # noqa: BLE001  every error ends here, as one line for the app
                self._channel.reply(_failure(request.id, error))

    def _answer(self, request: Load | Generate) -> None:
        match request:
            case Load():
                self._conversation = None  # what was loaded makes room first
                self._conversation = self._load(request)
            case Generate():
                if self._conversation is None:
                    raise UsageError("no model is loaded; choose a run and a checkpoint first")
                self._conversation.answer(request, self._channel.reply)

    def _load(self, request: Load) -> Conversation:
        began = time.perf_counter()
        self._channel.reply(Loading.at(request.id, "libraries"))
        wait_briefly()
        from gpt2tui.generation.conversation import Conversation

        return Conversation.load(request, self._channel.reply, self._channel.check, began=began)


def _failure(request: int, error: Exception) -> Failed:
    kind: FailureKind
    match error:
        case Stopped():
            kind, text = "stopped", "loading was stopped"
        case OutOfMemoryError() | MemoryError():
            kind, text = "out_of_memory", str(error) or "memory ran out; end what else needs it"
        case UsageError():
            kind, text = "usage", str(error)
        case Gpt2TuiError() | OSError():
            kind, text = "failed", str(error)
        case _:
            traceback.print_exception(error)
            kind, text = "unexpected", f"unexpected {type(error).__name__}: {error} (the log has the details)"
    return Failed(id=request, kind=kind, text=one_line(text))


def main() -> None:
    """Speak over stdin and stdout; everything else that is printed goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()
    Worker(channel).run()


if __name__ == "__main__":
    main()
