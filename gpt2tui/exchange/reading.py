"""A GPT-2 from elsewhere, whatever it lies in, as ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from gpt2tui.checkpoints.tensors import cut_short, read_tensors
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.folder_config import PICKLED, FoldersConfig
from gpt2tui.exchange.layout import from_others
from gpt2tui.exchange.safetensors_file import said_config
from gpt2tui.exchange.tokenizer_files import check_vocabulary
from gpt2tui.exchange.torch_file import read_torch_file
from gpt2tui.exchange.transformers_folder import CONFIG, read_weights
from gpt2tui.runs.model_config import Activation, ModelConfig
from gpt2tui.runs.naming import checked_name, imported_name
from gpt2tui.text import one_line

_ZIP, _PICKLE, _OBJECT = b"PK\x03\x04", b"\x80", b"{"
_HEADER = 9
"""Bytes: the length of a safetensors header, and the first of the header itself."""


@dataclass(frozen=True, kw_only=True)
class ForeignModel:
    """Shape and weights as ours; ``context`` is how far back it may look, ``notices`` say what was changed."""

    model: ModelConfig
    tensors: Mapping[str, Tensor]
    context: int
    name: str
    notices: list[str] = field(default_factory=list)


def read_foreign(path: Path, *, heads: int | None = None, activation: Activation | None = None) -> ForeignModel:
    """The model in a folder of transformers, a safetensors file, or a file of ``torch.save``.

    ``heads`` and ``activation`` go before what stands there. No code of a file is run.

    Raises:
        UsageError: there is nothing at that path.
        Gpt2TuiError: it is no GPT-2, of another vocabulary, incomplete, damaged, or not finite.
    """
    if path.is_dir():
        return _from_folder(path, heads, activation)
    if not path.exists():
        raise UsageError(f"there is no {path}")
    kind = _kind(path)
    if kind == "torch":
        tensors, said, is_exact = read_torch_file(path)
        usual: Activation = "gelu" if is_exact else "gelu_new"
        return _made(path, tensors, heads or said, activation or usual, None)
    if kind == "safetensors":
        return _from_safetensors(path, heads, activation)
    raise Gpt2TuiError(f"{path} {cut_short(path) or 'is neither safetensors nor written by torch.save'}")


def _from_folder(folder: Path, heads: int | None, activation: Activation | None) -> ForeignModel:
    if not (folder / CONFIG).is_file():
        raise Gpt2TuiError(f"{folder} is not a model: it has no {CONFIG}")
    said = FoldersConfig(folder / CONFIG)
    check_vocabulary(folder)
    tensors = read_weights(folder)
    if tensors is None:
        if not (folder / PICKLED).is_file():
            raise Gpt2TuiError(f"{folder} has no weights: neither model.safetensors nor {PICKLED}")
        tensors, _, _ = read_torch_file(folder / PICKLED)
    return _made(folder, tensors, heads or said.heads, activation or said.activation, said.trained_context)


def _from_safetensors(path: Path, heads: int | None, activation: Activation | None) -> ForeignModel:
    tensors = read_tensors(path)
    if ours := said_config(path):
        model = ours.model
        return _made(path, tensors, heads or model.heads, activation or model.activation, ours.context, ours.name)
    beside = path.with_name(CONFIG)
    if beside.is_file():
        said = FoldersConfig(beside)
        return _made(path, tensors, heads or said.heads, activation or said.activation, said.trained_context)
    return _made(path, tensors, heads, activation or "gelu_new", None)


def _made(
    path: Path,
    tensors: Mapping[str, Tensor],
    heads: int | None,
    activation: Activation,
    context: int | None,
    name: str | None = None,
) -> ForeignModel:
    notices: list[str] = []
    whole = path.resolve()
    try:
        name = checked_name(imported_name(name or one_line(whole.name if path.is_dir() else whole.stem)))
        model, ours = from_others(tensors, heads=heads, activation=activation, notices=notices)
    except Gpt2TuiError as error:
        raise Gpt2TuiError(f"{path}: {error}") from error
    if activation == "gelu":
        notices.append("its activation is GELU itself, not the tanh form of GPT-2; it is kept")
    context = min(context or model.block_size, model.block_size)
    return ForeignModel(model=model, tensors=ours, context=context, name=name, notices=notices)


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            start, size = file.read(_HEADER), path.stat().st_size
    except OSError as error:
        raise Gpt2TuiError(f"{path} cannot be read: {error.strerror}") from error
    # Asked first: a length may begin as a pickle does, but a pickle is not as long as it would say.
    if start[8:] == _OBJECT and (int.from_bytes(start[:8], "little") < size or cut_short(path)):
        return "safetensors"
    return "torch" if start.startswith((_ZIP, _PICKLE)) else None
