"""The table of runs: a line each, drawn when it is looked at, its cursor on a run and not on a line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.binding import Binding
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from gpt2tui.runs.entry import Entry
from gpt2tui.tui.widgets.run_columns import BY_NAME, Sorting, cells, colour, cut, widths

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_GUTTER = 4
"""Cursor, mark and pin, and a space after them."""
_GAP = 2
_MUTED = ("preset", "corpus", "target", "age", "size")


class RunTable(ScrollView, can_focus=True):
    """Shows the entries it is given. The head stays; rows scroll below it."""

    app: Gpt2TuiApp

    COMPONENT_CLASSES: ClassVar[set[str]] = {"run-table--head", "run-table--row", "run-table--cursor"}
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up", tooltip="The run above"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down", tooltip="The run below"),
        Binding("pageup", "move_pages(-1)", "Page up", show=False, id="table.page_up", tooltip="A page up"),
        Binding("pagedown", "move_pages(1)", "Page down", show=False, id="table.page_down", tooltip="A page down"),
        Binding("home", "move_to(0)", "First", show=False, id="table.first", tooltip="The first run"),
        Binding("end", "move_to(-1)", "Last", show=False, id="table.last", tooltip="The last run"),
    ]

    class Pointed(Message):
        """The cursor is on another run, or on none."""

    class Chosen(Message):
        """A run was clicked twice."""

    class Marked(Message):
        """The mark of the run under the cursor was clicked."""

    class HeadPressed(Message):
        """The head of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry] = ()
        self.row = 0
        self._has_been_moved = False
        self._wanted: str | None = None
        """The id of the run to be pointed at, until the cursor is moved."""
        self.columns: dict[str, int] = {}
        self._marks: Collection[str] = ()
        self._overlaid: str | None = None
        self._sorting = Sorting()
        self._cells: list[dict[str, str]] = []

    @property
    def pointed(self) -> Entry | None:
        """The run under the cursor."""
        return self.entries[self.row] if self.entries else None

    def show(
        self, entries: Sequence[Entry], *, marks: Collection[str], sorting: Sorting, overlaid: str | None, now: float
    ) -> None:
        """Show these runs; the cursor stays on its run, or where that is gone on the line.

        Until it is first moved it also keeps its line, the first, while runs are being read: their order is not known.
        """
        before = self.pointed
        is_settled = self._has_been_moved or not any(entry.state == "reading" for entry in self.entries)
        self._marks, self._overlaid, self._sorting, self.entries = marks, overlaid, sorting, entries
        self._cells = [cells(entry, now, self.app.glyphs) for entry in entries]
        rows = {entry.id: row for row, entry in enumerate(entries)}
        row = rows.get(before.id, self.row) if before and is_settled else self.row
        row = rows.get(self._wanted or "", row)
        has_moved, self.row = row != self.row, max(0, min(row, len(entries) - 1))
        self._lay_out()
        if has_moved:
            self._scroll_to_cursor()
        if (before and before.id) != (self.pointed and self.pointed.id):
            self.post_message(self.Pointed())

    def point_at(self, run: str) -> None:
        """Let the cursor be on the run of this id from the next :meth:`show` on, until somebody moves it."""
        self._wanted = run

    def stay(self) -> None:
        """From now on the cursor is on the run that it is seen on, as if somebody had moved it there."""
        self._has_been_moved = True
        if self.pointed:
            self._wanted = None

    def render_line(self, y: int) -> Strip:
        """The head, or the run of a line."""
        if not self.size.width:  # of a terminal that is smaller than our borders
            return Strip([])
        if y == 0:
            return self._strip(self._head(), "run-table--head")
        row = self.scroll_offset.y + y - 1
        if row >= len(self.entries):
            return Strip.blank(self.size.width, self.rich_style)
        is_under_cursor = row == self.row
        line = self._line(self.entries[row], self._cells[row], is_under_cursor=is_under_cursor)
        return self._strip(line, "run-table--cursor" if is_under_cursor else "run-table--row")

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._point(self.row + rows)

    def action_move_pages(self, pages: int) -> None:
        """Move the cursor by so many screens."""
        self._point(self.row + pages * max(1, self.size.height - 2))

    def action_move_to(self, row: int) -> None:
        """Move the cursor to the first row (0) or the last (-1)."""
        self._point(row % len(self.entries) if self.entries else 0)

    def on_resize(self, event: Resize) -> None:
        self._lay_out()
        self._scroll_to_cursor()

    def on_click(self, event: Click) -> None:
        place = event.get_content_offset(self)
        if place is None:
            return
        if place.y == 0:
            if column := self._column_at(place.x):
                self.post_message(self.HeadPressed(column))
            return
        row = self.scroll_offset.y + place.y - 1
        if row < len(self.entries):
            self._point(row)
            if place.x < _GUTTER:
                self.post_message(self.Marked())
            elif event.chain == 2:
                self.post_message(self.Chosen())

    def _point(self, row: int) -> None:
        row = max(0, min(row, len(self.entries) - 1))
        if row != self.row:
            self.row = row
            self.stay()
            self._scroll_to_cursor()
            self.refresh()
            self.post_message(self.Pointed())

    def _lay_out(self) -> None:
        width = self.size.width or 80
        self.columns = widths(self._cells, width - _GUTTER - 1, gap=_GAP, sorted_by=self._sorting.column)
        self.virtual_size = Size(width, len(self.entries) + 1)
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        top, height = self.scroll_offset.y, self.size.height - 1
        if self.row < top:
            self.scroll_to(y=self.row, animate=False)
        elif height > 0 and self.row >= top + height:
            self.scroll_to(y=self.row - height + 1, animate=False)

    def _strip(self, line: Content, style: str) -> Strip:
        (strip,) = Visual.to_strips(self, line, self.size.width, 1, self.get_visual_style(style), pad=True)
        return strip

    def _head(self) -> Content:
        parts = [Content(" " * _GUTTER)]
        for name, width in self.columns.items():
            words = name
            if name == self._sorting.column:
                arrow = self.app.glyphs.falling if self._sorting.is_descending() else self.app.glyphs.rising
                words = f"{name} {arrow}"
            parts.append(Content(self._placed(name, words, width) + " " * _GAP))
        return Content("").join(parts)

    def _line(self, entry: Entry, texts: dict[str, str], *, is_under_cursor: bool) -> Content:
        glyphs = self.app.glyphs
        parts = [
            Content.styled(glyphs.cursor if is_under_cursor else " ", "$primary"),
            Content.styled(glyphs.marked if entry.id in self._marks else " ", "bold $accent"),
            Content.styled(glyphs.pinned if entry.label.pinned else " ", "$warning"),
            Content.styled(glyphs.overlaid if entry.id == self._overlaid else " ", "$secondary"),
        ]
        is_unnamed = entry.name == entry.id  # of ids the end tells those of a day apart
        for name, width in self.columns.items():
            style = self._style(entry, name)
            parts.append(
                Content.styled(
                    self._placed(name, texts[name], width, keeps_end=is_unnamed and name == "name") + " " * _GAP, style
                )
            )
        return Content("").join(parts)

    def _style(self, entry: Entry, column: str) -> str:
        if column == "state":
            return colour(entry)
        if entry.state in ("damaged", "reading") or column in _MUTED:
            return "$foreground-muted"
        if column == "best loss" and entry.best_corpus_loss is not None and entry.reason == "target_reached":
            return "bold $success"
        return "bold" if column == "name" and entry.is_alive else ""

    def _placed(self, column: str, text: str, width: int, *, keeps_end: bool = False) -> str:
        text = cut(text, width, self.app.glyphs, keeps_end=keeps_end)
        space = " " * (width - cell_len(text))
        return space + text if BY_NAME[column].is_right else text + space

    def _column_at(self, x: int) -> str | None:
        start = _GUTTER
        for name, width in self.columns.items():
            if start <= x < start + width + _GAP:
                return name
            start += width + _GAP
        return None
