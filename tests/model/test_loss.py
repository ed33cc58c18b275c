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


PRESENT = torch.tensor([2, 3, 5, 7, 11, 13, 90])
ABSENT = torch.tensor([word for word in range(VOCABULARY) if word not in PRESENT.tolist()])


def rows_of_a_text(rows: int = 2 * CHUNK_ROWS + 9) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`rows_of`, with all targets among PRESENT but for two that are ignored."""
    hidden, weight, targets = rows_of(rows)
    targets = PRESENT[targets % len(PRESENT)]
    targets[[4, -1]] = IGNORED
    return hidden, weight, targets


def gradients(
    hidden: Tensor, weight: Tensor, targets: Tensor, present: Tensor | None, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, tuple[Tensor, ...]]:
    loss = summed_cross_entropy(hidden, weight, targets, dtype, present)
    return loss.detach(), torch.autograd.grad(loss, (hidden, weight))


@pytest.mark.parametrize("rows", [7, 2 * CHUNK_ROWS + 9, BLOCK_ROWS + 40])
def test_words_that_a_text_does_not_have_are_in_the_loss_and_pushed_down_together(rows: int) -> None:
    """Those of the text have their own gradient, the others together what theirs add up to."""
    hidden, weight, targets = rows_of_a_text(rows)
    whole_loss, (_, whole_weight) = gradients(hidden, weight, targets, None)
    loss, (of_hidden, of_weight) = gradients(hidden, weight, targets, PRESENT)
    assert loss == whole_loss
    torch.testing.assert_close(of_weight[PRESENT], whole_weight[PRESENT], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(of_weight[ABSENT].sum(0), whole_weight[ABSENT].sum(0), rtol=1e-3, atol=1e-3)
    assert of_weight[ABSENT].any(1).all()
    assert not of_hidden[[4, -1]].any()


def test_it_is_the_true_gradient_where_those_words_are_alike_and_where_the_rows_are() -> None:
    hidden, weight, targets = rows_of_a_text()
    with torch.no_grad():
        weight[ABSENT] = weight[ABSENT[0]].clone()
    wanted = gradients(hidden, weight, targets, None)[1]
    torch.testing.assert_close(gradients(hidden, weight, targets, PRESENT)[1], wanted, rtol=1e-4, atol=1e-4)
    hidden, weight, targets = rows_of_a_text()
    with torch.no_grad():
        hidden[:] = hidden[0].clone()
    wanted = gradients(hidden, weight, targets, None)[1]
    torch.testing.assert_close(gradients(hidden, weight, targets, PRESENT)[1], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_half_formats_give_the_same_but_for_their_rounding(dtype: torch.dtype) -> None:
    wanted_loss, wanted = gradients(*rows_of_a_text(), PRESENT)
    loss, found = gradients(*rows_of_a_text(), PRESENT, dtype)
    torch.testing.assert_close(loss, wanted_loss, rtol=0.01, atol=0)
    for ours, exact in zip(found, wanted, strict=True):
        assert float((ours - exact).norm() / exact.norm()) < 0.02


def test_what_padding_holds_counts_for_nothing() -> None:
    hidden, weight, targets = rows_of_a_text()
    targets[:30] = IGNORED
    before = gradients(hidden, weight, targets, PRESENT)[1]
    with torch.no_grad():
        hidden[:30] += 1
    after = gradients(hidden, weight, targets, PRESENT)[1]
    torch.testing.assert_close(after[1], before[1])
    assert not after[0][:30].any()


def test_a_text_that_has_all_words_but_one_is_no_special_case() -> None:
    hidden, weight, targets = rows_of_a_text()
    wanted = gradients(hidden, weight, targets, None)[1]
    nearly_all = torch.arange(1, VOCABULARY)
    torch.testing.assert_close(gradients(hidden, weight, targets, nearly_all)[1], wanted, rtol=1e-4, atol=1e-4)


class Multiplications(TorchDispatchMode):
    """Counts those of products of two matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.mm.default:
            self.count += args[0].shape[0] * args[0].shape[1] * args[1].shape[1]
        return func(*args, **(kwargs or {}))


def test_the_way_back_multiplies_with_the_words_of_the_text_alone() -> None:
    hidden, weight, targets = rows_of_a_text()
    rows = len(targets)
    with Multiplications() as made:
        gradients(hidden, weight, targets, None)
    assert made.count == 3 * rows * WIDTH * VOCABULARY
    with Multiplications() as made:
        gradients(hidden, weight, targets, PRESENT)
    single = rows * VOCABULARY + VOCABULARY * WIDTH + rows * WIDTH  # products with one row
    assert made.count == rows * WIDTH * (VOCABULARY + 2 * len(PRESENT)) + single
