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
from gpt2tui.training.loss import ABSENT_SHARE, BLOCK_ROWS, CHUNK_ROWS, IGNORED, summed_cross_entropy
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


def with_absent_at(level: float, *, rows: int = 2 * CHUNK_ROWS + 9) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`rows_of`, with targets among PRESENT, and scores of all other words moved by ``level``."""
    hidden, weight, targets = rows_of(rows)
    with torch.no_grad():
        hidden[:, 0] = 1
        absent = torch.ones(VOCABULARY, dtype=torch.bool)
        absent[PRESENT] = False
        weight[absent, 0] += level
    return hidden, weight, PRESENT[targets % len(PRESENT)]


def gradients(
    hidden: Tensor, weight: Tensor, targets: Tensor, present: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    loss = summed_cross_entropy(hidden, weight, targets, torch.float32, present)
    return loss.detach(), torch.autograd.grad(loss, (hidden, weight))


def test_words_that_hold_next_to_nothing_are_in_the_loss_and_their_gradient_is_left_out() -> None:
    hidden, weight, targets = with_absent_at(-14.0)
    targets[4] = IGNORED
    whole_loss, (whole_hidden, whole_weight) = gradients(hidden, weight, targets, None)
    loss, (of_hidden, of_weight) = gradients(hidden, weight, targets, PRESENT)
    assert loss == whole_loss
    torch.testing.assert_close(of_weight[PRESENT], whole_weight[PRESENT])
    others = of_weight.index_fill(0, PRESENT, 0.0)
    assert not others.any()
    assert whole_weight.index_fill(0, PRESENT, 0.0).any()
    torch.testing.assert_close(of_hidden, whole_hidden, rtol=0, atol=0.1)
    assert not of_hidden[4].any()


def test_words_that_hold_more_are_pushed_down_as_ever() -> None:
    hidden, weight, targets = with_absent_at(-2.0)
    whole = gradients(hidden, weight, targets, None)
    assert torch.equal(gradients(hidden, weight, targets, PRESENT)[1][1], whole[1][1])


def test_what_padding_would_have_given_other_words_counts_for_nothing() -> None:
    hidden, weight, targets = with_absent_at(-14.0)
    with torch.no_grad():
        hidden[:30, 0] = -1  # there the others hold nearly all
    targets[:30] = IGNORED
    _, (_, of_weight) = gradients(hidden, weight, targets, PRESENT)
    assert not of_weight.index_fill(0, PRESENT, 0.0).any()


def test_the_share_that_decides_is_of_the_loss() -> None:
    """The same words hold the same; what is still to be learnt of the others decides."""
    hidden, weight, _ = with_absent_at(-9.0)
    scores = (hidden @ weight.T).detach()
    held = 1 - scores.softmax(1)[:, PRESENT].sum(1).mean()
    best = PRESENT[scores[:, PRESENT].argmax(1)]
    worst = PRESENT[scores[:, PRESENT].argmin(1)]
    for wanted, is_left_out in ((best, False), (worst, True)):
        loss, (_, of_weight) = gradients(hidden, weight, wanted, PRESENT)
        assert bool(held < ABSENT_SHARE * loss / len(wanted)) is is_left_out
        assert bool(of_weight.index_fill(0, PRESENT, 0.0).any()) is not is_left_out


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


def test_the_way_back_multiplies_with_the_words_that_are_there_alone() -> None:
    hidden, weight, targets = with_absent_at(-14.0)
    with Multiplications() as made:
        gradients(hidden, weight, targets, PRESENT)
    assert made.count == len(targets) * WIDTH * (VOCABULARY + 2 * len(PRESENT))
    with Multiplications() as made:
        gradients(hidden, weight, targets, None)
    assert made.count == len(targets) * WIDTH * 3 * VOCABULARY
