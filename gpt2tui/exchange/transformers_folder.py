"""A folder that transformers loads, written and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from gpt2tui.checkpoints.tensors import read_tensors
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange import tokenizer_files
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.folder_config import END_OF_TEXT, written_config
from gpt2tui.exchange.json_file import read_json
from gpt2tui.exchange.layout import for_transformers
from gpt2tui.exchange.model_card import CARD, PICTURE, write_card
from gpt2tui.exchange.source import Source

CONFIG, GENERATION, WEIGHTS = "config.json", "generation_config.json", "model.safetensors"
FILES = (CONFIG, GENERATION, WEIGHTS, *tokenizer_files.FILES, CARD, PICTURE)
INDEX = "model.safetensors.index.json"
_EXTRAS = 8_000_000
"""Bytes of all the rest: the tokenizer, the card, its picture."""


def export_folder(
    source: Source, folder: Path, *, force: bool, notice: Callable[[str], None] = lambda text: None
) -> None:
    """Write model, generation settings, tokenizer and model card; ``notice`` is told of what takes a while.

    Raises:
        UsageError, Gpt2TuiError: as of :func:`writing` and :attr:`Source.model`.
    """
    tensors = for_transformers(source.tensors)
    size = sum(tensor.nbytes for tensor in tensors.values()) + _EXTRAS
    with writing(folder, force=force, size=size, files=FILES) as building:
        building.mkdir()
        generation = {
            "_from_model_config": True,
            "bos_token_id": END_OF_TEXT,
            "eos_token_id": END_OF_TEXT,
            "max_length": source.config.block_size,
        }
        for name, content in ((CONFIG, written_config(source.config)), (GENERATION, generation)):
            (building / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        save_file(tensors, building / WEIGHTS, metadata={"format": "pt"})
        tokenizer_files.write_tokenizer(building, context=source.config.block_size)
        notice("drawing samples for the model card, to see how much of the text they copy")
        write_card(source, building)


def read_weights(folder: Path) -> dict[str, Tensor] | None:
    """The tensors of a folder, of one file or of several with an index; None where there are none in safetensors.

    Raises:
        Gpt2TuiError: a file is missing or damaged.
    """
    if (folder / WEIGHTS).is_file():
        return read_tensors(folder / WEIGHTS)
    index = folder / INDEX
    if not index.is_file():
        return None
    try:
        places: dict[str, str] = read_json(index)["weight_map"]
        names = sorted({Path(name).name for name in places.values()})
    except (KeyError, TypeError, AttributeError) as error:
        raise Gpt2TuiError(f"{index} cannot be read: {error!r}") from error
    found: dict[str, Tensor] = {}
    for name in names:
        if not (folder / name).is_file():
            raise Gpt2TuiError(f"{folder} lacks {name}, which {INDEX} names; fetch the model again")
        found |= read_tensors(folder / name)
    return found
