"""The text of a turn as it is drawn: made of tokens, growing at its end, broken into lines."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import get_character_cell_size

from gpt2tui.text import visible


class Line(NamedTuple):
    """A line on the screen: the characters from ``start`` to ``end`` of the text, part of a paragraph."""

    start: int
    end: int
    paragraph: int
    paragraph_start: int


class TurnText:
    """What tokens say, safe to be drawn, and the lines it takes at a width.

    Lines that are full are never looked at again, so that a token costs the same at the end of a long text as
    at its beginning. Line breaks of the text are kept; others fall between words where that is possible.
    """

    def __init__(self, *, is_ascii: bool = False) -> None:
        self._is_ascii = is_ascii
        self._width = 0
        self._lines: list[Line] = []
        self.plain = ""
        self.starts: list[int] = []
        """Where each token begins in ``plain``; a token without a text of its own begins where the next does."""

    def append(self, texts: Iterable[str]) -> None:
        """Add the texts of tokens, which may be empty."""
        at = len(self.plain)
        parts: list[str] = []
        for text in texts:
            shown = visible(text)
            if self._is_ascii:
                shown = shown.encode("ascii", "backslashreplace").decode("ascii")
            # A mark that combines with the character before it is drawn with that character's token.
            self.starts.append(at + _leading_marks(shown))
            parts.append(shown)
            at += len(shown)
        self.plain += "".join(parts)
        if self._lines:
            self._fill(self._lines.pop())

    def lines(self, width: int) -> list[Line]:
        """The lines at a width in cells; at least one, which may be empty."""
        if width != self._width or not self._lines:
            self._width, self._lines = width, []
            self._fill(Line(0, 0, 0, 0))
        return self._lines

    def span(self, token: int) -> tuple[int, int]:
        """The characters of a token in ``plain``."""
        following = token + 1
        return self.starts[token], self.starts[following] if following < len(self.starts) else len(self.plain)

    def token_at(self, character: int) -> int:
        """The token that a character belongs to; -1 before the first."""
        return bisect_right(self.starts, character) - 1

    def line_of(self, character: int, width: int) -> int:
        """The number of the line that a character stands in; a break belongs to the line before it."""
        lines = self.lines(width)
        return max(0, bisect_right(lines, character, key=lambda line: line.start) - 1)

    def _fill(self, line: Line) -> None:
        start, _, paragraph, paragraph_start = line
        text, width = self.plain, max(1, self._width)
        while True:
            found = text.find("\n", start)
            end = len(text) if found < 0 else found
            for first, last in broken(text, start, end, width):
                self._lines.append(Line(first, last, paragraph, paragraph_start))
            if found < 0:
                return
            start = paragraph_start = found + 1
            paragraph += 1


def broken(text: str, start: int, end: int, width: int) -> Iterable[tuple[int, int]]:
    """Break one paragraph, ``text[start:end]``, into lines of at most ``width`` cells, between words if possible.

    The space at a break is drawn on neither line.
    """
    while True:
        full = _reach(text, start, end, width)
        if full == end:
            yield start, end
            return
        space = text.rfind(" ", start, full + 1)
        if space > start and text[start:space].strip():
            yield start, space
            start = space + 1
        else:
            yield start, full
            start = full


def _reach(text: str, start: int, end: int, width: int) -> int:
    """How far a line of ``width`` cells that begins at ``start`` reaches; at least one character."""
    if end - start <= width and text[start:end].isascii():
        return end
    part = text[start : min(end, start + width + 1)]
    if part.isascii():
        return min(end, start + width)
    used = 0
    for at in range(start, end):
        used += cells(text[at])
        if used > width and at > start:
            return at
    return end


def cells(character: str) -> int:
    """The cells that a character adds to a line, at most: a sign that asks for an emoji makes it wide."""
    return 1 if character == "\ufe0f" else get_character_cell_size(character)


def _leading_marks(text: str) -> int:
    for index, character in enumerate(text):
        if character.isascii() or get_character_cell_size(character):
            return index
    return len(text)
