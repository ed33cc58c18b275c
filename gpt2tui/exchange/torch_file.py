"""Reading a ``.pt`` without running what is in it."""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.folder_config import whole
from gpt2tui.text import one_line

_STATES = ("model_state_dict", "state_dict", "model")
_SETTINGS = ("config", "model_args", "args")
_HEADS = ("n_head", "n_heads", "num_heads", "heads")
_CONFIG_CLASSES = ("GPTConfig", "GPT2Config", "ModelConfig", "Config", "ModelArgs", "GPTArgs")
_MODULES = ("__main__", "model", "train", "gpt", "gpt2")


class _Settings:
    """Stands for a class of settings: takes the fields it is given, and does nothing."""


_ALLOWED: list[Any] = [(_Settings, f"{module}.{name}") for module in _MODULES for name in _CONFIG_CLASSES] + [
    (argparse.Namespace, "argparse.Namespace")
]
"""By name, whatever they are where the file was written; in their place stand classes without any code."""


def read_torch_file(path: Path) -> tuple[dict[str, Tensor], int | None, bool]:
    """Tensors, number of heads where it is said, and whether the file is of nanoGPT's trainer, whose GELU is exact.

    Only tensors, plain data and a few classes of settings are read; no code of the file is run.

    Raises:
        Gpt2TuiError: it is no such file, is damaged, holds no model, or holds more than data.
    """
    try:
        with torch.serialization.safe_globals(_ALLOWED), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old protocols, which are read or refused all the same
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Gpt2TuiError(f"{path} was not read: {_refusal(path, error)}") from None
    except OSError as error:
        raise Gpt2TuiError(f"{path} cannot be read: {error.strerror or error}") from error
    except (RuntimeError, EOFError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        cause = one_line(str(error))[:160]
        raise Gpt2TuiError(f"{path} is damaged, or was not written by torch.save: {cause}") from error
    if not isinstance(found, Mapping):
        raise Gpt2TuiError(f"{path} holds a {type(found).__name__}, not the tensors of a model")
    state = next((found[name] for name in _STATES if isinstance(found.get(name), Mapping)), found)
    tensors = {str(name): tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    if not tensors:
        raise Gpt2TuiError(f"{path} holds no tensors of a model")
    heads = next((heads for name in _SETTINGS if (heads := _heads(found.get(name), path))), None)
    return tensors, heads, "model_args" in found


def _heads(settings: Any, path: Path) -> int | None:
    fields = settings if isinstance(settings, Mapping) else getattr(settings, "__dict__", {})
    return next((whole(fields, name, path) for name in _HEADS if name in fields), None)


def _refusal(path: Path, error: Exception) -> str:
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, ValueError, pickle.UnpicklingError, EOFError):
        names = re.findall(r"GLOBAL (\S+)", str(error))  # not a zip: torch names the first one it met
    if names:
        return f"it holds {one_line(', '.join(names[:3]))}, which is code and not data; none of it was run"
    return "it is no file of tensors, or holds more than data"
