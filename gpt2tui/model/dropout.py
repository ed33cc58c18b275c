"""Dropout: its rates, and on a CPU a way to draw who is dropped that takes a quarter of torch's time.

torch draws a number of 53 bits for each element, 8 ns. Here one of 64 bits serves four of them (docs/LOG.md).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_LEVELS = 1 << 16
"""A rate is rounded to a multiple of one in so many: 0.1 to 0.100006."""
_LEAST, _PER_DRAW = -(1 << 63), 4


class Dropout(NamedTuple):
    """Dropout rates by place; all zero outside training."""

    embedding: float = 0.0
    attention: float = 0.0
    projection: float = 0.0
    mlp: float = 0.0


def drop(x: Tensor, rate: float, is_training: bool = True) -> Tensor:
    """``x`` with this share of its elements zeroed, by torch's generator, and the others scaled to make up for them."""
    if not (rate and is_training):
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, rate)
    dropped = min(round(rate * _LEVELS), _LEVELS - 1)
    kept = torch.ge(_levels(x), dropped - _LEVELS // 2, out=torch.empty_like(x))  # 0 or 1
    return (x * kept).mul_(_LEVELS / (_LEVELS - dropped))  # a factor in bfloat16 would be off by up to 0.4 %


def _levels(x: Tensor) -> Tensor:
    """A number of 16 bits for each element."""
    draws = torch.empty(-(-x.numel() // _PER_DRAW), dtype=torch.int64)
    return draws.random_(_LEAST, None).view(torch.int16)[: x.numel()].view(x.shape)
