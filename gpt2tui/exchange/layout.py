"""How other programs name and lay out GPT-2's tensors, and how theirs become ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.folder_config import VOCABULARIES
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.model_config import VOCABULARY_SIZE, Activation, ModelConfig
from gpt2tui.text import one_line

_PREFIXES = ("_orig_mod.", "module.", "transformer.")
_MASKS = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)$")
_MATRICES = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
_HEAD = "lm_head.weight"
_USUAL_HEAD_WIDTH = 64
_SHOWN = 3
"""Names in an error."""


def for_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Ours as transformers names them, matrices of the blocks as (in, out). The head is the embedding, not stored."""
    return {f"transformer.{name}": _turned(name, tensor).contiguous() for name, tensor in tensors.items()}


def from_others(
    tensors: Mapping[str, Tensor], *, heads: int | None, activation: Activation, notices: list[str]
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Shape and tensors, as ours, of a GPT-2 from elsewhere; ``notices`` is told what was changed.

    Taken away are the prefixes of wrappers, buffers of attention masks, the head where it is the embedding, and rows
    that pad the vocabulary. Biases that a model does without become zeros. Matrices may be (out, in) as nn.Linear has
    them or (in, out) as transformers has them. ``heads`` is width / 64 where it is not known.

    Raises:
        Gpt2TuiError: a tensor is missing, of another shape, not finite, or not a GPT-2's.
    """
    found = {bare: tensor for name, tensor in tensors.items() if not _MASKS.match(bare := _bare(name))}
    _check_plain(found)
    head = found.pop(_HEAD, None)
    if "wte.weight" not in found and head is not None:
        found["wte.weight"] = head
    for name in ("wte.weight", "wpe.weight"):
        if name not in found or found[name].ndim != 2:
            raise Gpt2TuiError(f"this is not a GPT-2: it has no matrix {name}")
    embedding = found["wte.weight"]
    rows, width = embedding.shape
    if rows not in VOCABULARIES:
        raise Gpt2TuiError(f"its vocabulary has {rows:,} tokens; GPT-2's, the only one known here, has 50,257")
    if head is not None and head is not embedding and not torch.equal(head, embedding):
        raise Gpt2TuiError("its head is not tied to its embedding: lm_head.weight and wte.weight differ")
    if rows > VOCABULARY_SIZE:
        found["wte.weight"] = embedding[:VOCABULARY_SIZE]
        notices.append(f"cut {rows - VOCABULARY_SIZE} rows of padding from the vocabulary's {rows:,}")
    config = ModelConfig(
        layers=len({name.split(".")[1] for name in found if re.match(r"h\.\d+\.", name)}),
        heads=_heads(width, heads, notices),
        width=width,
        block_size=found["wpe.weight"].shape[0],
        activation=activation,
    )
    if problems := config.problems():
        raise Gpt2TuiError(f"this is not a GPT-2: {'; '.join(problems)}")
    expected = {name: tuple(tensor.shape) for name, tensor in GPT2.empty(config).state_dict().items()}
    if tuple(found.get("h.0.attn.c_attn.weight", embedding).shape) == (width, 3 * width):
        found = {name: _turned(name, tensor) for name, tensor in found.items()}
    biases = [name for name in expected.keys() - found.keys() if name.endswith("bias")]
    if biases:
        found |= {name: torch.zeros(expected[name]) for name in biases}
        notices.append(f"it has no {len(biases)} of the biases; they are zero")
    _check_names(found.keys(), expected.keys())
    return config, {name: _as_ours(name, found[name], expected[name]) for name in expected}


def _bare(name: str) -> str:
    while prefix := next((one for one in _PREFIXES if name.startswith(one)), None):
        name = name.removeprefix(prefix)
    return name


def _turned(name: str, tensor: Tensor) -> Tensor:
    """A matrix of a block as (in, out) for (out, in), and the other way round; what else there is as it was."""
    return tensor.T if name.endswith(_MATRICES) and tensor.ndim == 2 else tensor


def _check_plain(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_meta or tensor.layout != torch.strided:
            kind = "meta" if tensor.is_meta else "sparse"
            raise Gpt2TuiError(f"{one_line(name)} is {kind}; only plain tensors are read")


def _heads(width: int, heads: int | None, notices: list[str]) -> int:
    if heads is None:
        if width % _USUAL_HEAD_WIDTH:
            raise Gpt2TuiError(f"it does not say how many heads it has, and {width} is no multiple of 64: add --heads")
        heads = width // _USUAL_HEAD_WIDTH
        notices.append(f"it does not say how many heads it has; taking {heads} (width {width} / 64, see --heads)")
    return heads


def _check_names(found: set[str] | object, expected: set[str] | object) -> None:
    missing, extra = sorted(expected - found), sorted(found - expected)  # type: ignore[operator]
    for names, what in ((extra, "it has what GPT-2 does not have:"), (missing, "it lacks")):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise Gpt2TuiError(f"this is not a GPT-2: {what} {one_line(', '.join(names[:_SHOWN]))}{more}")


def _as_ours(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(tensor.shape) != shape:
        raise Gpt2TuiError(f"the shape of {name} is {tuple(tensor.shape)} and should be {shape}")
    if not tensor.is_floating_point():
        raise Gpt2TuiError(f"{name} holds {str(tensor.dtype).removeprefix('torch.')}, not numbers with a point")
    ours = tensor.to(torch.float32).contiguous()
    if not torch.isfinite(ours).all():
        raise Gpt2TuiError(f"{name} holds values that are not finite (NaN or infinite); such a model is of no use")
    return ours
