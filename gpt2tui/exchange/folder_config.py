"""``config.json`` of a GPT-2 as transformers writes and reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.json_file import read_json
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.model_config import VOCABULARY_SIZE, Activation

END_OF_TEXT = VOCABULARY_SIZE - 1
VOCABULARIES = (VOCABULARY_SIZE, *range(50_264, 50_305, 8))
"""Rows that an embedding may have: GPT-2's, or padded for speed to a multiple of 8, at most to the next of 128."""
PICKLED = "pytorch_model.bin"
"""What a folder holds its weights in, where not in safetensors."""

_ACTIVATIONS: dict[str, Activation] = {
    "gelu_new": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "gelu_fast": "gelu_new",
    "gelu": "gelu",
    "gelu_python": "gelu",
}
_FIXED = {
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}
"""What our model does, and so what a folder must say if it says anything."""


def written_config(config: RunConfig) -> dict[str, Any]:
    """The fields for a model of ours. ``trained_context`` is not transformers': so far back the training looked."""
    model = config.model
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": model.vocabulary_size,
        "n_positions": model.block_size,
        "n_embd": model.width,
        "n_layer": model.layers,
        "n_head": model.heads,
        "n_inner": None,
        "activation_function": model.activation,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "bos_token_id": END_OF_TEXT,
        "eos_token_id": END_OF_TEXT,
        "dtype": "float32",
        "trained_context": config.block_size,
        **_FIXED,
    }


class FoldersConfig:
    """What a folder's ``config.json`` says of the model: heads, activation, and how far back it may look."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            Gpt2TuiError: it cannot be read, or is of a model that ours cannot be.
        """
        fields = read_json(path)
        if not isinstance(fields, dict) or fields.get("model_type") != "gpt2":
            kind = fields.get("model_type") if isinstance(fields, dict) else None
            raise Gpt2TuiError(f"{path} is of a model of type {kind!r}, not 'gpt2'")
        name = fields.get("activation_function", "gelu_new")
        if not isinstance(name, str) or name not in _ACTIVATIONS:
            raise Gpt2TuiError(f"{path}: activation_function {name!r} is none of: {', '.join(_ACTIVATIONS)}")
        if (rows := fields.get("vocab_size", VOCABULARY_SIZE)) not in VOCABULARIES:
            raise Gpt2TuiError(f"{path}: vocab_size is {rows!r}; GPT-2's, the only one known here, is 50257")
        for field, wanted in _FIXED.items():
            if (value := fields.get(field, wanted)) != wanted:
                raise Gpt2TuiError(f"{path}: {field} is {value!r}; the model here has {wanted!r}")
        self.activation = _ACTIVATIONS[name]
        self.heads = whole(fields, "n_head", path)
        self.trained_context = whole(fields, "trained_context", path)


def whole(fields: Mapping[str, Any], field: str, path: Path) -> int | None:
    """The number in a field of what ``path`` says, or None where it says nothing.

    Raises:
        Gpt2TuiError: it is not a whole number from 1 on.
    """
    value = fields.get(field)
    if value is not None and (type(value) is not int or value < 1):
        raise Gpt2TuiError(f"{path}: {field} is {value!r}, not a whole number from 1 on")
    return value
