"""The app's driver where ``gpt2tui serve`` shows it in a browser."""

from __future__ import annotations

from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver


class BrowserDriver(WebDriver):
    """Textual's driver for the web, but a server that is gone ends the app."""

    def run_input_thread(self) -> None:
        """Read what the server sends; when it sends nothing more, end."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(messages.ExitApp())

    def write(self, data: str) -> None:
        """Write to the server; nothing where it is gone."""
        self._try(super().write, data)

    def write_meta(self, data: dict[str, object]) -> None:
        """Tell the server something; nothing where it is gone."""
        self._try(super().write_meta, data)

    def _try(self, act: Any, data: Any) -> None:
        try:
            act(data)
        except BrokenPipeError:
            self._app.post_message(messages.ExitApp())
