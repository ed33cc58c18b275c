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
        store = torch.empty(shape, device=device, dtype=dtype)
        self._layers = [layer.unbind() for layer in store]  # keys and values (batch, heads, block, head) of each
        self.length = 0

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append ``k`` and ``v`` (batch, heads, time, head) to a layer; return all of it, views of the store."""
        keys, values = self._layers[layer]
        time = k.shape[2]
        keys.narrow(2, self.length, time).copy_(k)
        values.narrow(2, self.length, time).copy_(v)
        end = self.length + time
        return keys.narrow(2, 0, end), values.narrow(2, 0, end)
