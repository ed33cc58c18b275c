"""The layer on which configurations stand side by side, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import ScrollableContainer, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from gpt2tui.runs.comparison import compared, result_cells
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.entry import Entry
from gpt2tui.tui.widgets.run_columns import shown
from gpt2tui.tui.widgets.run_detail import wrapped

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_NARROWEST = 12
_WIDEST = 40
_GAP = 2

Row = tuple[str, Sequence[str]]


class RunComparison(ModalScreen[None]):
    """The fields in which runs differ, on request those in which they do not, and what came of them."""

    app: Gpt2TuiApp

    BINDINGS: ClassVar = [
        Binding("escape,c", "dismiss(None)", "Close", id="comparison.close", tooltip="Back to the table"),
        Binding("a", "toggle_all", "All fields", id="comparison.all", tooltip="Fields that are the same, too"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="comparison.up", tooltip="A line up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="comparison.down", tooltip="A line down"),
    ]

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__(id="comparison")
        self._entries = [entry for entry in entries if entry.config]
        self._has_all = False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Side by side", classes="title")
            with ScrollableContainer():
                yield Static(id="fields", markup=False)
            yield Static("a shows or hides what is the same, esc goes back", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(ScrollableContainer).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def action_toggle_all(self) -> None:
        """Show or hide the fields that are the same."""
        self._has_all = not self._has_all
        self._draw()

    def action_scroll(self, lines: int) -> None:
        """Scroll by so many lines."""
        self.query_one(ScrollableContainer).scroll_relative(y=lines, animate=False)

    def _draw(self) -> None:
        fields = compared(*zip(*map(_configs, self._entries), strict=True))
        texts = [(field, (field.name, field.texts)) for field in fields]
        different = [row for field, row in texts if field.is_different]
        same = [row for field, row in texts if not field.is_different]
        results = [
            result_cells(entry.state_words, entry.step, entry.finished, entry.best_corpus_loss)
            for entry in self._entries
        ]
        came = [(name, [cells[name] for cells in results]) for name in results[0]]
        first, width = self._measured([*different, *came, *(same if self._has_all else [])])
        lines = [self._line("", [shown(entry.name, self.app.glyphs) for entry in self._entries], first, width, "bold")]
        lines += self._section(f"different ({len(different)})", different, first, width, mark=True)
        if not different:
            lines.append(Content.styled("  the configurations are the same", "$foreground-muted"))
        if self._has_all:
            lines += self._section(f"the same ({len(same)})", same, first, width, style="$foreground-muted")
        lines += self._section("results", came, first, width)
        static = self.query_one("#fields", Static)
        static.styles.width = 2 + first + len(self._entries) * (width + _GAP)
        static.update(Content("\n").join(lines))

    def _measured(self, rows: Sequence[Row]) -> tuple[int, int]:
        """The widths of the names and of each run's values."""
        first = max(cell_len(name) for name, _ in rows)
        widest = max(cell_len(shown(text, self.app.glyphs)) for _, texts in rows for text in texts)
        widest = max(widest, *(cell_len(shown(entry.name, self.app.glyphs)) for entry in self._entries))
        room = self.query_one(ScrollableContainer).size.width - 2 - first
        return first, max(_NARROWEST, min(widest, _WIDEST, room // len(self._entries) - _GAP))

    def _section(
        self, title: str, rows: Sequence[Row], first: int, width: int, *, mark: bool = False, style: str = ""
    ) -> list[Content]:
        sign = self.app.glyphs.different if mark else " "
        return [
            Content(""),
            Content.styled(title, "bold $primary"),
            *(self._line(name, texts, first, width, "$warning" if mark else style, sign) for name, texts in rows),
        ]

    def _line(self, name: str, texts: Sequence[str], first: int, width: int, style: str, sign: str = " ") -> Content:
        """One field; values that are too long for their column go on below."""
        broken = [wrapped(shown(text, self.app.glyphs), width) for text in texts]
        lines = []
        for row in range(max(map(len, broken))):
            values = (pieces[row] if row < len(pieces) else "" for pieces in broken)
            cells = "".join(" " * _GAP + value + " " * (width - cell_len(value)) for value in values)
            head = f"{sign} {name}" if row == 0 else ""
            lines.append(Content.assemble((f"{head:<{first + 2}}", "$foreground-muted"), (cells, style)))
        return Content("\n").join(lines)


def _configs(entry: Entry) -> tuple[RunConfig, RunConfig]:
    """As it is, as far as that was read, and as it was at the start."""
    assert entry.config is not None
    return entry.present_config or entry.config, entry.config
