"""What is done with runs once they are there: named, noted, deleted, gone on with, stopped."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.commands import Stop
from gpt2tui.runs.entry import Entry
from gpt2tui.runs.ledger import Ledger
from gpt2tui.runs.naming import called, checked_name
from gpt2tui.runs.run import Label, Run
from gpt2tui.text import byte_size, one_line
from gpt2tui.tui.processes.training import start_training
from gpt2tui.tui.widgets.question import Ask, Choose, Option

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp

_NAMED = 8
"""Runs that a question names, of those it is about."""


class RunKeeping:
    """Each deed asks what it has to, does it, and returns what to say; nothing where the person went back.

    They run in workers, since questions are layers, and raise Gpt2TuiError or OSError for what cannot be done.
    ``say`` is for what takes a while.
    """

    def __init__(self, app: Gpt2TuiApp, ledger: Ledger, say: Callable[[str], None]) -> None:
        self._app = app
        self._ledger = ledger
        self._say = say

    async def pin(self, entry: Entry) -> str:
        """Keep a run on top, or no longer."""
        await self._relabel(entry, lambda label: msgspec.structs.replace(label, pinned=not label.pinned))
        return ""

    async def rename(self, entry: Entry) -> str:
        """Give a run another name."""
        name = await self._ask(f"Rename {_called(entry)}", entry.name, "enter renames it, esc goes back", _name_problem)
        if name is None:
            return ""
        await self._relabel(entry, lambda label: msgspec.structs.replace(label, name=checked_name(name)))
        return f"{entry.name} is now called {checked_name(name)}"

    async def note(self, entry: Entry) -> str:
        """Write something down about a run."""
        hint = "enter keeps it, empty removes it, esc goes back"
        notes = await self._ask(f"Notes on {_called(entry)}", entry.label.notes, hint)
        if notes is not None:
            await self._relabel(entry, lambda label: msgspec.structs.replace(label, notes=notes.strip()))
        return ""

    async def delete(self, entries: Sequence[Entry]) -> str:
        """Delete runs, after a question that names them and their size."""
        for entry in entries:
            if entry.run.is_alive():
                raise Gpt2TuiError(f"{entry.name} is being trained; stop it first with x")
        size = byte_size(await asyncio.to_thread(lambda: sum(entry.run.bytes() for entry in entries)))
        its = "it with all its" if len(entries) == 1 else "them with all their"
        if not await self._agrees(_deletion(entries, size), f"delete {its} checkpoints"):
            return ""
        for entry in entries:
            await asyncio.to_thread(self._app.store.delete, entry.run)
            self._ledger.forget(entry.run)
            self._take_off(entry.run)
        return f"deleted {entries[0].name if len(entries) == 1 else f'{len(entries)} runs'}, {size}"

    async def stop(self, entry: Entry) -> str:
        """Let a run that trains save and stop."""
        if not entry.run.is_alive():
            raise Gpt2TuiError(f"{entry.name} is not being trained; R goes on with it")
        if not await self._agrees(f"Stop {_called(entry)}?", "save a checkpoint and stop"):
            return ""
        await asyncio.to_thread(entry.run.send, Stop())
        return f"{entry.name} was asked to save and stop"

    async def resume(self, entry: Entry) -> str:
        """Go on with a run in a process of its own, and follow it."""
        if entry.run.is_alive():
            raise Gpt2TuiError(f"{entry.name} is being trained already; enter shows it")
        words = ["resume", str(entry.run.folder)]
        if entry.reason == "target_reached":
            title = f"Go on with {one_line(entry.name)} until the corpus loss is below"
            hint = f"it has reached {entry.target_loss:g}; 0 is no target; enter starts, esc goes back"
            target = await self._ask(title, "", hint, _target_problem)
            if target is None:
                return ""
            words += ["--target-loss", target.strip()]
        others = [one for one in self._ledger.entries if one.is_alive and _is_same_device(one, entry)]
        self._say(f"{entry.name}: starting")
        self._app.follow(await start_training(words))
        beside = f"; {others[0].name} trains on the same device, so both are slower" if others else ""
        return f"{entry.name} goes on{beside}; enter shows it"

    def _take_off(self, run: Run) -> None:
        """A run that is no more is shown on Train no longer; the newest that is left takes its place."""
        app = self._app
        if app.overlaid and app.overlaid.run.id == run.id:
            app.overlay(None)
        if app.follower and app.follower.run.id == run.id:
            app.follow(next((entry.run for entry in self._ledger.entries if entry.config), None))

    async def _relabel(self, entry: Entry, change: Callable[[Label], Label]) -> None:
        await asyncio.to_thread(lambda: self._ledger.relabel(entry.run, change(entry.run.label())))

    async def _ask(
        self, title: str, value: str, hint: str, check: Callable[[str], str | None] = lambda text: None
    ) -> str | None:
        return await self._app.push_screen_wait(Ask(title, value=value, hint=hint, check=check))

    async def _agrees(self, question: str, yes: str) -> bool:
        return await self._app.push_screen_wait(Choose(question, [Option("y", yes, "yes")])) == "yes"


def _called(entry: Entry) -> str:
    return one_line(called(entry.id, entry.name))


def _deletion(entries: Sequence[Entry], size: str) -> str:
    if len(entries) == 1:
        return f"Delete {_called(entries[0])}, {size}?"
    names = [f"  {_called(entry)}" for entry in entries[:_NAMED]]
    if len(entries) > _NAMED:
        names.append(f"  and {len(entries) - _NAMED} more")
    return "\n".join([f"Delete {len(entries)} runs, {size}?", *names])


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
        target = math.nan
    return None if 0 <= target < math.inf else "the target must be a loss such as 0.05, or 0 for none"


def _is_same_device(one: Entry, other: Entry) -> bool:
    return bool(one.config and other.config and one.config.device == other.config.device and one.id != other.id)
