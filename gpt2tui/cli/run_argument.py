"""The argument RUN: what a person types, and the run it means."""

from __future__ import annotations

from typing import Annotated

import typer

from gpt2tui.cli.output import narrate
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore

RunReference = Annotated[
    str, typer.Argument(metavar="RUN", help="Id, name, prefix, latest, best or path.", show_default=True)
]
LivingReference = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="Id, name, prefix, latest, best or path; without it the run that trains, or was last at work.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, numbers unformatted.")]


def store() -> RunStore:
    """This user's runs."""
    from gpt2tui.runs.paths import Paths

    return RunStore(Paths.from_environment().runs)


def find_run(reference: str, *, is_strict: bool = False) -> Run:
    """The run that is meant; what was chosen among several of one name is told on stderr.

    Raises:
        UsageError: there is no such run, or with ``is_strict`` several.
    """
    return store().find(reference, notice=narrate, is_strict=is_strict)


def find_living(reference: str | None) -> Run:
    """The run that is meant; without a word the one that the app would show: that trains, or was last at work.

    Raises:
        UsageError: there is no such run.
    """
    return find_run(reference) if reference else store().at_work() or find_run("latest")
