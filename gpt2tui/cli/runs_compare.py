"""``gpt2tui runs compare``: configurations field by field, and what came of them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import typer

from gpt2tui.cli.output import print_json, print_table
from gpt2tui.cli.run_argument import AsJson, find_run
from gpt2tui.cli.runs_show import field_text, flat
from gpt2tui.errors import UsageError
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import state_words
from gpt2tui.text import duration, loss_text, one_line

_OF_THE_MOMENT = ("created", "host.", "versions.")
"""Fields that differ between any two runs and decide nothing; shown with --all."""


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
    configurations = [flat(msgspec.to_builtins(view.config)) for view in views]
    names = list(dict.fromkeys(name for fields in configurations for name in fields))
    shown = [name for name in names if everything or _is_different(name, configurations)]
    if as_json:
        print_json(
            {
                "runs": [
                    {
                        "id": run.id,
                        "name": run.name(),
                        "config": {name: fields.get(name) for name in shown},
                        "results": _results(run, view),
                    }
                    for run, view, fields in zip(found, views, configurations, strict=True)
                ]
            }
        )
        return
    rows = [(name, *(field_text(fields.get(name)) for fields in configurations)) for name in shown]
    results = [_result_cells(run, view) for run, view in zip(found, views, strict=True)]
    rows += [(name, *(cells[name] for cells in results)) for name in results[0]]
    print_table(("", *(one_line(run.name()) for run in found)), rows)
    if not shown:
        typer.echo("the configurations are the same", err=True)


def _is_different(name: str, configurations: list[dict[str, Any]]) -> bool:
    if name.startswith(_OF_THE_MOMENT):
        return False
    values = [fields.get(name) for fields in configurations]
    return any(value != values[0] for value in values[1:])


def _results(run: Run, view: RunView) -> dict[str, Any]:
    step = view.step
    return {
        "state": view.state(is_alive=run.is_alive(), now=time.time()),
        "reason": view.finished.reason if view.finished else None,
        "step": step.step if step else 0,
        "tokens": step.tokens if step else 0,
        "passes": step.passes if step else 0.0,
        "seconds": step.elapsed if step else 0.0,
        "running_loss": step.running_loss if step else None,
        "best_corpus_loss": view.best_corpus_loss,
    }


def _result_cells(run: Run, view: RunView) -> dict[str, str]:
    results = _results(run, view)
    return {
        "state": state_words(view, results["state"]),
        "step": f"{results['step']:,}",
        "tokens": f"{results['tokens']:,}",
        "passes": f"{results['passes']:,.2f}",
        "time in training": duration(results["seconds"]),
        "running loss": loss_text(results["running_loss"]),
        "best corpus loss": loss_text(results["best_corpus_loss"]),
    }
