"""``gpt2tui resume``: go on from the last good checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from gpt2tui.cli.opening import has_terminal, open_app_and_exit
from gpt2tui.cli.process import tune_process
from gpt2tui.cli.run_argument import RunReference, find_run
from gpt2tui.cli.train import Worker, wants_no_target
from gpt2tui.cli.training_console import Style, follow_training
from gpt2tui.cli.worker import moving_in
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.commands import Set
from gpt2tui.runs.recipe import RATE_WORDS, is_rate
from gpt2tui.runs.spans import parse_seconds
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import is_imported, next_target, resume_words


def resume(
    ctx: typer.Context,
    run: RunReference = "latest",
    headless: Annotated[
        bool, typer.Option("--headless", help="Train here, in the foreground, without the app.")
    ] = False,
    target_loss: Annotated[
        float | None, typer.Option("--target-loss", "--threshold", help="A new target; 0 is never.")
    ] = None,
    no_target: Annotated[bool, typer.Option("--no-target", help="Go on until a limit.")] = False,
    max_steps: Annotated[int | None, typer.Option(help="End after so many steps in all.")] = None,
    max_time: Annotated[str | None, typer.Option(help="End after so long, counted from now.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="End after so many tokens in all.")] = None,
    lr: Annotated[float | None, typer.Option(help="A new peak learning rate.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what goes wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print every event as a JSON line.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    worker: Worker = False,
) -> None:
    """Go on with RUN from its last good checkpoint, exactly as if it had not been interrupted."""
    ctx.meta["debug"] = debug or worker or ctx.meta.get("debug", False)
    if not (headless or as_json or as_jsonl) and has_terminal():
        find_run(run)  # a wrong name is told here, not on the screen
        open_app_and_exit(ctx, start=("resume", *ctx.meta["arguments"]))
    no_target = wants_no_target(ctx)
    given = {
        "target_loss": None if no_target else target_loss,
        "max_steps": max_steps,
        "max_seconds": parse_seconds(max_time) if max_time is not None else None,
        "max_tokens": max_tokens,
        "learning_rate": lr,
    }
    if lr is not None and not is_rate(lr):
        raise UsageError(f"lr must be {RATE_WORDS}, not {lr:g}")
    if wrong := [name for name, value in given.items() if value is not None and value < 0]:
        raise UsageError(f"must not be negative: {', '.join(name.replace('_', '-') for name in wrong)}")
    changes = [Set(name=name, value=value) for name, value in given.items() if value is not None]  # type: ignore[arg-type]
    if no_target:
        changes.append(Set(name="target_loss", value=None))
    found = find_run(run)
    if found.is_alive():
        raise Gpt2TuiError(f"run {found.id} is being trained already; see it with: gpt2tui watch {found.id}")
    view = RunView.of(found)
    if is_imported(view):
        raise UsageError(f"run {found.id} was imported and has no text; give it one: {resume_words(found.id, view)}")
    if view.has_ended_at_target and not (no_target or target_loss is not None):
        raise UsageError(f"run {found.id} has reached its target; to go on past it, add --target-loss or --no-target")
    reached = view.best_corpus_loss
    if reached is not None and target_loss and not no_target and target_loss >= reached:
        raise UsageError(
            f"run {found.id} has had a corpus loss of {reached:.4g}: a target of {target_loss:g} is reached already; "
            f"name one below, such as {next_target(reached)}, or --no-target"
        )
    _check_limits(found.id, view, max_steps, max_tokens)
    tune_process()

    from gpt2tui.training.session import train

    style = Style.of(quiet=quiet, as_json=as_json, as_jsonl=as_jsonl)
    events = train(found, resume=True, changes=changes)
    raise typer.Exit(follow_training(found, moving_in(found, events) if worker else events, style))


def _check_limits(run: str, view: RunView, max_steps: int | None, max_tokens: int | None) -> None:
    """Refuse a limit that the last checkpoint has met: none would end the run."""
    step = view.step
    if not (step and view.checkpoint and view.checkpoint.step == step.step):
        return  # it goes on from before its last step; the trainer tells of limits that are met there
    for name, limit, reached in (("max-steps", max_steps, step.step), ("max-tokens", max_tokens, step.tokens)):
        if limit is not None and limit <= reached:
            raise UsageError(f"run {run} is at {reached:,} already: --{name} {limit:,} is met; say more, or nothing")
