"""Keys and values of the tokens seen so far, kept so that the next token costs one step."""

from __future__ import annotations

import torch
from torch import Tensor

from gpt2tui.runs.model_config import ModelConfig


class KVCache:
    """Room for one full window of keys and values, allocated once.

    ``length`` counts the positions that are filled in every layer; the model moves it after the last layer.
    """

    def __init__(self, config: ModelConfig, batch: int, *, device: torch.device, dtype: torch.dtype) -> None:
        shape = (config.layers, 2, batch, config.heads, config.block_size, config.head_width)
        self._store = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append ``k`` and ``v`` (batch, heads, time, head) to a layer; return all of it, views of the store."""
        end = self.length + k.shape[2]
        keys, values = self._store[layer]  # (batch, heads, block, head)
        keys[:, :, self.length : end] = k
        values[:, :, self.length : end] = v
        return keys[:, :, :end], values[:, :, :end]
