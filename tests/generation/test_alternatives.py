"""The alternatives of a token are transformers': of the plain distribution, and of the one that was sampled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.generation.alternatives import best_alternatives, drawn_probability, token_text
from gpt2tui.generation.conversation import Conversation
from gpt2tui.generation.drawing import candidates
from gpt2tui.generation.stream import Odds
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.dialogue import ALTERNATIVES, Generate, Prompted, Reply, Token
from gpt2tui.runs.sampling import SamplingSettings
from tests.generation.child import of
from tests.generation.test_drawing import processors
from tests.model.referee import randomised, referee_of
from tests.tiny import tiny_model_config

CLOSE = 1e-4
CONTEXT = 64
SETTINGS: list[dict[str, Any]] = [
    {},
    {"top_k": 0},
    {"top_k": 0, "temperature": 0.6},
    {"top_k": 3, "temperature": 1.4},
    {"top_k": 0, "top_p": 0.9},
    {"top_k": 40, "top_p": 0.5},
    {"top_k": 0, "min_p": 0.2},
    {"top_k": 0, "repetition_penalty": 1.5},
    {"top_k": 20, "repetition_penalty": 3.0, "temperature": 0.8, "top_p": 0.95, "min_p": 0.01},
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


@pytest.fixture(scope="module")
def model() -> GPT2:
    """One whose odds differ by far more than what is taken for equal."""
    model = randomised(GPT2.initialised(tiny_model_config(), seed=5), 5).eval()
    with torch.no_grad():
        model.ln_f.weight.mul_(6)
    return model


def told(model: GPT2, tokenizer: Tokenizer, settings: SamplingSettings) -> tuple[list[int], list[Token]]:
    """The prompt's ids, and the tokens as the child would tell them."""
    replies: list[Reply] = []
    conversation = Conversation(model, tokenizer, context=CONTEXT, check=lambda: None)
    conversation.answer(Generate(id=1, prompt="To be, or not", settings=settings), replies.append)
    return of(replies, Prompted)[0].tokens, of(replies, Token)


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_both_odds_are_those_of_transformers(model: GPT2, tokenizer: Tokenizer, changes: dict[str, Any]) -> None:
    settings = SamplingSettings(max_new_tokens=25, seed=6, **changes)
    past, tokens = told(model, tokenizer, settings)
    assert len(tokens) == 25
    referee = referee_of(model)
    for token in tokens:
        ids = torch.tensor([past])
        with torch.no_grad():
            logits = referee(ids).logits[:, -1].float()
        plain = logits.softmax(dim=1)[0]
        drawn = processors(settings)(ids, logits.clone()).softmax(dim=1)[0]
        for one in token.alternatives:
            assert one.plain == pytest.approx(float(plain[one.token]), abs=CLOSE)
            assert one.drawn == pytest.approx(float(drawn[one.token]), abs=CLOSE)
            assert one.text == token_text(tokenizer, one.token)
        assert [one.plain for one in token.best_plain()] == pytest.approx(best(plain), abs=CLOSE)
        assert [one.drawn for one in token.best()] == pytest.approx(best(drawn), abs=CLOSE)
        assert token.best_plain()[0].plain > 100 * CLOSE
        assert token.probability == pytest.approx(float(plain[token.token]), abs=CLOSE)
        assert token.drawn == pytest.approx(float(drawn[token.token]), abs=CLOSE)
        assert len({one.token for one in token.alternatives}) == len(token.alternatives)
        past = [*past, token.token]


def best(probabilities: Tensor) -> list[float]:
    found: list[float] = probabilities.topk(ALTERNATIVES).values.tolist()
    return found


def odds_of(settings: SamplingSettings, scores: Tensor, logits: Tensor | None = None) -> Odds:
    probabilities, ids = candidates(scores[None], settings)
    return Odds((scores if logits is None else logits).log_softmax(dim=0), probabilities[0], ids[0])


@pytest.mark.parametrize("changes", [{}, {"top_k": 0}, {"top_k": 0, "top_p": 0.7}, {"min_p": 0.3}], ids=str)
def test_what_was_drawn_from_is_told_to_the_last_bit(tokenizer: Tokenizer, changes: dict[str, Any]) -> None:
    scores = 3 * torch.randn(50_257, generator=torch.Generator().manual_seed(1))
    probabilities, ids = candidates(scores[None], SamplingSettings(**changes))
    exact = dict(zip(ids[0].tolist(), probabilities[0].tolist(), strict=True))
    odds = odds_of(SamplingSettings(**changes), scores)
    for one in best_alternatives(odds, tokenizer):
        assert one.drawn == exact.get(one.token, 0.0) == drawn_probability(odds, one.token)


def test_the_order_is_that_of_the_distribution_sampled_then_that_of_the_plain_one(tokenizer: Tokenizer) -> None:
    scores = torch.randn(50_257, generator=torch.Generator().manual_seed(2))
    found = best_alternatives(odds_of(SamplingSettings(top_k=4), scores), tokenizer)
    assert [one.token for one in found] == scores.topk(ALTERNATIVES).indices.tolist()
    assert [one.drawn > 0 for one in found] == [True] * 4 + [False] * 6
    assert sum(one.drawn for one in found) == pytest.approx(1)


def test_at_temperature_zero_one_token_has_all_of_it(model: GPT2, tokenizer: Tokenizer) -> None:
    _, tokens = told(model, tokenizer, SamplingSettings(max_new_tokens=5, temperature=0))
    for token in tokens:
        first, *others = token.alternatives
        assert (first.token, first.drawn, token.drawn) == (token.token, 1.0, 1.0)
        assert len(others) == ALTERNATIVES - 1
        assert not any(one.drawn for one in others)
        assert first.plain == pytest.approx(token.probability)


def test_where_a_penalty_makes_another_order_both_tens_are_there(tokenizer: Tokenizer) -> None:
    logits = torch.randn(50_257, generator=torch.Generator().manual_seed(3))
    lowered = logits.clone()
    likeliest = logits.topk(ALTERNATIVES).indices
    lowered[likeliest[:7]] -= 50
    found = best_alternatives(odds_of(SamplingSettings(top_k=0), lowered, logits), tokenizer)
    assert len(found) == ALTERNATIVES + 7
    token = Token(id=1, index=0, token=0, text="", probability=0.1, drawn=0.1, alternatives=found)
    assert [one.token for one in token.best_plain()] == likeliest.tolist()
    assert [one.token for one in token.best()] == lowered.topk(ALTERNATIVES).indices.tolist()


def test_a_vocabulary_of_fewer_than_ten_is_told_whole(tokenizer: Tokenizer) -> None:
    found = best_alternatives(odds_of(SamplingSettings(top_k=0), torch.arange(4.0)), tokenizer)
    assert [one.token for one in found] == [3, 2, 1, 0]


def test_tokens_that_are_no_text_have_a_name(tokenizer: Tokenizer) -> None:
    assert token_text(tokenizer, END_OF_TEXT) == "<|endoftext|>"
    half = next(token for token in range(256) if tokenizer.decode_bytes([token]) == b"\xe2")
    assert token_text(tokenizer, half) == "\ufffd"
