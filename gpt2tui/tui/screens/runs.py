"""The screen with the table of all runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Key, Resize
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, get_current_worker

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.commands import Stop
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger import Ledger
from gpt2tui.runs.naming import called, checked_name
from gpt2tui.runs.run import Label
from gpt2tui.text import byte_size, loss_text
from gpt2tui.tui.widgets.question import Ask, Choose, Option
from gpt2tui.tui.widgets.run_columns import COLUMNS, Sorting, is_fitting, shown
from gpt2tui.tui.widgets.run_comparison import RunComparison
from gpt2tui.tui.widgets.run_detail import RunDetail
from gpt2tui.tui.widgets.run_table import RunTable
from gpt2tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_LOOK_SECONDS = 1.0
_TALL, _LOWEST = 30, 16
_NAMED = 8
"""Runs that a question names, of those it is about."""


class RunsScreen(Screen[None]):
    """Screen 3: a ledger that is kept up to date in threads, and what can be done with the runs in it."""

    app: Gpt2TuiApp

    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "RunTable"
    BINDINGS: ClassVar = [
        Binding("enter", "show", "Show", id="runs.show", tooltip="Show the run on Train"),
        Binding("g", "generate", "Generate", id="runs.generate", tooltip="Talk to the run's model"),
        Binding("slash", "filter", "Filter", id="runs.filter", key_display="/", tooltip="Name, corpus, state, …"),
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
        self.marks: set[str] = set()
        self.sorting = Sorting()
        self._wants_details: bool | None = None
        self._is_told = False
        self._is_ready = False
        self._workers: dict[str, Worker[None]] = {}

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        yield Input(placeholder="name, preset, corpus or state", id="filter", compact=True, select_on_focus=False)
        yield RunTable()
        yield Static(id="empty", markup=False)
        with Horizontal(id="below"):
            yield RunDetail()
        yield Static(id="message", markup=False)
        yield Footer()

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

    # The ledger

    def _look(self) -> None:
        if self.app.current_mode != "runs":
            return
        for task in (self._scan, self._measure):
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

    def _show(self) -> None:
        entries = self.ledger.entries
        self.marks &= {entry.id for entry in entries}
        words = self.query_one("#filter", Input).value
        fitting = [entry for entry in entries if is_fitting(entry, words)]
        table = self.query_one(RunTable)
        table.show(
            self.sorting.arranged(fitting),
            marks=self.marks,
            sorting=self.sorting,
            overlaid=self.app.overlaid.run.id if self.app.overlaid else None,
            now=self.app.now(),
        )
        self._show_detail()
        self._say_what_is_listed(len(fitting), words)
        self._say_what_to_do(bool(fitting), words)

    def _say_what_is_listed(self, fitting: int, words: str) -> None:
        entries, separator = self.ledger.entries, self.app.glyphs.separator
        living = sum(entry.is_alive for entry in entries)
        parts = [f"{len(entries)} run{'s' * (len(entries) != 1)}"]
        if words.strip():
            parts[0] = f"{fitting} of {parts[0]}"
        if living:
            parts.append(f"{living} alive")
        if self.marks:
            parts.append(f"{len(self.marks)} marked")
        if sizes := sum(entry.size or 0 for entry in entries):
            parts.append(byte_size(sizes))
        self.query_one(TopBar).tell(Content(separator.join(parts)))

    def _say_what_to_do(self, has_any: bool, words: str) -> None:
        if not self.ledger.has_scanned and not self.ledger.entries:
            text = Content.styled("Looking for runs", "$foreground-muted")
        elif not self.ledger.entries:
            text = Content.assemble(
                ("No runs yet.", "bold"), "\n\n", ("1", "bold $primary"), " leads to the form that starts one."
            )
        else:
            text = Content.assemble(
                (f"No run fits “{shown(words, self.app.glyphs)}”." if not self.app.glyphs.is_ascii else
                 f'No run fits "{shown(words, self.app.glyphs)}".', "bold"),
                "\n\n", ("esc", "bold $primary"), " shows all of them.",
            )  # fmt: skip
        empty = self.query_one("#empty", Static)
        empty.display = not has_any
        if not has_any:
            empty.update(text)
        self.query_one(RunTable).set_class(not has_any, "-empty")
        self._fit()

    @on(RunTable.Pointed)
    def _show_detail(self) -> None:
        if self.query_one("#below").display:
            self.query_one(RunDetail).show(self._pointed(), self.app.now())

    def _fit(self) -> None:
        """The details stand below the table where there is room, or where they are asked for."""
        height = self.size.height
        wants = height >= _TALL if self._wants_details is None else self._wants_details
        below = self.query_one("#below")
        before, below.display = below.display, wants and bool(self.ledger.entries) and height >= _LOWEST
        if below.display and not before:
            self.call_after_refresh(self._show_detail)

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
            await self.app.switch_mode("generate")
            self.app.screen.open_run(entry.run)  # type: ignore[attr-defined]

    def action_filter(self) -> None:
        """Go to the field that the table is filtered by."""
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._show()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.set_class(bool(field.value.strip()), "-open")
        self.query_one(RunTable).focus()

    def action_back(self) -> None:
        """Leave the field; then lift the filter; then the marks."""
        field = self.query_one("#filter", Input)
        if field.has_focus:
            self._leave_filter()
        elif field.value:
            field.value = ""
            self._leave_filter()
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
        self._wants_details = not self.query_one("#below").display
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
            self._say(f"{self._called(entry)} is on Train already; lay another one over it", is_bad=True)
        elif self.app.overlaid and self.app.overlaid.run.id == entry.id:
            self.app.overlay(None)
            self._say("nothing is laid over the chart on Train")
        else:
            self.app.overlay(entry.run)
            self._say(f"{self._called(entry)} is laid over {followed.id}; 1 shows both")

    @work
    async def action_pin(self) -> None:
        """Keep the run under the cursor on top, or no longer."""
        if entry := self._pointed():
            await self._relabel(entry, lambda label: msgspec.structs.replace(label, pinned=not label.pinned))

    @work
    async def action_rename(self) -> None:
        """Give the run under the cursor another name."""
        if not (entry := self._pointed()):
            return
        hint = "enter renames it, esc goes back"
        name = await self._ask(f"Rename {self._called(entry)}", entry.name, hint, _name_problem)
        if name is not None and await self._relabel(
            entry, lambda label: msgspec.structs.replace(label, name=checked_name(name))
        ):
            self._say(f"{shown(entry.name, self.app.glyphs)} is now called {checked_name(name)}")

    @work
    async def action_notes(self) -> None:
        """Write something down about the run under the cursor."""
        if not (entry := self._pointed()):
            return
        hint = "enter keeps them, empty removes them, esc goes back"
        notes = await self._ask(f"Notes on {self._called(entry)}", entry.label.notes, hint, lambda text: None)
        if notes is not None:
            await self._relabel(entry, lambda label: msgspec.structs.replace(label, notes=notes.strip()))

    @work
    async def action_delete(self) -> None:
        """Delete the marked runs, or the one under the cursor, after a question that names their size."""
        entries = self._marked() or [entry for entry in [self._pointed()] if entry]
        if not entries:
            return
        for entry in entries:
            if entry.run.is_alive():
                self._say(f"{self._called(entry)} is being trained; stop it first with x", is_bad=True)
                return
        size = byte_size(await asyncio.to_thread(lambda: sum(entry.run.bytes() for entry in entries)))
        yes = "delete it with all its checkpoints" if len(entries) == 1 else "delete them with all their checkpoints"
        question = Choose(self._deletion(entries, size), [Option("y", yes, "yes"), Option("n", "keep", "no")])
        if await self.app.push_screen_wait(question) != "yes":
            return
        for entry in entries:
            try:
                await asyncio.to_thread(self.app.store.delete, entry.run)
            except (Gpt2TuiError, OSError) as error:
                self._say(f"{self._called(entry)} is not deleted: {error}", is_bad=True)
                break
            self.ledger.forget(entry.run)
        else:
            what = self._called(entries[0]) if len(entries) == 1 else f"{len(entries)} runs"
            self._say(f"deleted {what}, {size}")
        self._show()

    @work
    async def action_resume(self) -> None:
        """Go on with the run under the cursor, in a process of its own, and follow it."""
        if not (entry := self._whole()):
            return
        if entry.run.is_alive():
            self._say(f"{self._called(entry)} is being trained already; enter shows it", is_bad=True)
            return
        words = ["resume", str(entry.run.folder)]
        if entry.reason == "target_reached":
            title = f"{self._called(entry)} has reached its target of {entry.target_loss:g}; go on to which?"
            target = await self._ask(
                title, "", "a corpus loss, 0 is none; enter starts, esc goes back", _target_problem
            )
            if target is None:
                return
            words += ["--target-loss", target.strip()]
        await self._start(entry, words)

    async def _start(self, entry: Entry, words: list[str]) -> None:
        from gpt2tui.tui.training import start_training

        others = [one for one in self.ledger.entries if one.is_alive and _is_same_device(one, entry)]
        self._say(f"{self._called(entry)}: starting")
        try:
            run = await start_training(words)
        except (Gpt2TuiError, OSError) as error:
            self._say(str(error), is_bad=True)
            return
        self.app.follow(run)
        beside = f"; {self._called(others[0])} trains on the same device, so both are slower" if others else ""
        self._say(f"{self._called(entry)} goes on{beside}; enter shows it")
        self._look()

    @work
    async def action_stop(self) -> None:
        """Let the run under the cursor save and stop, after a question."""
        if not (entry := self._pointed()):
            return
        if not entry.run.is_alive():
            self._say(f"{self._called(entry)} is not being trained; R goes on with it", is_bad=True)
            return
        options = [Option("y", "save a checkpoint and stop", "yes"), Option("n", "let it train on", "no")]
        if await self.app.push_screen_wait(Choose(f"Stop {self._called(entry)}?", options)) == "yes":
            await asyncio.to_thread(entry.run.send, Stop())
            self._say(f"{self._called(entry)} was asked to save and stop")

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

    def _called(self, entry: Entry) -> str:
        return shown(called(entry.id, entry.name), self.app.glyphs)

    def _deletion(self, entries: list[Entry], size: str) -> str:
        if len(entries) == 1:
            return f"Delete {self._called(entries[0])}, {size}?"
        names = [f"  {self._called(entry)}" for entry in entries[:_NAMED]]
        if len(entries) > _NAMED:
            names.append(f"  and {len(entries) - _NAMED} more")
        return "\n".join([f"Delete {len(entries)} runs, {size}?", *names])

    async def _ask(self, title: str, value: str, hint: str, check: Callable[[str], str | None]) -> str | None:
        return await self.app.push_screen_wait(Ask(title, value=value, hint=hint, check=check))

    async def _relabel(self, entry: Entry, change: Callable[[Label], Label]) -> bool:
        try:
            await asyncio.to_thread(lambda: self.ledger.relabel(entry.run, change(entry.run.label())))
        except OSError as error:
            self._say(f"the label of {self._called(entry)} cannot be written: {error}", is_bad=True)
            return False
        self._show()
        return True


def _name_problem(text: str) -> str | None:
    try:
        checked_name(text)
    except UsageError as error:
        return str(error)
    return None


def _target_problem(text: str) -> str | None:
    try:
        target = float(text)
    except ValueError:
        target = -1.0
    return None if 0 <= target < float("inf") else f"the target must be a loss such as {loss_text(0.05)}, or 0 for none"


def _is_same_device(one: Entry, other: Entry) -> bool:
    return bool(one.config and other.config and one.config.device == other.config.device and one.id != other.id)
