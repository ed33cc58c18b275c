"""Products by oneDNN: the numbers and gradients are torch's own, and training in float32 takes no others."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from gpt2tui.model import products as products_module
from gpt2tui.model.products import Linear, is_mkl_slow, suits_one_dnn, times
from gpt2tui.model.transformer import GPT2
from gpt2tui.training.loss import summed_cross_entropy
from tests.tiny import tiny_model_config

pytestmark = pytest.mark.skipif(
    not (platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available()),
    reason="oneDNN is for x86 only",
)


@pytest.fixture(autouse=True)
def _as_where_mkl_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products_module, "is_mkl_slow", lambda: True)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def from_the_smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models would be left to torch."""
    monkeypatch.setattr(products_module, "_SMALLEST", 0)


@pytest.mark.usefixtures("from_the_smallest")
@pytest.mark.parametrize("shape", [(5, 24), (3, 7, 24), (1, 24), (2, 1, 24)])
def test_a_layer_and_its_gradients_are_those_of_float64(shape: tuple[int, ...]) -> None:
    layer, exact = Linear(24, 40), torch.nn.Linear(24, 40).double()
    exact.load_state_dict(layer.state_dict())
    x, slopes = drawn(*shape), drawn(*shape[:-1], 40, seed=1)
    mine, right = x.clone().requires_grad_(), x.double().requires_grad_()
    result, wanted = layer(mine), exact(right)
    torch.testing.assert_close(result.double(), wanted, rtol=1e-5, atol=1e-5)
    result.backward(slopes)
    wanted.backward(slopes.double())
    for found, true in ((mine, right), (layer.weight, exact.weight), (layer.bias, exact.bias)):
        assert found.grad is not None
        torch.testing.assert_close(found.grad.double(), true.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("from_the_smallest")
def test_factors_may_be_transposed() -> None:
    a, b = drawn(30, 8), drawn(50, 8, seed=1)
    torch.testing.assert_close(times(a, b), a @ b.T)
    slopes = drawn(30, 50, seed=2)
    torch.testing.assert_close(times(slopes, b.T), slopes @ b)
    torch.testing.assert_close(times(slopes[:, 8:24].T, a.T), slopes[:, 8:24].T @ a)


def products(dtype: torch.dtype) -> dict[str, int]:
    """How often each kind of product of matrices is called in forward and backward of a tiny model."""
    model = GPT2.initialised(tiny_model_config(), seed=1)
    tokens = torch.arange(16).view(2, 8)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            hidden = model.hidden(tokens)
        summed_cross_entropy(hidden.flatten(0, 1), model.wte.weight, tokens.flatten(), dtype).backward()
    kinds = ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise")
    return {event.key: event.count for event in profiler.key_averages() if event.key in kinds}


def test_tiny_products_are_left_to_torch() -> None:
    assert not suits_one_dnn(drawn(16, 64), drawn(64, 64))
    assert suits_one_dnn(drawn(512, 64), drawn(64, 64))


@pytest.mark.usefixtures("from_the_smallest")
def test_a_step_in_float32_multiplies_by_one_dnn_alone_and_one_in_bfloat16_not() -> None:
    layers, head = 2 * 4, 2 + -(-50_257 // 8192)
    assert products(torch.float32) == {"mkldnn::_linear_pointwise": 3 * layers + head}
    assert "mkldnn::_linear_pointwise" not in products(torch.bfloat16)


def test_what_is_not_float32_or_is_cast_is_left_to_torch() -> None:
    layer, x = Linear(24, 40), drawn(5, 24)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert torch.equal(layer.double()(x.double()), F.linear(x.double(), layer.weight, layer.bias))


@pytest.mark.parametrize(("vendor", "is_slow"), [("GenuineIntel", False), ("AuthenticAMD", True)])
def test_mkl_is_slow_where_the_processor_is_not_its_makers(vendor: str, is_slow: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    assert is_mkl_slow(tmp_path / "cpuinfo") == is_slow
    assert not is_mkl_slow(tmp_path / "none")  # another system


def test_intels_own_processors_keep_to_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products_module, "is_mkl_slow", lambda: False)
    assert not suits_one_dnn(drawn(512, 64), drawn(64, 64))
