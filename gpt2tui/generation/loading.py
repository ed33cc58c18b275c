"""From a checkpoint's file to a model that can be asked."""

from __future__ import annotations

import torch

from gpt2tui.checkpoints.folder import Checkpoint
from gpt2tui.checkpoints.tensors import read_model
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.model.device import choose_device, choose_dtype
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import Device, Dtype, RunConfig

MOST_THREADS = 8
"""One token at a time is a matter of memory bandwidth, to which more cores than these do not add."""


def choose_place(device: str, dtype: str) -> tuple[Device, Dtype]:
    """Where to generate and in which number format. On a CPU ``auto`` is that of the file, which needs no copy.

    Raises:
        UsageError: no such device or dtype here.
    """
    place = choose_device(device)
    return place, "float32" if dtype == "auto" and place == "cpu" else choose_dtype(dtype, place)[0]


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
