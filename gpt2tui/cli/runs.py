"""``gpt2tui runs``: look at runs, compare them, steer the living ones, tidy up."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gpt2tui.cli.command import Group
from gpt2tui.cli.run_argument import AsJson, find_run, store
from gpt2tui.cli.runs_compare import compare
from gpt2tui.cli.runs_control import checkpoint, pause, resume, stop
from gpt2tui.cli.runs_follow import follow
from gpt2tui.cli.runs_list import list_runs
from gpt2tui.cli.runs_plot import plot
from gpt2tui.cli.runs_show import show
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.runs.naming import called, checked_name
from gpt2tui.text import byte_size, one_line

runs_app = typer.Typer(cls=Group, help="List, inspect, compare, plot, steer, rename and delete runs.")


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, as_json: AsJson = False) -> None:
    """List, inspect, compare, plot, steer, rename and delete runs."""
    if context.invoked_subcommand is None:
        list_runs(as_json=as_json)
    elif as_json:
        raise UsageError(f"--json belongs behind the command: gpt2tui runs {context.invoked_subcommand} --json")


def rename(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
) -> None:
    """Give a run another name."""
    import msgspec

    found = find_run(run)
    after = checked_name(name)
    before = found.name()
    found.set_label(msgspec.structs.replace(found.label(), name=after))
    also = ", as another run is" if any(one.name() == after and one.id != found.id for one in store().all()) else ""
    typer.echo(f"{one_line(before)} is now called {after}{also}", err=True)


def delete(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="The runs to delete.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs with all their checkpoints."""
    found = list({(run := find_run(name, is_strict=True)).folder: run for name in runs}.values())
    for run in found:
        if run.is_alive():
            raise Gpt2TuiError(f"run {run.id} is being trained; stop it first: gpt2tui runs stop {run.id}")
    for run in found:
        size = byte_size(run.bytes())
        words = called(run.id, run.name())
        if not yes:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise UsageError(f"deleting {words}, {size}, needs --yes where nobody can be asked")
            if not typer.confirm(f"Delete {words}, {size}?", err=True):
                typer.echo(f"{words} is kept", err=True)
                continue
        store().delete(run)
        typer.echo(f"deleted {words}, {size}", err=True)


runs_app.command("list")(list_runs)
runs_app.command("show")(show)
runs_app.command("follow")(follow)
runs_app.command("compare")(compare)
runs_app.command("plot")(plot)
runs_app.command("pause")(pause)
runs_app.command("resume")(resume)
runs_app.command("stop")(stop)
runs_app.command("checkpoint")(checkpoint)
runs_app.command("rename")(rename)
runs_app.command("delete")(delete)
