"""``gpt2tui runs list``: every run in one table."""

from __future__ import annotations

import sys
import time

import msgspec
import typer

from gpt2tui.cli.output import is_unicode, print_json, print_table
from gpt2tui.cli.run_argument import AsJson, store
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.room import waits_for_room
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.text import byte_size, duration, loss_text, one_line
from gpt2tui.tui.glyphs import ASCII, UNICODE

_HEAD = ("state", "name", "preset", "corpus", "step", "running loss", "best loss", "target", "age", "size", "id")
_RIGHT = ("step", "running loss", "best loss", "target", "age", "size")
_FIRST_TO_GO = ("id", "size", "target", "age", "preset", "corpus", "running loss", "step")
_LONGEST_NAME = 32


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run as a list shows it. Losses in nats a token, times in seconds."""

    id: str
    name: str
    state: str
    path: str
    reason: str | None = None
    waits_for_room: bool = False
    unsaved_steps: int = 0
    preset: str | None = None
    corpus: str | None = None
    step: int = 0
    loss: float | None = None
    corpus_loss: float | None = None
    best_corpus_loss: float | None = None
    target_loss: float | None = None
    created: float | None = None
    age: float | None = None
    bytes: int = 0
    pinned: bool = False


def run_row(run: Run, *, now: float) -> RunRow:
    """What a list shows of a run; one that cannot be read is listed as damaged."""
    try:
        view = RunView.of(run)
    except Gpt2TuiError:
        return RunRow(id=run.id, name=run.name(), state="damaged", path=str(run.folder), bytes=run.bytes())
    created = view.config.created or run.config_file.stat().st_mtime
    state = view.state(is_alive=run.is_alive(), now=now)
    return RunRow(
        id=run.id,
        name=run.name(),
        state=state,
        path=str(run.folder),
        reason=view.finished.reason if view.finished else None,
        waits_for_room=state == "paused" and bool(waits_for_room(view)),
        unsaved_steps=view.steps_to_do_again(state),
        preset=view.config.preset,
        corpus=view.config.corpus.name,
        step=view.step.step if view.step else view.started.from_step if view.started else 0,
        loss=view.step.running_loss if view.step else None,
        corpus_loss=view.corpus_loss.loss if view.corpus_loss and not view.corpus_loss.partial else None,
        best_corpus_loss=view.best_corpus_loss,
        target_loss=view.target_loss,
        created=created,
        age=max(0.0, now - created),
        bytes=run.bytes(),
        pinned=run.label().pinned,
    )


def list_runs(as_json: AsJson = False) -> None:
    """List all runs, the pinned ones first, then the newest."""
    now = time.time()
    rows = sorted((run_row(run, now=now) for run in store().all()), key=lambda row: not row.pinned)
    if as_json:
        print_json({"runs": rows})
        return
    if not rows:
        typer.echo("no runs yet; start one with: gpt2tui train --headless", err=True)
        return
    print_table(_HEAD, [_cells(row) for row in rows], right=_RIGHT, first_to_go=_FIRST_TO_GO)


def _cells(row: RunRow) -> tuple[str, ...]:
    name, pin = one_line(row.name), (UNICODE if is_unicode(sys.stdout) else ASCII).pinned
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 2]}.."
    return (
        _state(row),
        f"{pin} {name}" if row.pinned else name,
        one_line(row.preset or "-"),
        one_line(row.corpus or "-"),
        f"{row.step:,}",
        loss_text(row.loss),
        loss_text(row.best_corpus_loss),
        "-" if row.target_loss is None else f"{row.target_loss:g}",
        "-" if row.age is None else duration(row.age).split(" ")[0] + " " + duration(row.age).split(" ")[1],
        byte_size(row.bytes),
        row.id,
    )


def _state(row: RunRow) -> str:
    if row.waits_for_room:
        return "disk full"
    state = (row.reason or row.state).replace("_", " ") if row.state == "finished" else row.state
    return f"{state}, {row.unsaved_steps:,} unsaved" if row.unsaved_steps else state
