"""A small app that writes down what the driver tells it; keys make it end in all the ways there are.

Run as ``python -m tests.tui.listening_app LOG [no-mouse]``.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("ESCDELAY", "25")

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from gpt2tui.tui.terminal.driver import TerminalDriver


class ListeningApp(App[None]):
    def __init__(self, log: Path) -> None:
        super().__init__(driver_class=TerminalDriver)
        self._heard = log.open("a", buffering=1)

    def compose(self) -> ComposeResult:
        yield Static("listening\nand more below")

    def write_down(self, *words: object) -> None:
        self._heard.write(" ".join(str(word) for word in words) + "\n")

    def on_mount(self) -> None:
        self.write_down("mounted", os.getpid())
        self._watch = self.set_interval(0.05, self._watch_input)
        self.app_resume_signal.subscribe(self, lambda app: self.write_down("resumed"))

    def _watch_input(self) -> None:
        if all(thread.name != "textual-input" for thread in threading.enumerate()):
            self.write_down("reads no more")
            self._watch.stop()

    def on_paste(self, event: events.Paste) -> None:
        self.write_down("paste", repr(event.text))

    def on_event_of_mouse(self, event: events.MouseEvent) -> None:
        self.write_down(type(event).__name__, int(event.x), int(event.y), event.button)

    on_mouse_down = on_mouse_up = on_mouse_scroll_down = on_mouse_scroll_up = on_event_of_mouse

    def on_resize(self, event: events.Resize) -> None:
        self.write_down("size", event.size.width, event.size.height)

    def on_key(self, event: events.Key) -> None:
        self.write_down("key", event.key)
        match event.key:
            case "f5":
                raise RuntimeError("a crash on purpose")
            case "f6":
                sys.exit(7)
            case "f7":
                threading.Thread(target=sys.exit, args=(7,)).start()
            case "f8":
                self.action_suspend_process()
            case "f9":
                self.exit()
            case "f10":
                while True:  # hung
                    time.sleep(1)


if __name__ == "__main__":
    app = ListeningApp(Path(sys.argv[1]))
    app.run(mouse="no-mouse" not in sys.argv)
    print("the summary stays")
    sys.exit(app.return_code or 0)
