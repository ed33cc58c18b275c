"""Writing a model's text to stdout: safe to look at on a terminal, the plain bytes anywhere else."""

from __future__ import annotations

from typing import TextIO

from gpt2tui.text import visible


class TextOutput:
    """A text stream that may be a terminal. Every write is flushed.

    A model can write any character. On a terminal control characters are shown instead of obeyed; a pipe or
    a file gets exactly the text, as UTF-8.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self._is_line_open = False

    def write(self, text: str) -> None:
        """Write ``text``: on a terminal made safe to look at, elsewhere as it is.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        if not text:
            return
        if self.is_terminal:
            data = visible(text, keep="\n\t").encode(self._stream.encoding, errors="replace")
        else:
            data = text.encode("utf-8")
        self._is_line_open = not text.endswith("\n")
        self._stream.buffer.write(data)
        self._stream.buffer.flush()

    def end_line(self) -> None:
        """Write a newline, unless the text ended with one."""
        if self._is_line_open:
            self.write("\n")
