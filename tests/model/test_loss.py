"""The fused loss: what it adds up, and what it never allocates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gpt2tui.model.transformer import GPT2
from gpt2tui.training.loss import BLOCK_ROWS, CHUNK_ROWS, IGNORED, summed_cross_entropy
from tests.tiny import tiny_model_config

VOCABULARY = 97
WIDTH = 8


class LargestAllocation(TorchDispatchMode):
    """Remembers the largest storage, in elements of the tensor on it, that any operation gave back."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.elements = max(self.elements, leaf.untyped_storage().nbytes() // leaf.element_size())
        return result


def rows_of(rows: int, *, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states (rows, width), a head (vocabulary, width) and targets (rows,)."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, WIDTH, generator=generator).requires_grad_()
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator).requires_grad_()
    return hidden, weight, torch.randint(VOCABULARY, (rows,), generator=generator)


@pytest.mark.parametrize("rows", [1, CHUNK_ROWS, 2 * CHUNK_ROWS + 17, BLOCK_ROWS, 2 * BLOCK_ROWS + 3])
def test_the_sum_and_its_gradients_are_cross_entropys(rows: int) -> None:
    hidden, weight, targets = rows_of(rows)
    targets[rows // 2] = IGNORED
    plain = F.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORED, reduction="sum")
    wanted = torch.autograd.grad(plain, (hidden, weight))
    fused = summed_cross_entropy(hidden, weight, targets, torch.float32)
    found = torch.autograd.grad(fused, (hidden, weight))
    torch.testing.assert_close(fused, plain, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)
    assert not found[0][rows // 2].any()


def test_training_and_evaluating_add_up_the_same() -> None:
    hidden, weight, targets = rows_of(BLOCK_ROWS + 5)
    targets[3:9] = IGNORED
    training = summed_cross_entropy(hidden, weight, targets, torch.float32)
    with torch.no_grad():
        evaluating = summed_cross_entropy(hidden, weight, targets, torch.float32)
    assert evaluating.item() == training.item()


def test_rows_of_padding_only_cost_nothing_and_pull_nowhere() -> None:
    hidden, weight, targets = rows_of(5)
    loss = summed_cross_entropy(hidden, weight, torch.full_like(targets, IGNORED), torch.float32)
    loss.backward()
    assert loss.item() == 0
    assert hidden.grad is not None
    assert weight.grad is not None
    assert not hidden.grad.any()
    assert not weight.grad.any()


@pytest.mark.parametrize("is_training", [True, False])
def test_no_tensor_of_all_tokens_by_vocabulary_is_ever_allocated(is_training: bool) -> None:
    model = GPT2.initialised(tiny_model_config(), seed=0)
    tokens = torch.zeros(33, 64, dtype=torch.long)
    count = tokens.numel()
    assert count > BLOCK_ROWS
    vocabulary = model.config.vocabulary_size
    with LargestAllocation() as seen, torch.set_grad_enabled(is_training):
        hidden = model.hidden(tokens).flatten(0, 1)
        loss = summed_cross_entropy(hidden, model.wte.weight, tokens.flatten(), torch.float32)
        if is_training:
            loss.backward()
    assert BLOCK_ROWS * vocabulary <= seen.elements < count * vocabulary


def test_the_allocation_test_would_notice() -> None:
    model = GPT2.initialised(tiny_model_config(), seed=0)
    tokens = torch.zeros(33, 64, dtype=torch.long)
    with LargestAllocation() as seen, torch.no_grad():
        model(tokens)
    assert seen.elements == tokens.numel() * model.config.vocabulary_size
