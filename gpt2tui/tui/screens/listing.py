"""The table of all runs: what is in it, in which order, which of them are marked, and the details below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key, Resize
from textual.screen import Screen

from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger import Ledger
from gpt2tui.tui.ledger_watch import LedgerWatch
from gpt2tui.tui.widgets.key_bar import KeyBar
from gpt2tui.tui.widgets.message_line import MessageLine
from gpt2tui.tui.widgets.run_columns import COLUMNS, Sorting, is_fitting
from gpt2tui.tui.widgets.run_filter import RunFilter
from gpt2tui.tui.widgets.run_guide import RunGuide, listed_words
from gpt2tui.tui.widgets.run_pane import RunPane
from gpt2tui.tui.widgets.run_table import RunTable
from gpt2tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_LOOK_SECONDS = 1.0
_WIDE, _TALL, _LOWEST = 110, 30, 16


class ListingScreen(Screen[None]):
    """Shows a ledger that is kept up to date in threads. What is done with its runs is :class:`RunsScreen`'s."""

    app: Gpt2TuiApp

    AUTO_FOCUS = "RunTable"

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.app.store)
        self._watch = LedgerWatch(self, self.ledger, self.app.now)
        self.marks: set[str] = set()
        self.sorting = Sorting()
        self._wants_details: bool | None = None
        self._has_runs = False
        self._followed: str | None = None
        self._is_ready = False

    def lasting_words(self) -> str:
        """What stands below while nothing else is said."""
        raise NotImplementedError

    def idle_words(self, key: str) -> str:
        """What a key is answered that can do nothing now; empty for others."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        yield RunFilter()
        yield RunTable()
        yield RunGuide()
        yield RunPane()
        yield MessageLine(self.lasting_words)
        yield KeyBar()

    def on_mount(self) -> None:
        self.set_interval(_LOOK_SECONDS, self._look)
        self._is_ready = True
        self.change_run()

    def on_screen_resume(self) -> None:
        self._look()

    def on_resize(self, event: Resize) -> None:
        self._fit()

    def change_run(self) -> None:
        """Another run is followed, or another is laid over it."""
        if not self._is_ready:
            return
        followed = self.app.follower.run.id if self.app.follower else None
        if followed and followed != self._followed:
            self.query_one(RunTable).point_at(followed)
        self._followed = followed
        self._show()

    # The ledger

    def _look(self) -> None:
        if self.app.current_mode == "runs":
            self._watch.look()

    @on(LedgerWatch.Changed)
    def _ledger_changed(self) -> None:
        self._show()
        self._watch.hear()

    def _show(self) -> None:
        entries = self.ledger.entries
        self.marks &= {entry.id for entry in entries}
        words = self.query_one(RunFilter).words
        fitting = [entry for entry in entries if is_fitting(entry, words)]
        table = self.query_one(RunTable)
        table.show(
            self.sorting.arranged(fitting),
            marks=self.marks,
            sorting=self.sorting,
            overlaid=self.app.overlaid.run.id if self.app.overlaid else None,
            now=self.app.now(),
        )
        self._show_pane()
        listed = listed_words(self.ledger.entries, len(fitting), len(self.marks), is_filtered=bool(words))
        self.query_one(TopBar).tell(Content.styled(self.app.glyphs.separator.join(listed), "$text-muted"))
        self._say_what_to_do(bool(fitting), words)

    def _say_what_to_do(self, has_any: bool, words: str) -> None:
        guide = self.query_one(RunGuide)
        guide.display = not has_any
        if not has_any:
            guide.show(self.ledger, words)
        self.query_one(RunTable).set_class(not has_any, "-empty")
        if bool(self.ledger.entries) != self._has_runs:
            self._has_runs = not self._has_runs
            self.refresh_bindings()
        self._fit()

    @on(RunTable.Pointed)
    def _show_pane(self) -> None:
        pane = self.query_one(RunPane)
        if pane.display:
            pointed = self._pointed()
            other = next((entry for entry in self._marked() if pointed and entry.id != pointed.id), None)
            pane.show(pointed, other, self.app.now())

    def _fit(self) -> None:
        """The details stand below the table where there is room, or where they are asked for."""
        width, height = self.size
        count = len(self.ledger.entries)
        wants = height >= _TALL if self._wants_details is None else self._wants_details
        pane = self.query_one(RunPane)
        before, pane.display = pane.display, wants and bool(count) and height >= _LOWEST
        self.set_class(width < _WIDE, "-narrow")
        # As many lines as there are runs, where the details can use the rest.
        table = self.query_one(RunTable)
        table.styles.height = min(count + 3, max(6, height * 11 // 20)) if pane.display else "1fr"
        if pane.display and not before:
            self.call_after_refresh(self._show_pane)

    # Which, and in which order

    def action_filter(self) -> None:
        """Go to the field that the table is filtered by."""
        self.query_one(RunFilter).open()

    @on(RunFilter.Changed)
    def _filtered(self) -> None:
        """The cursor stays on its run, whose details are shown; where that fits no more it goes to the first."""
        table = self.query_one(RunTable)
        before = table.pointed
        table.stay()
        self._show()
        if before and table.pointed and table.pointed.id != before.id:
            table.action_move_to(0)

    @on(RunFilter.Left)
    def _filter_left(self) -> None:
        self.query_one(RunTable).focus()

    def action_back(self) -> None:
        """Leave the field; then lift the filter; then the marks."""
        filtering = self.query_one(RunFilter)
        if filtering.words and self.ledger.entries and not self.query_one(RunTable).entries:
            filtering.clear()  # nothing fits: there is nothing to go back to, and what is hidden cannot have the keys
        elif filtering.has_field_focus:
            filtering.leave()
        elif not self.query_one(RunTable).has_focus:
            self.query_one(RunTable).focus()
        elif filtering.words:
            filtering.clear()
        elif self.marks:
            self.marks.clear()
            self._show()

    def action_sort(self) -> None:
        """Sort by the next column, of those that are there."""
        present = list(self.query_one(RunTable).columns) or [column.name for column in COLUMNS]
        at = present.index(self.sorting.column) if self.sorting.column in present else -1
        self._sort_by(present[(at + 1) % len(present)])

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort_by(self.sorting.column)

    @on(RunTable.HeadPressed)
    def _head_pressed(self, event: RunTable.HeadPressed) -> None:
        self._sort_by(event.column)

    def _sort_by(self, column: str) -> None:
        is_same = column == self.sorting.column
        self.sorting = Sorting(column, is_reversed=is_same and not self.sorting.is_reversed)
        self._show()

    @on(RunTable.Marked)
    def action_mark(self) -> None:
        """Mark the run under the cursor, or no longer."""
        if entry := self._pointed():
            self.marks ^= {entry.id}
            self._show()

    def action_details(self) -> None:
        """Show or hide the details."""
        self._wants_details = not self.query_one(RunPane).display
        self._fit()

    # Of use to what is done

    def on_key(self, event: Key) -> None:
        """What was said is heard once another key is pressed."""
        self._say(self.idle_words(event.key))

    def _say(self, words: str, *, is_bad: bool = False) -> None:
        self.query_one(MessageLine).say(words, is_bad=is_bad)

    def _pointed(self) -> Entry | None:
        return self.query_one(RunTable).pointed

    def _whole(self) -> Entry | None:
        """The run under the cursor, if it can be read; else its problem is said."""
        entry = self._pointed()
        if entry and entry.problem:
            self._say(entry.problem, is_bad=True)
            return None
        return entry

    def _marked(self) -> list[Entry]:
        """The marked runs, in the order of the table, hidden ones too."""
        return [entry for entry in self.sorting.arranged(self.ledger.entries) if entry.id in self.marks]
