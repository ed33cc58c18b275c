"""``gpt2tui import``: a model from elsewhere, as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt2tui.cli.output import narrate, print_json
from gpt2tui.cli.run_argument import AsJson, store
from gpt2tui.errors import UsageError
from gpt2tui.runs.naming import checked_name, imported_name
from gpt2tui.text import one_line

if TYPE_CHECKING:
    from gpt2tui.runs.run import Run

ACTIVATIONS = ("gelu_new", "gelu")


def import_model(
    path: Annotated[
        str,
        typer.Argument(
            help="A transformers folder, a safetensors file, a .pt, or hf:OWNER/NAME.",
            metavar="PATH",
            show_default=False,
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="What to call the run.", show_default=False)] = None,
    heads: Annotated[
        int | None, typer.Option("--heads", help="Attention heads, where the file does not say.", show_default=False)
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option("--activation", help="gelu_new or gelu, where the file does not say.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run of a GPT-2 from elsewhere: to sample, evaluate, train on (train --init) or export.

    Nothing of a pickle is run: tensors and plain data are read, everything else is refused.
    """
    if heads is not None and heads < 1:
        raise UsageError(f"heads must be at least 1, not {heads}")
    if activation not in (None, *ACTIVATIONS):
        raise UsageError(f"activation {activation!r} is neither gelu_new nor gelu")
    run = imported(path, name=checked_name(name) if name else None, heads=heads, activation=activation)
    if as_json:
        print_json({"run": run.id, "folder": str(run.folder), "parameters": run.config().model.parameters})
        return
    typer.echo(run.id)
    narrate(f"talk to it: gpt2tui sample --run {run.id}")
    narrate(f"train it on a text: gpt2tui train --init {run.id} TEXT")


def imported(path: str, *, name: str | None = None, heads: int | None = None, activation: str | None = None) -> Run:
    """The run that a model from elsewhere became; what was changed in it is told on stderr.

    Raises:
        UsageError, Gpt2TuiError: as of read_foreign and fetch_model.
    """
    from gpt2tui.exchange.hub import PREFIX, located
    from gpt2tui.exchange.imported import import_run
    from gpt2tui.exchange.reading import read_foreign

    folder, origin = located(path)
    if path.startswith(PREFIX):  # its folder is called after a commit
        name = name or imported_name(path.removeprefix(PREFIX).partition("@")[0].rpartition("/")[2])
    found = read_foreign(folder, heads=heads, activation=activation)  # type: ignore[arg-type]
    for notice in found.notices:
        narrate(notice)
    return import_run(found, store(), origin=origin, name=name or _free_name(found.name, one_line(Path(path).stem)))


def _free_name(own: str, files: str) -> str:
    """The model's own name, or where a run has that, as after an export, the file's."""
    taken = {run.name() for run in store().all()}
    return next((name for name in (own, imported_name(files), f"imported-{own}") if name not in taken), own)
