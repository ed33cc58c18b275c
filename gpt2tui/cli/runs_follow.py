"""``gpt2tui runs follow``: a run's events as they come."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Annotated

import typer

from gpt2tui.cli.output import put
from gpt2tui.cli.run_argument import LivingReference, find_living
from gpt2tui.runs.event_lines import event_line
from gpt2tui.runs.events import AnyEvent, RunFinished
from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import place_words, resume_words, unsaved_words

_POLL_SECONDS = 0.05
_TAIL = 10
"""Without --from-start so many lines of what was before are shown."""


def follow(
    run: LivingReference = None,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="The events themselves, a JSON object a line.")] = False,
    from_start: Annotated[bool, typer.Option("--from-start", help="Everything since the run began.")] = False,
) -> None:
    """Print a run's events as they come, until it ends or its trainer does."""
    found = find_living(run)
    reader = event_reader(found.events_file)
    last: AnyEvent | None = None
    told_at = time.time()

    def show(lines: Iterable[bytes]) -> bool:
        nonlocal last, told_at
        is_news = False
        for line in lines:
            is_news = True
            if (event := reader.decode(line)) is None:
                continue
            last = event
            if as_jsonl:
                sys.stdout.buffer.write(line + b"\n")
                sys.stdout.buffer.flush()
            elif words := event_line(event, after=told_at):
                told_at = event.time
                put(words)
        return is_news

    # Asked before reading: what the trainer writes between the two belongs to the next round, and there is one.
    is_alive = found.is_alive()
    show(reader.lines() if from_start else deque(reader.lines(), maxlen=_TAIL))
    while is_alive:
        is_alive = found.is_alive()
        if not show(reader.lines()):
            time.sleep(_POLL_SECONDS)
    if not isinstance(last, RunFinished):
        typer.echo(f"nobody trains run {found.id}; go on with: gpt2tui resume {found.id} --headless", err=True)
        return
    view = RunView.of(found)
    if unsaved := unsaved_words(view):
        typer.echo(f"{unsaved}; {resume_words(found.id, view)} goes back to {place_words(view)}", err=True)
