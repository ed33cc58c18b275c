"""What may be drawn is what transformers' processors leave, and each sample has a generator of its own."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.generation.drawing import Drawing, candidates, penalised
from gpt2tui.runs.sampling import SamplingSettings

VOCABULARY = 50_257
OFF: dict[str, Any] = {"top_k": 0}


def logits_of(rows: int, *, seed: int = 0, vocabulary: int = VOCABULARY) -> Tensor:
    return 4 * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed))


def processors(settings: SamplingSettings) -> LogitsProcessorList:
    """As transformers' ``generate`` orders them."""
    chain = LogitsProcessorList()
    if settings.repetition_penalty != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    chain.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        chain.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        chain.append(TopPLogitsWarper(settings.top_p))
    if settings.min_p:
        chain.append(MinPLogitsWarper(settings.min_p))
    return chain


def our_distribution(logits: Tensor, past: Tensor, settings: SamplingSettings) -> Tensor:
    seen = torch.zeros(logits.shape, dtype=torch.bool).scatter_(1, past, True)
    probabilities, ids = candidates(penalised(logits, seen, settings.repetition_penalty), settings)
    return torch.zeros_like(logits).scatter_(1, ids, probabilities.float())


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        OFF,
        {"temperature": 0.7, **OFF},
        {"temperature": 1.8, "top_k": 5},
        {"top_p": 0.9, **OFF},
        {"top_p": 0.3, "top_k": 40},
        {"min_p": 0.05, **OFF},
        {"min_p": 0.2, "top_p": 0.95, "top_k": 50, "temperature": 1.3},
        {"repetition_penalty": 1.3, **OFF},
        {"repetition_penalty": 0.6, "top_k": 7},
        {"repetition_penalty": 1.9, "temperature": 0.5, "top_k": 100, "top_p": 0.8, "min_p": 0.01},
        {"top_p": 1e-6, **OFF},
        {"min_p": 1.0, **OFF},
        {"top_k": VOCABULARY + 5},
    ],
    ids=str,
)
def test_the_distribution_is_that_of_transformers_processors(changes: dict[str, Any], seed: int) -> None:
    settings = SamplingSettings(**changes)
    logits = logits_of(3, seed=seed)
    past = logits.topk(30, dim=1).indices[:, ::3]  # likely tokens, so that the penalty matters
    wanted = processors(settings)(past, logits.clone()).softmax(dim=1)
    found = our_distribution(logits, past, settings)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-4)
    assert torch.equal(found > 0, wanted > 0)


def test_temperature_zero_is_the_likeliest_token_after_the_penalty() -> None:
    logits = logits_of(1)
    best, second = logits.topk(2).indices[0].tolist()
    assert Drawing(SamplingSettings(temperature=0), [7], samples=1).draw(logits, [0]).tolist() == [best]
    penalising = SamplingSettings(temperature=0, repetition_penalty=1e6)
    assert Drawing(penalising, [best], samples=1).draw(logits, [0]).tolist() == [second]


def test_drawn_tokens_are_penalised_from_then_on() -> None:
    logits = logits_of(1).abs()
    drawing = Drawing(SamplingSettings(temperature=0, repetition_penalty=1e6), [0], samples=1)
    drawn = [int(drawing.draw(logits, [0])) for _ in range(5)]
    assert drawn == logits.topk(5).indices[0].tolist()


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-320])
def test_a_tiny_temperature_is_nearly_greedy_and_nothing_overflows(temperature: float) -> None:
    logits = logits_of(4)
    drawn = Drawing(SamplingSettings(temperature=temperature, **OFF), [0], samples=4).draw(logits, range(4))
    assert drawn.tolist() == logits.argmax(dim=1).tolist()


@pytest.mark.parametrize("penalty", [1e-30, 1e30, math.inf])
def test_an_extreme_penalty_draws_something(penalty: float) -> None:
    logits = logits_of(2)
    logits[:, 3] = 0
    settings = SamplingSettings(repetition_penalty=penalty, seed=1, **OFF)
    drawn = Drawing(settings, [3, 4], samples=2).draw(logits, [0, 1])
    assert all(0 <= token < VOCABULARY for token in drawn.tolist())


@pytest.mark.parametrize("changes", [OFF, {"top_k": 3}, {"top_p": 0.8, **OFF}], ids=str)
def test_tokens_are_drawn_as_often_as_their_probability_says(changes: dict[str, Any]) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, 0.0, 2.5]])
    settings = SamplingSettings(seed=11, **changes)
    wanted = our_distribution(logits, torch.tensor([[0]]), settings)[0]
    drawing = Drawing(settings, [0], samples=1)
    draws = 4000
    counts = torch.bincount(torch.cat([drawing.draw(logits, [0]) for _ in range(draws)]), minlength=5)
    deviation = (wanted * (1 - wanted) / draws).sqrt()
    assert ((counts / draws - wanted).abs() <= 4 * deviation).all()
    assert not counts[wanted == 0].any()


def test_a_sample_is_the_same_alone_and_among_others() -> None:
    steps = [logits_of(3, seed=step, vocabulary=500) for step in range(20)]
    together = Drawing(SamplingSettings(seed=40), [0], samples=3)
    batch = [together.draw(logits, [0, 1, 2]).tolist() for logits in steps]
    for sample in range(3):
        alone = Drawing(SamplingSettings(seed=40 + sample), [0], samples=1)
        assert [alone.draw(logits[[sample]], [0]).item() for logits in steps] == [row[sample] for row in batch]


def test_samples_of_one_seed_differ() -> None:
    logits = logits_of(1, vocabulary=500).expand(4, -1)
    drawing = Drawing(SamplingSettings(seed=1, temperature=2.0), [0], samples=4)
    drawn = torch.stack([drawing.draw(logits, range(4)) for _ in range(10)])  # (steps, samples)
    assert len({tuple(column) for column in drawn.T.tolist()}) == 4


def test_without_a_seed_two_drawings_differ() -> None:
    logits = logits_of(1)
    first, second = (Drawing(SamplingSettings(temperature=3.0, **OFF), [0], samples=1) for _ in range(2))
    assert [int(first.draw(logits, [0])) for _ in range(10)] != [int(second.draw(logits, [0])) for _ in range(10)]


@pytest.mark.parametrize("seed", [-1, 2**63, 2**70])
def test_any_integer_is_a_seed(seed: int) -> None:
    logits = logits_of(1)
    first, second = (Drawing(SamplingSettings(seed=seed), [0], samples=1) for _ in range(2))
    assert first.draw(logits, [0]).equal(second.draw(logits, [0]))


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_scores_that_are_not_finite_are_an_error_that_names_a_way_out(poison: float, temperature: float) -> None:
    logits = logits_of(2, vocabulary=50)
    logits[1, 7] = poison
    with pytest.raises(Gpt2TuiError, match=r"not finite.*--checkpoint"):
        Drawing(SamplingSettings(temperature=temperature), [0], samples=2).draw(logits, [0, 1])
