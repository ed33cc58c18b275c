"""``gpt2tui runs pause``, ``resume``, ``stop`` and ``checkpoint``: commands to a living trainer, and its answers."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gpt2tui.cli.run_argument import RunReference, find_run, store
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.event_lines import event_line
from gpt2tui.runs.events import AnyEvent, Notice, RunFinished
from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import place_words, resume_words, unsaved_words

_POLL_SECONDS = 0.05

Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the trainer's answer.", min=0.0)]


def pause(run: RunReference = "latest", timeout: Timeout = 120.0) -> None:
    """Pause a run; its model stays loaded."""
    _tell(run, commands.Pause(), timeout)


def resume(run: RunReference = "latest", timeout: Timeout = 120.0) -> None:
    """Lift a pause. (A run that ended goes on with: gpt2tui resume.)"""
    _tell(run, commands.Resume(), timeout)


def stop(run: RunReference = "latest", timeout: Timeout = 300.0) -> None:
    """Save a checkpoint and end a run."""
    _tell(run, commands.Stop(), timeout, until_end=True)


def checkpoint(run: RunReference = "latest", timeout: Timeout = 300.0) -> None:
    """Save a checkpoint now."""
    _tell(run, commands.SaveCheckpoint(), timeout)


def _tell(reference: str, command: commands.Command, timeout: float, *, until_end: bool = False) -> None:
    """Send a command and print the event that answers it, and with ``until_end`` the end of the run.

    Raises:
        Gpt2TuiError: nobody trains the run, the trainer cannot do it or ends without an answer, none comes in time, or
            the last steps could not be saved.
    """
    run = find_run(reference)
    if not run.is_alive():
        is_named = reference != "latest"  # then no other one is meant
        other = None if is_named else next((one for one in store().all() if one.is_alive()), None)
        way_out = f", but {other.id} is: name it" if other else f"; go on with: {resume_words(run.id, RunView.of(run))}"
        raise Gpt2TuiError(f"run {run.id} is not being trained{way_out}")
    journal = run.events_file
    reader = event_reader(journal, offset=journal.stat().st_size if journal.is_file() else 0)
    run.send(command)
    deadline = time.monotonic() + timeout
    while True:
        is_alive = run.is_alive()  # asked before reading, so that a last word is not missed
        for event in reader.poll():
            if event.command == command.id or (until_end and isinstance(event, RunFinished)):
                if isinstance(event, Notice) and event.level == "error":
                    raise Gpt2TuiError(f"run {run.id}: {event.text}")
                _say(event)
                if isinstance(event, RunFinished):
                    _check_saved(run)
                if isinstance(event, RunFinished) or not until_end:
                    return
        if not is_alive:
            raise Gpt2TuiError(f"the trainer of run {run.id} ended without an answer; see: gpt2tui runs show {run.id}")
        if time.monotonic() > deadline:
            raise Gpt2TuiError(
                f"no answer from the trainer of run {run.id} within {timeout:g} s; it may still come: "
                f"gpt2tui runs follow {run.id}"
            )
        time.sleep(_POLL_SECONDS)


def _check_saved(run: Run) -> None:
    view = RunView.of(run)
    if unsaved := unsaved_words(view):
        raise Gpt2TuiError(
            f"run {run.id} has ended, but {unsaved}; go on from {place_words(view)} with: {resume_words(run.id, view)}"
        )


def _say(event: AnyEvent) -> None:
    typer.echo(event_line(event, after=time.time()), err=True)
