"""Decoding with kept keys and values is the same function as without."""

from __future__ import annotations

import pytest
import torch

from gpt2tui.model.kv_cache import KVCache
from gpt2tui.model.transformer import GPT2
from tests.model.referee import randomised
from tests.tiny import tiny_model_config


def model_of(**changes: int) -> GPT2:
    config = tiny_model_config(vocabulary_size=211, **changes)
    return randomised(GPT2.initialised(config, seed=0), 0).eval()


def cache_for(model: GPT2, batch: int) -> KVCache:
    return KVCache(model.config, batch, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("lengths", [[1] * 12, [5, 1, 1, 5], [3, 4, 5], [12], [1, 11], [63, 1], [32, 32]])
def test_reading_in_parts_gives_the_logits_of_reading_at_once(lengths: list[int]) -> None:
    """Also several tokens at a time behind a past, up to the last position."""
    model = model_of()
    tokens = torch.randint(211, (3, sum(lengths)), generator=torch.Generator().manual_seed(1))
    cache = cache_for(model, 3)
    with torch.no_grad():
        parts = [model(part, cache) for part in tokens.split(lengths, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), atol=1e-4, rtol=0)
    assert cache.length == sum(lengths)


def test_a_cache_set_back_is_as_good_as_new() -> None:
    model = model_of()
    old, new = torch.arange(10)[None], torch.arange(100, 107)[None]
    used, fresh = cache_for(model, 1), cache_for(model, 1)
    with torch.no_grad():
        model(old, used)
        used.length = 0
        assert torch.equal(model(new, used), model(new, fresh))
