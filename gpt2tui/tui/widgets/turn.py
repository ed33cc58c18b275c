"""One turn on the screen: the prompt and what the model made of it, one text in two styles, and how it went."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea

from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.turn_notes import turn_notes
from gpt2tui.tui.widgets.turn_text import Line

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

TINTS = (0.9, 0.5, 0.2, 0.05)
"""Lower edges of the probabilities that are tinted alike; the first is not tinted at all."""


class TurnView(Widget):
    """Draws a turn. Only lines that can be seen are drawn, and while it grows only those that have changed.

    The text that is drawn grows by ``take_changes`` and no other way: whatever comes before the frame is there, lines
    that are kept and lines that are new are of one moment.
    """

    app: Gpt2TuiApp

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "turn--prompt",
        "turn--kept",
        "turn--drawn",
        "turn--note",
        "turn--problem",
        "turn--end",
        "turn--cursor",
        *(f"turn--tint-{level}" for level in range(1, len(TINTS) + 1)),
    }

    class Chosen(Message):
        """A turn was clicked, or a token of it."""

        def __init__(self, view: TurnView, token: int | None) -> None:
            super().__init__()
            self.view, self.token = view, token

    def __init__(self, turn: LiveTurn) -> None:
        super().__init__()
        self.turn = turn
        self.is_tinted = False
        self.cursor: int | None = None
        self._marked: int | None = None
        """The token that is drawn as the cursor's."""
        self._drawn_lines: tuple[int, int, int] = (0, 0, 0)
        """How many lines of text and how many in all were there at the last call, and at which width."""
        self._text = turn.text
        self._strips: dict[int, Strip] = {}
        """Lines as they were last drawn, in the look that they were drawn in."""
        self._look: object = None

    def on_mount(self) -> None:
        self.watch(self.screen, "focused", self._take_focus, init=False)

    def _take_focus(self) -> None:
        if self.turn.state == "failed":  # it says which keys try again
            self.refresh()

    # What it holds

    def take_changes(self) -> None:
        """Draw what has changed since the last call: the end of the text, and what is below it."""
        self.turn.bring_to_date()
        before, before_all, before_width = self._drawn_lines
        width = self.content_size.width
        lines, notes = self._counts(width)
        is_new_text, self._text = self.turn.text is not self._text or width != before_width, self.turn.text
        self._drawn_lines = (lines, lines + notes, width)
        first = max(0, before - 2)  # a mark may join the character at the end of a line
        self._strips = {} if is_new_text else {y: strip for y, strip in self._strips.items() if y < first}
        height = max(before_all, lines + notes) - first
        if is_new_text or not width:
            self.refresh(layout=True)
        else:
            self.refresh(Region(0, first, width, height), layout=before_all != lines + notes)

    def show_tints(self, is_tinted: bool) -> None:
        """Tint tokens by their probability, or not."""
        if is_tinted != self.is_tinted:
            self.is_tinted = is_tinted
            self.refresh()

    def show_cursor(self, token: int | None) -> None:
        """Mark a token, or none."""
        before, self.cursor = self._marked, token
        self._marked = None if token is None else self._first_drawn(token)
        for marked in (before, token, self._marked):
            if marked is not None:
                first, last = self.rows(marked)
                self.refresh(Region(0, first, self.content_size.width, last - first + 1))

    def _first_drawn(self, token: int) -> int:
        """A token that ends inside a character is seen with the one that ends the character."""
        text = self.turn.text
        while token + 1 < len(text.starts) and text.span(token)[0] == text.span(token)[1]:
            token += 1
        return token

    def rows(self, token: int) -> tuple[int, int]:
        """The first and last line of a token, counted from the top of the turn."""
        width = self.content_size.width
        start, end = self.turn.text.span(token)
        return self.turn.text.line_of(start, width), self.turn.text.line_of(max(start, end - 1), width)

    def token_beside(self, token: int, rows: int) -> int:
        """The token so many lines below (or above) one, about in the same column."""
        text, width = self.turn.text, self.content_size.width
        lines = text.lines(width)
        start, _ = text.span(token)
        at = text.line_of(start, width)
        column = max(0, start - lines[at].start)
        goal = lines[min(len(lines) - 1, max(0, at + rows))]
        return text.token_at(min(goal.start + column, max(goal.start, goal.end - 1)))

    # Layout and drawing

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return sum(self._counts(width))

    def _counts(self, width: int) -> tuple[int, int]:
        return len(self.turn.text.lines(width)), len(turn_notes(self.turn, width, self.app.glyphs))

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        lines = self.turn.text.lines(width)
        base = self.rich_style
        if y < len(lines):
            # The frame draws all of a turn anew whenever its height changes.
            look = (width, base, self.app.theme, self.is_tinted, self.cursor, self.text_selection)
            if look != self._look:
                self._look, self._strips = look, {}
            if y not in self._strips:
                self._strips[y] = self._text_line(y, lines)
            return self._strips[y]
        is_typing = isinstance(self.screen.focused, TextArea | Input)
        notes = turn_notes(self.turn, width, self.app.glyphs, is_typing=is_typing)
        if y - len(lines) < len(notes):
            name = "turn--problem" if self.turn.state == "failed" else "turn--note"
            strip = Strip([Segment(notes[y - len(lines)], self.get_component_rich_style(name))])
            return strip.crop(0, width).extend_cell_length(width, base)
        return Strip.blank(width, base)

    def _text_line(self, y: int, lines: list[Line]) -> Strip:
        offset = lines[y].start - lines[y].paragraph_start
        strip = Strip(self._text_segments(y, lines)).apply_offsets(offset, lines[y].paragraph)
        return strip.extend_cell_length(self.content_size.width, self.rich_style)

    def _text_segments(self, y: int, lines: list[Line]) -> list[Segment]:
        line, text = lines[y], self.turn.text
        span = selection.get_span(line.paragraph) if (selection := self.text_selection) else None
        segments: list[Segment] = []
        for start, end, style in self._runs(line):
            segments += self._selected(text.plain[start:end], start - line.paragraph_start, style, span)
        is_last = y == len(lines) - 1
        if self.cursor is not None and self._has_blank_cursor(line, is_last=is_last):
            segments.append(Segment(" ", self.get_component_rich_style("turn--cursor")))
        elif is_last and self.turn.state == "streaming":
            segments.append(
                Segment("_" if self.app.glyphs.is_ascii else "▍", self.get_component_rich_style("turn--end"))
            )
        return segments

    def _runs(self, line: Line) -> Iterator[tuple[int, int, Style]]:
        """Stretches of a line with one style."""
        starts, plain = self.turn.text.starts, self.turn.text.plain
        at, token = line.start, max(0, bisect_right(starts, line.start) - 1)
        pending: tuple[int, int, str] | None = None
        while at < line.end:
            following = starts[token + 1] if token + 1 < len(starts) else len(plain)
            end = min(line.end, following)
            if end > at:
                name = self._class_of(token)
                if pending and pending[2] == name:
                    pending = (pending[0], end, name)
                else:
                    if pending:
                        yield pending[0], pending[1], self.get_component_rich_style(pending[2])
                    pending = (at, end, name)
                at = end
            token += 1
        if pending:
            yield pending[0], pending[1], self.get_component_rich_style(pending[2])

    def _class_of(self, token: int) -> str:
        if token == self._marked:
            return "turn--cursor"
        probability = self.turn.probability(token) if self.is_tinted else None
        if probability is not None and (level := tint_level(probability)):
            return f"turn--tint-{level}"
        return f"turn--{self.turn.kind(token)}"

    def _selected(self, text: str, column: int, style: Style, span: tuple[int, int] | None) -> list[Segment]:
        if span is None:
            return [Segment(text, style)]
        first = min(len(text), max(0, span[0] - column))
        last = len(text) if span[1] == -1 else min(len(text), max(first, span[1] - column))
        marked = style + self.screen.get_component_rich_style("screen--selection", partial=True)
        parts = ((text[:first], style), (text[first:last], marked), (text[last:], style))
        return [Segment(part, its) for part, its in parts if part]

    def _has_blank_cursor(self, line: Line, *, is_last: bool) -> bool:
        """Whether the cursor is on a token that has no cells of its own: it is shown behind the line."""
        assert self.cursor is not None
        start, end = self.turn.text.span(self.cursor)
        drawn = self.turn.text.plain[start:end].strip("\n")
        is_here = line.start <= start <= line.end if not is_last else line.start <= start
        return not drawn and is_here and cell_len(self.turn.text.plain[line.start : line.end]) < self.content_size.width

    # Selection by mouse

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        return selection.extract(self.turn.text.plain), "\n"

    def on_click(self, event: Click) -> None:
        token = None
        offset = event.get_content_offset(self)
        lines = self.turn.text.lines(self.content_size.width)
        if offset is not None and offset.y < len(lines):
            line = lines[offset.y]
            column = self.turn.text.plain[line.start : line.end]
            used = 0
            for index, character in enumerate(column):
                used += cell_len(character)
                if used > offset.x:
                    token = self.turn.text.token_at(line.start + index)
                    break
        self.post_message(self.Chosen(self, token))


def tint_level(probability: float) -> int:
    """Which of the tints a probability has; 0 is none."""
    return next((level for level, edge in enumerate(TINTS) if probability >= edge), len(TINTS))
