"""``gpt2tui runs show``: everything that is known of a run."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import typer

from gpt2tui.cli.output import print_json, print_table, put
from gpt2tui.cli.run_argument import AsJson, RunReference, find_run
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.comparison import compared, present_config
from gpt2tui.runs.files import tree_bytes
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import corpus_loss_words, left_words, running_loss_words, state_words, time_words, unsaved_words
from gpt2tui.text import byte_size, clock_time, loss_text, one_line


class CheckpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint as it is shown; ``damage`` says what is wrong with it."""

    name: str
    step: int | None
    bytes: int
    is_best: bool
    is_last: bool
    best_corpus_loss: float | None = None
    damage: str | None = None


def show(
    run: RunReference = "latest",
    verify: Annotated[bool, typer.Option("--verify", help="Check every hash of every checkpoint.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a run: state, losses, forecast, checkpoints, configuration."""
    found = find_run(run)
    now = time.time()
    view = RunView.of(found)
    checkpoints = checkpoint_rows(found, hashes=verify)
    if as_json:
        print_json(_facts(found, view, checkpoints, now))
    else:
        _print(found, view, checkpoints, now)
    damaged = [row.damage for row in checkpoints if row.damage]
    if verify and damaged:
        more = f" (and {len(damaged) - 1} more damaged)" if len(damaged) > 1 else ""
        raise Gpt2TuiError(f"{damaged[0]}{more}")
    if verify:
        typer.echo(f"all hashes of {len(checkpoints)} checkpoints are right", err=True)


def checkpoint_rows(run: Run, *, hashes: bool) -> list[CheckpointRow]:
    """The checkpoints of a run, the newest first."""
    from gpt2tui.checkpoints.folder import CheckpointFolder

    folder = CheckpointFolder(run.checkpoints)
    best, last = folder.pointer("best"), folder.pointer("last")
    rows = []
    for checkpoint in folder.all():
        damage = checkpoint.damage(hashes=hashes)
        state = None
        try:
            state = checkpoint.state()
        except Gpt2TuiError as error:
            damage = str(error)
        rows.append(
            CheckpointRow(
                name=checkpoint.name,
                step=state.step if state else None,
                bytes=tree_bytes(checkpoint.folder),
                is_best=bool(best and best.checkpoint == checkpoint.name),
                is_last=bool(last and last.checkpoint == checkpoint.name),
                best_corpus_loss=best.corpus_loss if best and best.checkpoint == checkpoint.name else None,
                damage=damage,
            )
        )
    return rows


def _facts(run: Run, view: RunView, checkpoints: list[CheckpointRow], now: float) -> dict[str, Any]:
    found, state = view.forecast(), view.state(is_alive=run.is_alive(), now=now)
    return {
        "id": run.id,
        "name": run.name(),
        "path": str(run.folder),
        "state": state,
        "label": run.label(),
        "finished": view.finished,
        "unsaved_steps": view.steps_to_do_again(state),
        "step": view.step,
        "corpus_loss": view.corpus_loss,
        "best_corpus_loss": view.best_corpus_loss,
        "validation_loss": view.validation_loss,
        "target_loss": view.target_loss,
        "progress": view.progress(),
        "forecast": found and {"is_on_course": found.is_on_course, **found._asdict()},
        "bytes": run.bytes(),
        "checkpoints": checkpoints,
        "notices": list(view.notices),
        "sample": view.sample,
        "config": view.config,
    }


def _print(run: Run, view: RunView, checkpoints: list[CheckpointRow], now: float) -> None:
    is_alive = run.is_alive()
    state = view.state(is_alive=is_alive, now=now)
    rows = [
        ("run", run.id),
        ("name", one_line(run.name())),
        ("path", one_line(str(run.folder))),
        ("state", state_words(view, state) + (f", process {view.started.pid}" if is_alive and view.started else "")),
        ("size", byte_size(run.bytes())),
    ]
    if unsaved := unsaved_words(view):
        rows.append(("its end", unsaved))
    if view.config.created:
        rows.append(("started", clock_time(view.config.created, now=now)))
    if step := view.step:
        rows += [
            ("step", f"{step.step:,} (pass {step.passes:,.2f}, {step.tokens:,} tokens)"),
            ("time", time_words(step, view.finished)),
            ("running loss", f"{loss_text(step.running_loss)}, {running_loss_words(view)}"),
        ]
    if view.corpus_loss:
        rows.append(("corpus loss", f"{loss_text(view.corpus_loss.loss)} {corpus_loss_words(view.corpus_loss)}"))
    if view.best_corpus_loss is not None:
        rows.append(("best corpus loss", loss_text(view.best_corpus_loss)))
    if view.validation_loss:
        rows.append(("validation loss", loss_text(view.validation_loss.loss)))
    rows.append(("target", "none" if view.target_loss is None else f"{view.target_loss:g}"))
    if state != "finished" and (found := view.forecast()):
        left = f"{left_words(found)} more of training" if found.is_on_course else "not on this course"
        rows.append(("to the target", left))
    print_table(("run", ""), rows)
    if checkpoints:
        put()
        print_table(
            ("checkpoint", "step", "size", "pointed to by", "files"),
            [
                (
                    row.name,
                    "-" if row.step is None else f"{row.step:,}",
                    byte_size(row.bytes),
                    " ".join(word for word, on in (("best", row.is_best), ("last", row.is_last)) if on) or "-",
                    "damaged" if row.damage else "whole",
                )
                for row in checkpoints
            ],
            right=("step", "size"),
        )
    put()
    fields = compared([present_config(view)], [view.config])
    settings = [(field.name, *field.texts) for field in fields if field.name != "created"]  # said above, as a time
    print_table(("configuration", ""), settings)
