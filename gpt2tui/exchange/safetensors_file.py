"""One safetensors file that says itself what model it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import safetensors
from safetensors.torch import save_file

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.source import Source
from gpt2tui.runs.model_config import ModelConfig

_HEADER = 100_000
"""Bytes of a header, at most."""


class FileConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the metadata's ``gpt2tui`` holds, as JSON. ``context`` is how far back the training looked."""

    model: ModelConfig
    context: Annotated[int, msgspec.Meta(ge=1)]
    name: str
    step: int


def export_file(source: Source, file: Path, *, force: bool) -> None:
    """Write the weights as the checkpoint names them, matrices as (out, in), float32.

    Raises:
        UsageError, Gpt2TuiError: as of :func:`writing` and :attr:`Source.model`.
    """
    config = source.config
    said = FileConfig(model=config.model, context=config.block_size, name=source.name, step=source.state.step)
    metadata = {"format": "pt", "gpt2tui": msgspec.json.encode(said).decode()}
    tensors = source.tensors
    size = sum(tensor.nbytes for tensor in tensors.values()) + _HEADER
    with writing(file, force=force, size=size) as building:
        save_file(tensors, building, metadata=metadata)


def said_config(file: Path) -> FileConfig | None:
    """What a file of ours says of its model; None where it says nothing.

    Raises:
        Gpt2TuiError: it is no safetensors file, or what it says cannot be read.
    """
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            said = (opened.metadata() or {}).get("gpt2tui")
        return msgspec.json.decode(said, type=FileConfig) if said else None
    except (OSError, safetensors.SafetensorError, msgspec.DecodeError, RecursionError) as error:
        raise Gpt2TuiError(f"{file} cannot be read as safetensors: {error}") from error
