"""The screen with the table of all runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.events import Key, Resize
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, get_current_worker

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger import Ledger
from gpt2tui.text import byte_size
from gpt2tui.tui.run_keeping import RunKeeping
from gpt2tui.tui.widgets.run_columns import COLUMNS, Sorting, is_fitting, shown
from gpt2tui.tui.widgets.run_comparison import RunComparison
from gpt2tui.tui.widgets.run_filter import RunFilter
from gpt2tui.tui.widgets.run_pane import RunPane
from gpt2tui.tui.widgets.run_table import RunTable
from gpt2tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_LOOK_SECONDS = 1.0
_WIDE, _TALL, _LOWEST = 110, 30, 16


T = TypeVar("T")


class RunsScreen(Screen[None]):
    """Screen 3: a ledger that is kept up to date in threads, and what can be done with the runs in it."""

    app: Gpt2TuiApp

    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "RunTable"
    BINDINGS: ClassVar = [
        Binding("enter", "show", "Show", id="runs.show", tooltip="Show the run on Train"),
        Binding("g", "generate", "Generate", id="runs.generate", tooltip="Talk to the run's model"),
        Binding("slash", "filter", "Filter", id="runs.filter", key_display="/", tooltip="By name, corpus or state"),
        Binding("space", "mark", "Mark", id="runs.mark", tooltip="Mark the run, for compare, overlay and delete"),
        Binding("c", "compare", "Compare", show=False, id="runs.compare", tooltip="Configurations of the marked runs"),
        Binding("d", "delete", "Delete", id="runs.delete", tooltip="Delete the marked runs, or this one; asks first"),
        Binding("s", "sort", "Sort", show=False, id="runs.sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse", show=False, id="runs.reverse", tooltip="Sort the other way round"),
        Binding("p", "pin", "Pin", show=False, id="runs.pin", tooltip="Keep the run on top, or no longer"),
        Binding("n", "rename", "Rename", show=False, id="runs.rename", tooltip="Give the run another name"),
        Binding("e", "notes", "Notes", show=False, id="runs.notes", tooltip="Write something down about the run"),
        Binding("o", "overlay", "Overlay", show=False, id="runs.overlay", tooltip="Lay its loss over Train's chart"),
        Binding("R", "resume", "Resume", show=False, id="runs.resume", tooltip="Go on from the last checkpoint"),
        Binding("x", "stop", "Stop", show=False, id="runs.stop", tooltip="Let a run that trains save and stop"),
        Binding("i", "details", "Details", show=False, id="runs.details", tooltip="Show or hide the details"),
        Binding("escape", "back", "Back", show=False, id="runs.back", tooltip="Leave the field, the filter, the marks"),
    ]

    class LedgerChanged(Message):
        """There is more to show, or something else."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.app.store)
        self.keeping = RunKeeping(self.app, self.ledger, self._say)
        self.marks: set[str] = set()
        self.sorting = Sorting()
        self._wants_details: bool | None = None
        self._has_runs = False
        self._is_told = False
        self._is_ready = False
        self._workers: dict[str, Worker[None]] = {}

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        yield RunFilter()
        yield RunTable()
        yield Static(id="empty", markup=False)
        yield RunPane()
        yield Static(id="message", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.set_interval(_LOOK_SECONDS, self._look)
        self._is_ready = True
        self._show()

    def on_screen_resume(self) -> None:
        self._look()

    def on_resize(self, event: Resize) -> None:
        self._fit()

    def change_run(self) -> None:
        """Another run is followed, or another is laid over it."""
        if self._is_ready:
            self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without runs there is nothing to do with one."""
        is_about_runs = any(isinstance(one, Binding) and one.action == action for one in self.BINDINGS)
        return bool(self.ledger.entries) or not is_about_runs

    # The ledger

    def _look(self) -> None:
        if self.app.current_mode == "runs":
            self._begin(self._scan)
            self._begin(self._measure)

    def _begin(self, task: Callable[[float], Worker[None]]) -> None:
        running = self._workers.get(task.__name__)
        if running is None or running.is_finished:
            self._workers[task.__name__] = task(self.app.now())

    @work(thread=True, group="scan")
    def _scan(self, now: float) -> None:
        worker = get_current_worker()
        for _ in self.ledger.scan(now):
            if worker.is_cancelled:
                return
            self._tell()

    @work(thread=True, group="measure")
    def _measure(self, now: float) -> None:
        worker = get_current_worker()
        for _ in self.ledger.measure(now):
            if worker.is_cancelled:
                return
            self._tell()

    def _tell(self) -> None:
        # One message at a time: a thread that finds 300 runs would fill the queue.
        if not self._is_told:
            self._is_told = True
            self.post_message(self.LedgerChanged())

    def on_runs_screen_ledger_changed(self) -> None:
        self._is_told = False
        self._show()
        if self.ledger.has_scanned and any(entry.size is None for entry in self.ledger.entries):
            self._begin(self._measure)

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
        self._say_what_is_listed(len(fitting), words)
        self._say_what_to_do(bool(fitting), words)

    def _say_what_is_listed(self, fitting: int, words: str) -> None:
        entries, separator = self.ledger.entries, self.app.glyphs.separator
        living = sum(entry.is_alive for entry in entries)
        parts = [f"{len(entries)} run{'s' * (len(entries) != 1)}"]
        if words:
            parts[0] = f"{fitting} of {parts[0]}"
        if living:
            parts.append(f"{living} alive")
        if self.marks:
            parts.append(f"{len(self.marks)} marked")
        if sizes := sum(entry.size or 0 for entry in entries):
            parts.append(byte_size(sizes))
        self.query_one(TopBar).tell(Content.styled(separator.join(parts), "$text-muted"))

    def _say_what_to_do(self, has_any: bool, words: str) -> None:
        if not self.ledger.has_scanned and not self.ledger.entries:
            text = Content.styled("Looking for runs", "$foreground-muted")
        elif not self.ledger.entries:
            text = Content.assemble(
                ("No runs yet.", "bold"), "\n\n", ("1", "bold $primary"), " leads to the form that starts one."
            )
        else:
            fitting = f'No run fits "{shown(words, self.app.glyphs)}".'
            text = Content.assemble((fitting, "bold"), "\n\n", ("esc", "bold $primary"), " shows all of them.")
        empty = self.query_one("#empty", Static)
        empty.display = not has_any
        if not has_any:
            empty.update(text)
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

    # Moving about

    def action_show(self) -> None:
        """Show the run under the cursor on Train."""
        if entry := self._whole():
            self.app.follow(entry.run)
            self.app.switch_mode("train")

    @on(RunTable.Chosen)
    def _chosen(self) -> None:
        self.action_show()

    @work
    async def action_generate(self) -> None:
        """Open the run under the cursor on Generate."""
        if entry := self._whole():
            from gpt2tui.tui.screens.generate import GenerateScreen

            await self.app.switch_mode("generate")
            for screen in self.app.screen_stack:  # a layer may stand above it
                if isinstance(screen, GenerateScreen):
                    screen.open_run(entry.run)

    def action_filter(self) -> None:
        """Go to the field that the table is filtered by."""
        self.query_one(RunFilter).open()

    @on(RunFilter.Changed)
    def _filtered(self) -> None:
        self._show()

    @on(RunFilter.Left)
    def _filter_left(self) -> None:
        self.query_one(RunTable).focus()

    def action_back(self) -> None:
        """Leave the field; then lift the filter; then the marks."""
        filtering = self.query_one(RunFilter)
        if filtering.has_field_focus:
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

    # What is done with runs

    def action_compare(self) -> None:
        """Lay the configurations of the marked runs side by side; of one, with that under the cursor."""
        meant = self._marked()
        if len(meant) == 1 and (entry := self._pointed()) and entry.id not in self.marks:
            meant.append(entry)
        meant = [entry for entry in meant if entry.config]
        if len(meant) < 2:
            self._say("compare needs two different runs; mark them with space", is_bad=True)
        else:
            self.app.push_screen(RunComparison(meant))

    def action_overlay(self) -> None:
        """Lay the loss of a run over the chart of the one on Train, or take it away."""
        marked = self._marked()
        entry = marked[0] if len(marked) == 1 else self._whole()
        if not entry:
            return
        followed = self.app.follower.run if self.app.follower else None
        if followed is None or followed.id == entry.id:
            self._say(f"{self._known_as(entry)} is on Train already; lay another one over it", is_bad=True)
        elif self.app.overlaid and self.app.overlaid.run.id == entry.id:
            self.app.overlay(None)
            self._say("nothing is laid over the chart on Train")
        else:
            self.app.overlay(entry.run)
            self._say(f"{self._known_as(entry)} is laid over {followed.name()}; 1 shows both")

    @work
    async def action_pin(self) -> None:
        """Keep the run under the cursor on top, or no longer."""
        await self._do(self.keeping.pin, self._pointed())

    @work
    async def action_rename(self) -> None:
        """Give the run under the cursor another name."""
        await self._do(self.keeping.rename, self._pointed())

    @work
    async def action_notes(self) -> None:
        """Write something down about the run under the cursor."""
        await self._do(self.keeping.note, self._pointed())

    @work
    async def action_delete(self) -> None:
        """Delete the marked runs, or the one under the cursor."""
        pointed = self._pointed()
        await self._do(self.keeping.delete, self._marked() or ([pointed] if pointed else []))

    @work
    async def action_resume(self) -> None:
        """Go on with the run under the cursor."""
        await self._do(self.keeping.resume, self._whole())

    @work
    async def action_stop(self) -> None:
        """Let the run under the cursor save and stop."""
        await self._do(self.keeping.stop, self._pointed())

    async def _do(self, deed: Callable[[T], Awaitable[str]], what: T | None) -> None:
        if not what:
            return
        try:
            self._say(await deed(what))
        except (Gpt2TuiError, OSError) as error:
            self._say(str(error), is_bad=True)
        self._look()
        self._show()

    # Helpers

    def on_key(self, event: Key) -> None:
        """What was said is heard once another key is pressed."""
        self._say("")

    def _say(self, words: str, *, is_bad: bool = False) -> None:
        message = self.query_one("#message", Static)
        message.display = bool(words)
        message.set_class(is_bad, "-bad")
        message.update(Content(shown(words, self.app.glyphs)))

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

    def _known_as(self, entry: Entry) -> str:
        return shown(entry.name, self.app.glyphs)
