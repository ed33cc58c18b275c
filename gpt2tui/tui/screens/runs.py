"""The screen with the table of all runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual import on, work

from gpt2tui.tui.live_bindings import actions_of
from gpt2tui.tui.refusals import NO_RUN_FITS, NO_RUNS
from gpt2tui.tui.run_export import RunExport
from gpt2tui.tui.run_keeping import RunKeeping
from gpt2tui.tui.run_keys import RUN_KEYS
from gpt2tui.tui.screens.listing import ListingScreen
from gpt2tui.tui.widgets.run_comparison import RunComparison
from gpt2tui.tui.widgets.run_table import RunTable

T = TypeVar("T")

_ABOUT_RUNS = frozenset(binding.action for binding in RUN_KEYS) - {"back"}
_ABOUT_ONE = _ABOUT_RUNS - {"filter", "compare", "sort", "reverse", "details"}


class RunsScreen(ListingScreen):
    """Screen 3: all runs, and what can be done with them."""

    CSS_PATH = "../styles/runs.tcss"
    BINDINGS: ClassVar = [*RUN_KEYS]

    def __init__(self) -> None:
        super().__init__()
        self.keeping = RunKeeping(self, self.ledger, self._kept)
        self._export = RunExport(self, self._kept)

    def lasting_words(self) -> str:
        return self._export.words()

    def idle_words(self, key: str) -> str:
        actions = set(actions_of(key, self))
        if self.ledger.has_scanned and not self.ledger.entries:
            return NO_RUNS if actions & _ABOUT_RUNS else ""
        is_for_marked = {"delete": len(self.marks) > 0, "overlay": len(self.marks) == 1}
        wants_one = any(action in _ABOUT_ONE and not is_for_marked.get(action) for action in actions)
        return NO_RUN_FITS if wants_one and self.ledger.entries and not self._pointed() else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without runs there is nothing to do with one."""
        return bool(self.ledger.entries) or not (action == "back" or action in _ABOUT_RUNS)

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

            with self.app.holding_keys():
                await self.app.switch_mode("generate")
            for screen in self.app.screen_stack:  # a layer may stand above it
                if isinstance(screen, GenerateScreen):
                    screen.open_run(entry.run)

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
        self._do(self.keeping.overlay, entry)

    # A layer is pushed within its action: keys typed ahead then never mean something else on this screen.

    def action_pin(self) -> None:
        """Keep the run under the cursor on top, or no longer."""
        self._do(self.keeping.pin, self._pointed())

    def action_rename(self) -> None:
        """Give the run under the cursor another name; by that it may no longer fit the filter."""
        if entry := self._pointed():
            self.query_one(RunTable).point_at(entry.id)
            self.keeping.rename(entry)

    def action_notes(self) -> None:
        """Write something down about the run under the cursor."""
        self._do(self.keeping.note, self._pointed())

    def action_delete(self) -> None:
        """Delete the marked runs, or the one under the cursor."""
        pointed = self._pointed()
        shown = {entry.id for entry in self.query_one(RunTable).entries}
        self._do(lambda entries: self.keeping.delete(entries, shown), self._marked() or ([pointed] if pointed else []))

    def action_resume(self) -> None:
        """Go on with the run under the cursor."""
        self._do(self.keeping.resume, self._whole())

    def action_stop(self) -> None:
        """Let the run under the cursor save and stop."""
        self._do(self.keeping.stop, self._pointed())

    def action_export(self) -> None:
        """Write the model of the run under the cursor for other programs."""
        self._do(self._export.export, self._whole())

    def _do(self, deed: Callable[[T], None], what: T | None) -> None:
        if what:
            deed(what)

    def _kept(self, words: str, is_bad: bool) -> None:
        """Something was done, or could not be."""
        self._say(words, is_bad=is_bad)
        self._look()
        self._show()
