"""Our model and transformers' are the same function: logits, loss and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.training.loss import IGNORED, summed_cross_entropy
from tests.model.referee import gradients_in_our_layout, randomised, referee_of
from tests.tiny import tiny_model_config

VOCABULARY = 211

SHAPES = [
    {"layers": 2, "heads": 2, "width": 16, "block_size": 64},
    {"layers": 3, "heads": 4, "width": 64, "block_size": 32},
    {"layers": 1, "heads": 1, "width": 24, "block_size": 48},
]


def tokens_of(batch: int, time: int, *, seed: int = 0, vocabulary: int = VOCABULARY) -> Tensor:
    return torch.randint(vocabulary, (batch, time), generator=torch.Generator().manual_seed(seed))


def model_of(seed: int = 0, **changes: int) -> GPT2:
    config = tiny_model_config(vocabulary_size=VOCABULARY, **changes)
    return randomised(GPT2.initialised(config, seed=seed), seed).eval()


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape['layers']}x{shape['width']}")
def test_logits_are_those_of_transformers(shape: dict[str, int], seed: int) -> None:
    model = model_of(seed, **shape)
    referee = referee_of(model)
    for batch, time in [(1, 1), (1, 7), (3, 2), (5, model.config.block_size)]:
        tokens = tokens_of(batch, time, seed=seed)
        with torch.no_grad():
            ours, theirs = model(tokens), referee(tokens).logits
        assert theirs.std() > 0.1
        close(ours, theirs)


@pytest.mark.parametrize("time", [128, 1000, 1024])
def test_logits_agree_up_to_the_last_position(time: int) -> None:
    model = model_of(block_size=1024)
    tokens = tokens_of(2, time)
    with torch.no_grad():
        close(model(tokens), referee_of(model)(tokens).logits)


def test_logits_of_the_real_shape_agree() -> None:
    # As drawn for training: of weights ten times as wide, float32 itself leaves more than 1e-4 over 12 layers.
    model = GPT2.initialised(ModelConfig(), seed=5).eval()
    tokens = tokens_of(2, 9, vocabulary=50_257)
    with torch.no_grad():
        close(model(tokens), referee_of(model)(tokens).logits)


def test_a_token_changes_nothing_before_it() -> None:
    model = model_of()
    tokens = tokens_of(1, 20)
    changed = tokens.clone()
    changed[0, 12] = (changed[0, 12] + 1) % VOCABULARY
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:], atol=1e-3)


@pytest.mark.parametrize(("batch", "time"), [(1, 64), (4, 33), (16, 63)])
def test_loss_and_gradients_are_those_of_transformers(batch: int, time: int) -> None:
    """Through the fused loss: one chunk, one that ends early, several; some targets are padding."""
    model = model_of()
    referee = referee_of(model)
    inputs, targets = tokens_of(batch, time), tokens_of(batch, time, seed=9)
    targets[-1, time // 2 :] = IGNORED
    real = int((targets != IGNORED).sum())

    theirs = F.cross_entropy(referee(inputs).logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    theirs.backward()
    hidden = model.hidden(inputs).flatten(0, 1)
    ours = summed_cross_entropy(hidden, model.wte.weight, targets.flatten(), torch.float32) / real
    ours.backward()

    close(ours, theirs)
    wanted = gradients_in_our_layout(referee)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert wanted[name].abs().max() > 1e-3, name
        torch.testing.assert_close(parameter.grad, wanted[name], atol=1e-4, rtol=0, msg=name)


def test_loss_is_the_one_that_transformers_reports() -> None:
    model = model_of()
    tokens = tokens_of(3, 40)
    with torch.no_grad():
        theirs = referee_of(model)(tokens, labels=tokens).loss
        hidden = model.hidden(tokens[:, :-1]).flatten(0, 1)
        ours = summed_cross_entropy(hidden, model.wte.weight, tokens[:, 1:].flatten(), torch.float32)
    close(ours / (3 * 39), theirs)
