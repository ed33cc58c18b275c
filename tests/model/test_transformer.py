"""The shape of the model: how many parameters, how they are drawn, where dropout acts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from gpt2tui.model.dropout import Dropout
from gpt2tui.model.transformer import GPT2, PLAIN_ATTENTION_UP_TO, plain_attention
from gpt2tui.runs.model_config import PRESETS
from tests.tiny import tiny_model_config

PUBLISHED = {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_parameters_their_formula_says(name: str) -> None:
    model = GPT2.empty(PRESETS[name])
    counted = sum(parameter.numel() for parameter in model.parameters())
    assert counted == PRESETS[name].parameters == PUBLISHED.get(name, counted)


def test_an_empty_model_has_no_storage() -> None:
    assert {parameter.device.type for parameter in GPT2.empty(tiny_model_config()).parameters()} == {"meta"}


@pytest.mark.parametrize("is_scaled", [True, False])
def test_first_weights_have_the_deviations_of_gpt2(is_scaled: bool) -> None:
    config = tiny_model_config(layers=8, width=64, vocabulary_size=500)
    model = GPT2.initialised(config, seed=3, residual_scaling=is_scaled)
    larger = GPT2.initialised(config, seed=3, residual_scaling=is_scaled, embedding_deviation=0.05)
    assert torch.equal(larger.wpe.weight, model.wpe.weight)
    torch.testing.assert_close(larger.wte.weight, 2.5 * model.wte.weight)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "ln_" in name:
            assert (parameter == 1).all(), name
        else:
            is_residual = is_scaled and name.endswith("c_proj.weight")
            wanted = 0.02 / 4 if is_residual else 0.02  # 4 = sqrt(2 * 8 layers)
            assert parameter.std().item() == pytest.approx(wanted, rel=0.06), name
            assert parameter.mean().item() == pytest.approx(0, abs=0.06 * wanted), name


def test_the_same_seed_draws_the_same_weights_and_leaves_the_global_generator_alone() -> None:
    config = tiny_model_config(vocabulary_size=100)
    before = torch.get_rng_state()
    first, again, other = (GPT2.initialised(config, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["wte.weight"], other["wte.weight"])
    assert not torch.equal(first["h.0.mlp.c_fc.weight"], first["h.1.mlp.c_fc.weight"])


@pytest.mark.parametrize("place", Dropout._fields)
def test_dropout_acts_in_training_at_each_place_and_never_in_eval(place: str) -> None:
    config = tiny_model_config(vocabulary_size=100)
    model = GPT2.initialised(config, seed=0, dropout=Dropout(**{place: 0.5}))
    plain = GPT2.initialised(config, seed=0)
    tokens = torch.arange(20)[None]
    with torch.no_grad():
        wanted = plain(tokens)
        torch.manual_seed(0)
        first, second = model(tokens), model(tokens)
        assert not torch.equal(first, second)
        model.eval()
        assert torch.equal(model(tokens), wanted)


def test_without_dropout_training_mode_changes_nothing() -> None:
    model = GPT2.initialised(tiny_model_config(vocabulary_size=100), seed=0)
    tokens = torch.arange(20)[None]
    before = torch.get_rng_state()
    with torch.no_grad():
        assert torch.equal(model.train()(tokens), model.eval()(tokens))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_keeps_the_mean_of_what_it_thins() -> None:
    """At rate 0.25 a quarter of the embedding's numbers is dropped, the others grow by a third."""
    model = GPT2.initialised(tiny_model_config(layers=1), seed=0, dropout=Dropout(embedding=0.25))
    seen: list[torch.Tensor] = []
    model.h[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    tokens = torch.arange(64)[None].repeat(50, 1)
    torch.manual_seed(0)
    with torch.no_grad():
        model(tokens[:, :64])
        thinned = seen.pop()
        model.eval()(tokens[:, :64])
        whole = seen.pop()
    dropped = thinned == 0
    assert dropped.float().mean().item() == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(thinned[~dropped], whole[~dropped] / 0.75)


@pytest.mark.parametrize("time", [1, 7, 64, 256, 600])
def test_plain_attention_is_the_fused_one_and_so_are_its_gradients(time: int) -> None:
    generator = torch.Generator().manual_seed(time)
    parts = [torch.randn(2, 3, time, 8, generator=generator, requires_grad=True) for _ in range(3)]
    pull = torch.randn(2, 3, time, 8, generator=generator)
    fused = F.scaled_dot_product_attention(*parts, is_causal=True)
    plain = plain_attention(*parts, dropout=0.0)
    torch.testing.assert_close(plain, fused)
    torch.testing.assert_close(torch.autograd.grad(plain, parts, pull), torch.autograd.grad(fused, parts, pull))


def test_plain_attention_drops_weights_in_training() -> None:
    q, k, v = torch.randn(3, 1, 1, 32, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    assert not torch.allclose(plain_attention(q, k, v, 0.5), plain_attention(q, k, v, 0.0))
    assert torch.equal(plain_attention(q, k, v, 0.0), plain_attention(q, k, v, 0.0))


def _takes_fused_attention(model: GPT2, time: int) -> bool:
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        model.hidden(torch.zeros(1, time, dtype=torch.int64))
    return any("scaled_dot_product" in event.key for event in profiler.key_averages())


@pytest.mark.parametrize(("dropped", "is_fused"), [(0.0, True), (0.1, False)])
def test_long_windows_are_left_to_the_fused_kernel_where_there_is_one(dropped: float, is_fused: bool) -> None:
    config = tiny_model_config(vocabulary_size=300, block_size=PLAIN_ATTENTION_UP_TO + 8)
    model = GPT2.empty(config, Dropout(attention=dropped)).allocate("cpu").train()
    assert _takes_fused_attention(model, config.block_size) == is_fused


def test_what_is_not_learned_from_needs_no_weights_of_attention_kept() -> None:
    model = GPT2.empty(tiny_model_config(vocabulary_size=300)).allocate("cpu")
    assert not _takes_fused_attention(model, 8)
    with torch.no_grad():
        assert _takes_fused_attention(model, 8)
