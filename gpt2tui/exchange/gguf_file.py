"""One GGUF file, for llama.cpp and what is built on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from gpt2tui.errors import UsageError
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.folder_config import END_OF_TEXT
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.vocabulary import merges, tokens
from gpt2tui.model.transformer import LAYER_NORM_EPSILON

if TYPE_CHECKING:
    import gguf

KINDS = {"f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0"}
_BLOCK = 32
"""Numbers in a row that share a scale in q8_0."""
_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / _BLOCK}
"""Of a number in a matrix."""
_LARGEST = {"f16": 65_504.0, "q8_0": 127 * 65_504.0}
"""The largest number in a matrix. The scales of q8_0 are float16."""
_EXTRAS = 5_000_000
"""Bytes of the vocabulary, the header and the vectors."""


def export_gguf(source: Source, file: Path, *, kind: str, force: bool) -> None:
    """Write it: matrices in ``kind``, vectors and positions in float32. The head is the embedding, not written twice.

    Raises:
        UsageError: no such kind, the model does not fit it or GGUF, or the gguf package is not installed.
        UsageError, Gpt2TuiError: as of :func:`writing` and :attr:`Source.model`.
    """
    if kind not in KINDS:
        raise UsageError(f"no GGUF type {kind!r}; there are: {', '.join(KINDS)}")
    model = source.config.model
    if model.activation != "gelu_new":
        raise UsageError(
            "llama.cpp knows only the tanh form of GELU in a GPT-2, and this model has GELU itself; "
            "export it as transformers or safetensors"
        )
    if kind == "q8_0" and model.width % _BLOCK:
        raise UsageError(f"q8_0 needs a width divisible by {_BLOCK}, and the model's is {model.width}; try f16")
    try:
        import gguf
    except ImportError:
        raise UsageError("GGUF needs the gguf package: pip install 'gpt2tui[gguf]'") from None

    size = int(_BYTES[kind] * model.parameters) + 4 * model.block_size * model.width + _EXTRAS
    with writing(file, force=force, size=size) as building:
        writer = gguf.GGUFWriter(building, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.GPT2])
        try:
            _describe(writer, source, gguf.LlamaFileType[_file_type(kind)])
            arrays = list(_arrays(source, kind))
            for name, tensor, stored in arrays:
                length = math.prod(gguf.quant_shape_to_byte_shape(tensor.shape, stored))
                writer.add_tensor_info(name, tensor.shape, np.dtype(np.float32), length, raw_dtype=stored)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for name, tensor, stored in arrays:  # one at a time: beside the mapped weights only that one is in memory
                if stored.name != "F32" and (largest := float(tensor.abs().max())) > _LARGEST.get(kind, largest):
                    raise UsageError(f"{kind} ends at {_LARGEST[kind]:,.0f}, and {name} holds {largest:,.0f}; try bf16")
                writer.write_tensor_data(gguf.quantize(tensor.numpy(), stored))
        finally:
            writer.close()


def _file_type(kind: str) -> str:
    return "ALL_F32" if kind == "f32" else f"MOSTLY_{KINDS[kind]}"


def _arrays(source: Source, kind: str) -> Iterator[tuple[str, Tensor, gguf.GGMLQuantizationType]]:
    """Name, weights and format of each tensor, named as llama.cpp does."""
    import gguf

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, source.config.model.layers)
    for name, tensor in source.tensors.items():
        is_plain = tensor.ndim == 1 or name == "wpe.weight"
        stored = gguf.GGMLQuantizationType["F32" if is_plain else KINDS[kind]]
        found = names.get_name(f"transformer.{name}", try_suffixes=(".weight", ".bias"))
        if found is None:
            raise KeyError(f"gguf has no name for {name}")
        yield found, tensor, stored


def _describe(writer: Any, source: Source, file_type: gguf.LlamaFileType) -> None:
    import gguf

    model, corpus = source.config.model, source.config.corpus
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(source.name)
    writer.add_description(f"GPT-2 with a trained context of {source.config.block_size} tokens, by gpt2tui")
    if corpus.licence:
        writer.add_license(corpus.licence)
    writer.add_block_count(model.layers)
    writer.add_context_length(model.block_size)
    writer.add_embedding_length(model.width)
    writer.add_feed_forward_length(4 * model.width)
    writer.add_head_count(model.heads)
    writer.add_layer_norm_eps(LAYER_NORM_EPSILON)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens())
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_token_types([control if number == END_OF_TEXT else normal for number in range(END_OF_TEXT + 1)])
    writer.add_token_merges(merges())
    writer.add_bos_token_id(END_OF_TEXT)
    writer.add_eos_token_id(END_OF_TEXT)
    writer.add_add_bos_token(False)
