"""From a checkpoint's file to a model that can be asked."""

from __future__ import annotations

import torch

from gpt2tui.checkpoints.folder import Checkpoint
from gpt2tui.checkpoints.tensors import read_model
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.model.decoding import can_decode, prepare
from gpt2tui.model.device import DTYPES, choose_device, choose_dtype
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import Device, RunConfig

WEIGHTS: dict[str, torch.dtype] = {name: DTYPES[name] for name in DTYPES} | {"int8": torch.int8}
"""The number formats that weights may be read in."""

MOST_THREADS = 8
"""One token at a time is a matter of memory bandwidth, to which more cores than these do not add."""


def choose_place(device: str, dtype: str) -> tuple[Device, str]:
    """Where to generate and in which of :data:`WEIGHTS`. On a CPU ``auto`` is float32, which needs no copy.

    Raises:
        UsageError: no such device or dtype here.
    """
    place = choose_device(device)
    if dtype not in ("auto", *WEIGHTS):
        raise UsageError(f"no dtype named {dtype!r}; there are: auto, {', '.join(WEIGHTS)}")
    if dtype == "int8":
        if place != "cpu":
            raise UsageError(f"int8 weights are for the CPU, not for {place}; add --device cpu, or take bfloat16")
        if not can_decode(torch.int8):
            raise UsageError(f"torch {torch.__version__} has no int8 products for this processor; try bfloat16")
        return place, dtype
    return place, "float32" if dtype == "auto" and place == "cpu" else choose_dtype(dtype, place)[0]


def load_for_decoding(config: RunConfig, checkpoint: Checkpoint, *, device: str, dtype: torch.dtype) -> GPT2:
    """The model as :func:`load_model` gives it, for one row at a time: it can be asked, and nothing else.

    On a CPU its matrices are read in this dtype (one of :data:`WEIGHTS`), by the fastest kernels there are; what is
    between them is float32.

    Raises:
        Gpt2TuiError: as of load_model.
    """
    if device != "cpu" or not can_decode(dtype):
        return load_model(config, checkpoint, device=device, dtype=dtype)
    model = load_model(config, checkpoint, device=device, dtype=torch.float32)
    prepare(model, dtype)
    return model


def load_model(config: RunConfig, checkpoint: Checkpoint, *, device: str, dtype: torch.dtype) -> GPT2:
    """The model of a run with the weights of a checkpoint, in eval mode.

    On the CPU and in the dtype of the file the weights stay mapped from it: nothing is initialised or copied.

    Raises:
        Gpt2TuiError: the checkpoint is damaged, or its tensors are not those of the run's model.
    """
    model = GPT2.empty(config.model)
    tensors = read_model(checkpoint, device=device)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            wanted, is_there = expected.get(name, "none"), found.get(name, "none")
            raise Gpt2TuiError(
                f"checkpoint {checkpoint.name} does not fit the model of its run: "
                f"the shape of {name} should be {wanted} and is {is_there}; try another with --checkpoint"
            )
    model.load_state_dict({name: tensor.to(dtype) for name, tensor in tensors.items()}, assign=True)
    return model.eval()
