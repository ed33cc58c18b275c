"""The layers of a model that is only asked compute what plain linear layers do, as exactly as their weights are."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpt2tui.model import decoding
from gpt2tui.model.decoding import LAYERS, Bfloat16Linear, Int8Linear, can_decode, prepare
from gpt2tui.model.kv_cache import KVCache
from gpt2tui.model.transformer import GPT2
from tests.model.referee import randomised, referee_of
from tests.tiny import tiny_model_config

DTYPES = [
    pytest.param(dtype, marks=pytest.mark.skipif(not can_decode(dtype), reason="torch has no such kernel here"))
    for dtype in LAYERS
]
ROWS = [1, 2, 7, 16, 300]
HAS_VNNI = torch.cpu._is_vnni_supported()


def model_of(**changes: int) -> GPT2:
    config = tiny_model_config(vocabulary_size=211, width=64, heads=4, **changes)
    return randomised(GPT2.initialised(config, seed=0), 0).eval()


def prepared(dtype: torch.dtype) -> GPT2:
    model = model_of()
    prepare(model, dtype)
    return model


def layer_and_inputs(rows: int) -> tuple[nn.Linear, Tensor]:
    """A layer, one of whose outputs has no weights but a bias, and rows (1, rows, width) of very different ranges."""
    torch.manual_seed(rows)
    layer = nn.Linear(96, 50)
    layer.weight.data[7] = 0
    x = torch.randn(1, rows, 96) * 10 ** torch.linspace(-2, 2, rows)[:, None]
    x[0, ::3] = F.gelu(x[0, ::3])
    x[0, 1:2] = 0
    x[0, 4:5].abs_()
    return layer, x


@pytest.mark.parametrize("is_mkl_slow", [False, True])
def test_a_prepared_model_in_float32_is_transformers(monkeypatch: pytest.MonkeyPatch, is_mkl_slow: bool) -> None:
    monkeypatch.setattr(decoding, "is_mkl_slow", lambda: is_mkl_slow)
    model = model_of()
    referee = referee_of(model)
    prepare(model, torch.float32)
    for batch, time in [(1, 1), (1, 16), (3, 2), (2, 64)]:
        tokens = torch.randint(211, (batch, time))
        with torch.no_grad():
            torch.testing.assert_close(model(tokens), referee(tokens).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_product_is_replaced_and_the_answers_are_near(dtype: torch.dtype) -> None:
    plain, model = model_of(), prepared(dtype)
    assert not [name for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    assert isinstance(model.head, LAYERS[dtype])
    tokens = torch.randint(211, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, found = plain(tokens).log_softmax(-1), model(tokens).log_softmax(-1)
    assert found.dtype == torch.float32
    error = (found - wanted).abs().mean()
    # Inputs have 7 bits where the processor cannot add up products of 8.
    assert error < (0.04 if dtype == torch.int8 and not HAS_VNNI else 0.02) * wanted.std()
    assert (error < 1e-5) == (dtype == torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", [[1] * 12, [5, 1, 6], [12]])
def test_a_token_s_scores_do_not_depend_on_what_is_read_beside_it(dtype: torch.dtype, lengths: list[int]) -> None:
    """So that text drafted and checked in blocks is the text drawn token by token."""
    model = prepared(dtype)
    tokens = torch.randint(211, (1, 12), generator=torch.Generator().manual_seed(2))
    cache = KVCache(model.config, 1, device=torch.device("cpu"), dtype=torch.float32)
    with torch.no_grad():
        parts = torch.cat([model(part, cache) for part in torch.split(tokens, lengths, dim=1)], dim=1)
        whole = model(tokens)
    # A rounding of inputs to 8 or 16 bits may fall to the other side, where the last bit of float32 differs.
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-4 if dtype == torch.float32 else 0.05 * whole.std().item())


@pytest.mark.parametrize("rows", ROWS)
def test_bfloat16_is_what_torch_says_it_is(rows: int) -> None:
    layer, x = layer_and_inputs(rows)
    with torch.no_grad():
        found = Bfloat16Linear(layer.weight, layer.bias)(x)
        wanted = F.linear(x.bfloat16(), layer.weight.bfloat16(), layer.bias.bfloat16()).float()
    torch.testing.assert_close(found, wanted, rtol=2**-7, atol=1e-3)


@pytest.mark.skipif(not can_decode(torch.int8), reason="torch has no such kernel here")
@pytest.mark.parametrize(
    "is_narrow",
    [pytest.param(False, marks=pytest.mark.skipif(not HAS_VNNI, reason="no VNNI: sums of 8 bits overflow here")), True],
)
@pytest.mark.parametrize("rows", ROWS)
def test_int8_rounds_weights_and_inputs_and_nothing_else(rows: int, is_narrow: bool) -> None:
    layer, x = layer_and_inputs(rows)
    quantised = Int8Linear(layer.weight, layer.bias)
    quantised._is_narrow = is_narrow
    with torch.no_grad():
        weight_step = (layer.weight.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
        weight = (layer.weight / weight_step).round() * weight_step
        spread = x.amax(-1, keepdim=True).clamp(min=0) - x.amin(-1, keepdim=True).clamp(max=0)
        step = (spread / (127 if is_narrow else 255)).clamp(min=6.1e-5)
        wanted = F.linear((x / step).round() * step, weight, layer.bias)
        found = quantised(x)
        # Zero is a level, so all others are whole steps from it; a row's ends may be off by one.
        slack = (2 * step * weight.abs().amax()).expand_as(wanted)
        assert bool(((found - wanted).abs() <= slack + 1e-5).all())
        alone = torch.cat([quantised(row[None, None]) for row in x[0]], dim=1)
    torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-5 * x.abs().max().item())
