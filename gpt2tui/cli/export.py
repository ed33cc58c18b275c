"""``gpt2tui export``: a trained model in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt2tui.cli.command import Group
from gpt2tui.cli.output import narrate
from gpt2tui.cli.run_argument import find_run
from gpt2tui.errors import UsageError

if TYPE_CHECKING:
    from gpt2tui.exchange.source import Source

export_app = typer.Typer(cls=Group, help="Write a trained model for other programs.", no_args_is_help=True)

_LLAMA_CONTEXT = 256
"""llama.cpp makes its context a multiple of this, and looks positions up without asking how many there are."""

RunOption = Annotated[str, typer.Option("--run", help="Id, name, prefix, latest, best or path.")]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        help="best, last or a step; by default best, or last where it has learnt more.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file or an earlier export.")]
NewFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.", show_default=False)]
NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="File to write.", show_default=False)]


def _source(run: str, checkpoint: str | None) -> Source:
    from gpt2tui.exchange.source import Source

    source = Source.of(find_run(run), checkpoint)
    narrate(f"run {source.run.id}, checkpoint {source.checkpoint.name}")
    return source


@export_app.command()
def transformers(
    folder: NewFolder, run: RunOption = "latest", checkpoint: CheckpointOption = None, force: Force = False
) -> None:
    """A folder that transformers loads: model, tokenizer, model card."""
    from gpt2tui.exchange.transformers_folder import export_folder

    source = _source(run, checkpoint)
    export_folder(source, folder, force=force, notice=narrate)
    narrate(f"wrote {folder}")


@export_app.command()
def safetensors(
    file: NewFile, run: RunOption = "latest", checkpoint: CheckpointOption = None, force: Force = False
) -> None:
    """One safetensors file, the configuration in its metadata."""
    from gpt2tui.exchange.safetensors_file import export_file

    export_file(_source(run, checkpoint), file, force=force)
    narrate(f"wrote {file}")


@export_app.command()
def gguf(
    file: NewFile,
    run: RunOption = "latest",
    checkpoint: CheckpointOption = None,
    kind: Annotated[str, typer.Option("--type", help="Of the matrices: f32, f16, bf16 or q8_0.")] = "f16",
    force: Force = False,
) -> None:
    """One GGUF file for llama.cpp and what is built on it."""
    from gpt2tui.exchange.gguf_file import export_gguf

    source = _source(run, checkpoint)
    export_gguf(source, file, kind=kind, force=force)
    narrate(f"wrote {file}")
    positions, trained = source.config.model.block_size, source.config.block_size
    if positions % _LLAMA_CONTEXT:
        narrate(f"llama.cpp rounds the context up to {_LLAMA_CONTEXT}s and ends where a text passes {positions} tokens")
    elif trained < positions:
        narrate(f"it was trained on {trained} tokens at a time; llama.cpp takes {positions}, and gets worse beyond")


@export_app.command()
def space(
    folder: NewFolder,
    run: RunOption = "latest",
    checkpoint: CheckpointOption = None,
    force: Force = False,
    push: Annotated[
        str | None,
        typer.Option("--push", metavar="OWNER/NAME", help="Upload it to this Space.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --push: say what would be uploaded.")] = False,
) -> None:
    """A Hugging Face Space in which people can talk to the model."""
    if dry_run and not push:
        raise UsageError("--dry-run says what --push OWNER/NAME would upload; add that, or leave it out")
    from gpt2tui.exchange.space import check_target, export_space, push_space

    if push:
        check_target(push)
    export_space(_source(run, checkpoint), folder, force=force)
    narrate(f"wrote {folder}")
    if push:
        push_space(folder, push, dry_run=dry_run, notice=narrate)
