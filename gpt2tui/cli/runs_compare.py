"""``gpt2tui runs compare``: configurations field by field, and what came of them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from gpt2tui.cli.output import print_json, print_table
from gpt2tui.cli.run_argument import AsJson, find_run
from gpt2tui.errors import UsageError
from gpt2tui.runs.comparison import compared, present_config, result_cells
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import seconds_at_work, state_words
from gpt2tui.text import one_line


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Two runs or more.")],
    everything: Annotated[bool, typer.Option("--all", help="Fields that are the same, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare runs: the fields in which they differ, and their results."""
    found = [find_run(reference) for reference in runs]
    if len({run.folder for run in found}) < 2:
        raise UsageError("compare needs two different runs: gpt2tui runs compare RUN RUN")
    views = [RunView.of(run) for run in found]
    fields = compared([present_config(view) for view in views], [view.config for view in views])
    shown = [field for field in fields if everything or field.is_different]
    if as_json:
        print_json(
            {
                "runs": [
                    {
                        "id": run.id,
                        "name": run.name(),
                        "config": {field.name: field.values[index] for field in shown},
                        "begun_with": {field.name: field.begun[index] for field in shown},
                        "results": _results(run, view),
                    }
                    for index, (run, view) in enumerate(zip(found, views, strict=True))
                ]
            }
        )
        return
    rows = [(field.name, *field.texts) for field in shown]
    results = [_result_cells(run, view) for run, view in zip(found, views, strict=True)]
    rows += [(name, *(cells[name] for cells in results)) for name in results[0]]
    print_table(("", *(one_line(run.name()) for run in found)), rows, broken=len(found))
    if not shown:
        typer.echo("the configurations are the same", err=True)


def _results(run: Run, view: RunView) -> dict[str, Any]:
    step = view.step
    return {
        "state": view.state(is_alive=run.is_alive(), now=time.time()),
        "reason": view.finished.reason if view.finished else None,
        "step": step.step if step else 0,
        "tokens": step.tokens if step else 0,
        "passes": step.passes if step else 0.0,
        "seconds": seconds_at_work(step, view.finished),
        "running_loss": step.running_loss if step else None,
        "best_corpus_loss": view.best_corpus_loss,
    }


def _result_cells(run: Run, view: RunView) -> dict[str, str]:
    state = view.state(is_alive=run.is_alive(), now=time.time())
    return result_cells(state_words(view, state), view.step, view.finished, view.best_corpus_loss)
