"""Dropout: how many are dropped, what stays, and what the gradient sees."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gpt2tui.model.dropout import drop

SHAPE = (3, 7, 401)  # no multiple of four elements


def dropped(rate: float, dtype: torch.dtype = torch.float32, seed: int = 1) -> torch.Tensor:
    torch.manual_seed(seed)
    return drop(torch.ones(SHAPE, dtype=dtype), rate)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.99])
def test_the_share_that_is_asked_for_is_dropped_and_the_mean_stays(rate: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    count = 1 << 20
    found = drop(torch.ones(count, dtype=dtype), rate)
    deviation = (rate * (1 - rate) / count) ** 0.5
    assert found.dtype == dtype
    assert (found == 0).float().mean().item() == pytest.approx(rate, abs=5 * deviation)
    assert found.float().mean().item() == pytest.approx(
        1, abs=5 * deviation / (1 - rate) + 2**-8 * (dtype != torch.float32)
    )
    assert found[found != 0].float().unique().tolist() == pytest.approx(
        [1 / (1 - rate)], rel=2**-8 if dtype != torch.float32 else 1e-3
    )


def test_neighbours_are_dropped_independently() -> None:
    """Four elements come of one draw: none of them may know of another."""
    torch.manual_seed(0)
    zeros = (drop(torch.ones(1 << 20), 0.5) == 0).float().view(-1, 4)
    assert (torch.corrcoef(zeros.T) - torch.eye(4)).abs().max() < 0.01
    assert (zeros.mean(0) - 0.5).abs().max() < 0.005


def test_the_gradient_goes_where_the_values_went() -> None:
    x = torch.randn(SHAPE, requires_grad=True)
    torch.manual_seed(1)
    drop(x, 0.3).sum().backward()
    torch.testing.assert_close(x.grad, dropped(0.3))


def test_the_generator_decides_and_moves_on() -> None:
    assert torch.equal(dropped(0.5), dropped(0.5))
    assert not torch.equal(dropped(0.5), dropped(0.5, seed=2))
    torch.manual_seed(1)
    assert not torch.equal(drop(torch.ones(SHAPE), 0.5), drop(torch.ones(SHAPE), 0.5))


def test_any_layout_is_dropped_alike() -> None:
    turned = torch.ones(SHAPE[::-1]).permute(2, 1, 0)
    torch.manual_seed(1)
    assert torch.equal(drop(turned, 0.5), dropped(0.5))


def test_nothing_is_dropped_outside_training_or_at_a_rate_of_nothing() -> None:
    x = torch.ones(SHAPE)
    assert drop(x, 0.5, is_training=False) is x
    assert drop(x, 0.0) is x


def test_compiled_code_and_other_devices_have_torch_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.manual_seed(1)
    wanted = F.dropout(torch.ones(SHAPE), 0.5)
    assert torch.equal(dropped(0.5), wanted)
