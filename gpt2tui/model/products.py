"""Products with matrices of weights, by the library that is fastest for them here.

On x86 torch gives float32 products to MKL, which is slow on processors that are not Intel's. oneDNN, which torch
ships as well and takes for other formats, needs about half the time there, and half as long again as MKL on Intel's
(docs/LOG.md).
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SMALLEST = 1 << 20
"""Multiplications from which on it pays: oneDNN takes longer to begin, most of all with a new shape."""


@cache
def is_mkl_slow(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor is an x86 one of another maker than MKL's. By its name, not by a race: a resumed run has to
    multiply as it did before.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "GenuineIntel" not in cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return False


def one_dnn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear`` by oneDNN, not differentiable: x (..., inputs), weight (outputs, inputs), also a transposed one."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def suits_one_dnn(x: Tensor, weight: Tensor) -> bool:
    """Whether their product is for oneDNN: large, float32 on a CPU, outside autocast and compiled code."""
    return (
        x.dtype == torch.float32
        and x.numel() * weight.shape[0] >= _SMALLEST
        and x.device.type == "cpu"
        and is_mkl_slow()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def times(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight.T`` without gradients, both (rows, inputs) or transposed from that."""
    return one_dnn(x, weight) if suits_one_dnn(x, weight) else x @ weight.T


class Linear(nn.Linear):
    """torch's own layer, but for who multiplies."""

    def forward(self, x: Tensor) -> Tensor:
        if not suits_one_dnn(x, self.weight):
            return F.linear(x, self.weight, self.bias)
        result: Tensor = _Linear.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return one_dnn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        slopes = grads[0].flatten(0, -2)  # (rows, outputs)
        return (
            one_dnn(slopes, weight.T).view_as(x),
            one_dnn(slopes.T, x.flatten(0, -2).T),
            slopes.sum(0),
        )
