"""What is done with runs once they are there: named, noted, overlaid, deleted, gone on with, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from textual.screen import Screen

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.commands import Stop
from gpt2tui.runs.config import Limits
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger import Ledger
from gpt2tui.runs.naming import called, checked_name, name_problem
from gpt2tui.runs.run import Label, Run
from gpt2tui.text import byte_size, one_line
from gpt2tui.tui.processes.training import start_training
from gpt2tui.tui.refusals import not_trained, trained_already
from gpt2tui.tui.widgets.ask_limit import AskLimit
from gpt2tui.tui.widgets.ask_target import AskTarget
from gpt2tui.tui.widgets.question import Ask, Choose, Option

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_NAMED = 8
"""Runs that a question names, of those it is about."""


class RunKeeping:
    """Each deed asks on a layer what it has to, does it in a worker of ``screen``, and says with ``tell`` what came of
    it, and whether that is bad; nothing where the person went back.
    """

    def __init__(self, screen: Screen[Any], ledger: Ledger, tell: Callable[[str, bool], None]) -> None:
        self._screen = screen
        self._app: Gpt2TuiApp = screen.app  # type: ignore[assignment]
        self._ledger = ledger
        self._tell = tell

    def pin(self, entry: Entry) -> None:
        """Keep a run on top, or no longer."""
        self._do(self._relabel(entry, "", lambda label: msgspec.structs.replace(label, pinned=not label.pinned)))

    def rename(self, entry: Entry) -> None:
        """Give a run another name."""

        def answered(name: str | None) -> None:
            if name is not None:
                words = f"{entry.name} is now called {checked_name(name)}"
                if any(one.name == checked_name(name) and one.id != entry.id for one in self._ledger.entries):
                    words += ", as another run is"
                change = {"name": checked_name(name)}
                self._do(self._relabel(entry, words, lambda label: msgspec.structs.replace(label, **change)))

        hint = "enter renames it, esc goes back"
        layer = Ask(f"Rename {_called(entry)}", value=entry.name, hint=hint, check=name_problem)
        self._app.push_screen(layer, answered)

    def note(self, entry: Entry) -> None:
        """Write something down about a run."""

        def answered(notes: str | None) -> None:
            if notes is not None:
                kept = notes.strip()
                self._do(self._relabel(entry, "", lambda label: msgspec.structs.replace(label, notes=kept)))

        hint = "enter keeps it, empty removes it, esc goes back"
        layer = Ask(f"Notes on {_called(entry)}", value=entry.label.notes, is_kept=True, hint=hint)
        self._app.push_screen(layer, answered)

    def delete(self, entries: Sequence[Entry], shown: Collection[str]) -> None:
        """Delete runs, after a question that names them and their size, as far as that was measured; of those whose
        ids are not ``shown`` it says so.
        """
        for entry in entries:
            if entry.run.is_alive():
                self._tell(f"{entry.name} is being trained; stop it first with x", True)
                return
        size = byte_size(sum(entry.size or 0 for entry in entries))
        all_of_it = "it with all it holds" if len(entries) == 1 else "them with all they hold"
        words = f"delete {all_of_it}: checkpoints, turns, notes"
        self._confirm(_deletion(entries, size, shown), words, lambda: self._delete(entries, size))

    async def _delete(self, entries: Sequence[Entry], size: str) -> str:
        for entry in entries:
            await asyncio.to_thread(self._app.store.delete, entry.run)
            self._ledger.forget(entry.run)
            self._take_off(entry.run)
        return f"deleted {entries[0].name if len(entries) == 1 else f'{len(entries)} runs'}, {size}"

    def stop(self, entry: Entry) -> None:
        """Let a run that trains save and stop."""
        if not entry.run.is_alive():
            self._tell(not_trained(entry.name), True)
        else:
            self._confirm(
                f"Stop {_called(entry)}?", "save and stop; R goes on later", lambda: self._stop(entry), key="s"
            )

    async def _stop(self, entry: Entry) -> str:
        await asyncio.to_thread(entry.run.send, Stop())
        return f"{entry.name} was asked to save and stop"

    def resume(self, entry: Entry) -> None:
        """Go on with a run in a process of its own, and follow it."""
        if entry.run.is_alive():
            self._tell(f"{trained_already(entry.name, entry.state)}; enter shows it", True)
            return
        if entry.reason == "imported":
            self._tell(f"{entry.name} was imported and has no text; enter shows it, and R begins a run with it", True)
            return
        if entry.reason == "target_reached":
            self._resume_as_told(entry, AskTarget(entry.reached_loss, _limits(entry), entry.name))
        elif question := _limit_question(entry):
            self._resume_as_told(entry, question)
        else:
            self._do(self._resume(entry))

    def _resume_as_told(self, entry: Entry, question: AskLimit | AskTarget) -> None:
        def answered(answer: str | None) -> None:
            if answer is not None:
                self._do(self._resume(entry, *question.words(answer)))

        self._app.push_screen(question, answered)

    async def _resume(self, entry: Entry, *words: str) -> str:
        others = [one for one in self._ledger.entries if one.is_alive and _is_same_device(one, entry)]
        self._tell(f"{entry.name}: starting", False)
        self._app.follow(await start_training(["resume", str(entry.run.folder), *words]))
        beside = f"; {others[0].name} trains on the same device, so both are slower" if others else ""
        return f"{entry.name} goes on{beside}; enter shows it"

    def overlay(self, entry: Entry) -> None:
        """Lay a run's loss over the chart of the one on Train, or take it away."""
        app = self._app
        followed = app.follower.run if app.follower else None
        if followed is None or followed.id == entry.id:
            self._tell(f"{entry.name} is on Train already; lay another one over it", True)
        elif app.overlaid and app.overlaid.run.id == entry.id:
            app.overlay(None)
            self._tell("nothing is laid over the chart on Train", False)
        else:
            app.overlay(entry.run)
            is_namesake = entry.name == followed.name()
            under = called(followed.id, followed.name()) if is_namesake else followed.name()
            self._tell(f"{_called(entry) if is_namesake else entry.name} is laid over {under}; 1 shows both", False)

    def _do(self, deed: Coroutine[Any, Any, str]) -> None:
        self._screen.run_worker(self._tried(deed))

    async def _tried(self, deed: Coroutine[Any, Any, str]) -> None:
        try:
            self._tell(await deed, False)
        except (Gpt2TuiError, OSError) as error:
            self._tell(str(error), True)

    def _confirm(
        self, question: str, yes: str, deed: Callable[[], Coroutine[Any, Any, str]], *, key: str = "y"
    ) -> None:
        def answered(answer: str | None) -> None:
            if answer == "yes":
                self._do(deed())

        self._app.push_screen(Choose(question, [Option(key, yes, "yes")]), answered)

    def _take_off(self, run: Run) -> None:
        """A run that is no more is shown on Train no longer; the newest that is left takes its place."""
        app = self._app
        if app.overlaid and app.overlaid.run.id == run.id:
            app.overlay(None)
        if app.follower and app.follower.run.id == run.id:
            app.follow(next((entry.run for entry in self._ledger.entries if entry.config), None))

    async def _relabel(self, entry: Entry, words: str, change: Callable[[Label], Label]) -> str:
        with self._app.holding_keys():  # the next one may ask for what is written here
            await asyncio.to_thread(lambda: self._ledger.relabel(entry.run, change(entry.run.label())))
        return words


def _limit_question(entry: Entry) -> AskLimit | None:
    return AskLimit.of(entry.reason, _limits(entry), entry.step, entry.name)


def _limits(entry: Entry) -> Limits:
    return entry.present_config.limits if entry.present_config else Limits()


def _called(entry: Entry) -> str:
    return one_line(called(entry.id, entry.name))


def _deletion(entries: Sequence[Entry], size: str, shown: Collection[str]) -> str:
    called = [f"{_called(entry)}{', not shown by the filter' * (entry.id not in shown)}" for entry in entries]
    if len(entries) == 1:
        return f"Delete {called[0]}, {size}?"
    names = [f"  {name}" for name in called[:_NAMED]]
    if len(entries) > _NAMED:
        names.append(f"  and {len(entries) - _NAMED} more")
    return "\n".join([f"Delete {len(entries)} runs, {size}?", *names])


def _is_same_device(one: Entry, other: Entry) -> bool:
    return bool(one.config and other.config and one.config.device == other.config.device and one.id != other.id)
