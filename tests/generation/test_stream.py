"""The stream of tokens: one rule for the window with a cache and without, and where a sample ends."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from gpt2tui.corpus.bpe import END_OF_TEXT
from gpt2tui.generation.stream import Draw, stream
from gpt2tui.generation.window import Window
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.sampling import SamplingSettings
from tests.model.referee import randomised
from tests.tiny import tiny_model_config

CONTEXT = 16
GREEDY = SamplingSettings(temperature=0, max_new_tokens=5 * CONTEXT)


def model_of(seed: int = 0) -> GPT2:
    return randomised(GPT2.initialised(tiny_model_config(), seed=seed), seed).eval()


@pytest.fixture(scope="module")
def model() -> GPT2:
    return model_of()


def tokens_of(draws: list[Draw], sample: int = 0) -> list[int]:
    return [draw.token for draw in draws if draw.sample == sample]


@pytest.mark.parametrize("prompt_length", [1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT])
@pytest.mark.parametrize("context", [1, 2, 15, CONTEXT, 64])
def test_with_and_without_cache_the_logits_agree_far_past_the_window(context: int, prompt_length: int) -> None:
    model = model_of(prompt_length)
    prompt = torch.randint(50_257, (2, prompt_length), generator=torch.Generator().manual_seed(4))
    cached = Window(model, prompt, context=context, use_cache=True)
    plain = Window(model, prompt, context=context, use_cache=False)
    for _ in range(3 * CONTEXT):
        ours, theirs = cached.logits(), plain.logits()
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
        best = theirs.argmax(dim=1)
        assert ours.argmax(dim=1).equal(best)
        cached.append(best)
        plain.append(best)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_greedy_tokens_are_the_same_with_and_without_cache(seed: int) -> None:
    model = model_of(seed)
    with_cache = tokens_of(list(stream(model, [1, 2, 3], GREEDY, context=CONTEXT)))
    without = tokens_of(list(stream(model, [1, 2, 3], GREEDY, context=CONTEXT, use_cache=False)))
    assert with_cache == without
    assert len(with_cache) == GREEDY.max_new_tokens
    assert len(set(with_cache)) > 3


def window_by_hand(tokens: list[int], context: int, prompt_length: int) -> list[int]:
    """The rule, told once more: what the model looks at when ``tokens`` are there."""
    window = tokens[:prompt_length][-context:]
    for token in tokens[prompt_length:]:
        window = [*window, token] if len(window) < context else [*window, token][-(context // 2) :]
    return window


def test_each_token_is_the_likeliest_after_the_window_that_the_rule_gives(model: GPT2) -> None:
    prompt = list(range(100, 110))
    drawn = tokens_of(list(stream(model, prompt, GREEDY, context=CONTEXT)))
    lengths = set()
    for count in range(len(drawn)):
        window = window_by_hand(prompt + drawn[:count], CONTEXT, len(prompt))
        lengths.add(len(window))
        with torch.no_grad():
            assert int(model(torch.tensor([window]))[0, -1].argmax()) == drawn[count]
    assert lengths == set(range(CONTEXT // 2, CONTEXT + 1))


def test_a_long_prompt_counts_by_its_last_tokens_only(model: GPT2) -> None:
    tail = list(range(500, 500 + CONTEXT))
    settings = SamplingSettings(seed=3, max_new_tokens=10)
    alone = tokens_of(list(stream(model, tail, settings, context=CONTEXT)))
    behind = tokens_of(list(stream(model, [9] * 50 + tail, settings, context=CONTEXT)))
    assert alone == behind


def test_an_empty_prompt_begins_with_end_of_text(model: GPT2) -> None:
    settings = SamplingSettings(seed=3, max_new_tokens=10)
    empty = tokens_of(list(stream(model, [], settings, context=CONTEXT)))
    assert empty == tokens_of(list(stream(model, [END_OF_TEXT], settings, context=CONTEXT)))


def test_a_context_beyond_the_models_positions_is_refused(model: GPT2) -> None:
    for context in (0, 65):
        with pytest.raises(ValueError, match="context"):
            next(stream(model, [1], GREEDY, context=context))


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(model: GPT2) -> None:
    def drawn(seed: int) -> list[Draw]:
        settings = SamplingSettings(seed=seed, max_new_tokens=3 * CONTEXT)
        return list(stream(model, [1, 2], settings, context=CONTEXT, samples=2))

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(8)


def test_each_sample_of_a_batch_is_what_its_own_seed_gives_alone(model: GPT2) -> None:
    settings = SamplingSettings(seed=20, max_new_tokens=3 * CONTEXT, repetition_penalty=1.2)
    batch = list(stream(model, [1, 2], settings, context=CONTEXT, samples=3))
    for sample in range(3):
        own = SamplingSettings(seed=20 + sample, max_new_tokens=3 * CONTEXT, repetition_penalty=1.2)
        assert tokens_of(batch, sample) == tokens_of(list(stream(model, [1, 2], own, context=CONTEXT)))


def test_log_probabilities_are_the_models_own_whatever_the_settings(model: GPT2) -> None:
    settings = SamplingSettings(seed=1, temperature=0.3, top_k=5, repetition_penalty=1.5, max_new_tokens=8)
    draws = list(stream(model, [1, 2, 3], settings, context=CONTEXT))
    tokens = [1, 2, 3, *tokens_of(draws)]
    with torch.no_grad():
        plain = model(torch.tensor([tokens]))[0, 2:-1].log_softmax(dim=1)
    wanted = plain.gather(1, torch.tensor(tokens[3:])[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor([draw.log_probability for draw in draws]), wanted, atol=1e-4, rtol=0)


class Scripted(GPT2):
    """A model whose scores are given: each sample's next token is the next of its own script."""

    scripts: list[list[int]]

    def script(self, scripts: list[list[int]]) -> Scripted:
        self.scripts = scripts
        self.asked = 0
        return self

    def logits(self, hidden: Tensor) -> Tensor:
        scores = torch.zeros(*hidden.shape[:-1], self.config.vocabulary_size)
        for sample, script in enumerate(self.scripts):
            scores[sample, ..., script[min(self.asked, len(script) - 1)]] = 50.0
        self.asked += 1
        return scores


def scripted(*scripts: list[int]) -> Scripted:
    model = Scripted(tiny_model_config())
    return randomised(model, 0).eval().script(list(scripts))  # type: ignore[attr-defined,no-any-return]


def test_a_sample_ends_at_end_of_text_while_the_others_go_on() -> None:
    model = scripted([5, END_OF_TEXT, 6], [7, 8, 9, END_OF_TEXT])
    settings = SamplingSettings(temperature=0, max_new_tokens=50)
    draws = list(stream(model, [1], settings, context=CONTEXT, samples=2))
    assert tokens_of(draws, 0) == [5, END_OF_TEXT]
    assert tokens_of(draws, 1) == [7, 8, 9, END_OF_TEXT]
    assert model.asked == 4


def test_a_sample_ends_when_the_reader_says_so() -> None:
    model = scripted([5], [6])
    counts = [0, 0]
    settings = SamplingSettings(temperature=0, max_new_tokens=50)
    ends = [3, 7]
    for draw in stream(
        model, [1], settings, context=CONTEXT, samples=2, has_ended=lambda sample: counts[sample] == ends[sample]
    ):
        counts[draw.sample] += 1
    assert counts == ends


def test_nothing_global_is_touched(model: GPT2) -> None:
    torch.manual_seed(77)
    before = torch.get_rng_state()
    settings = SamplingSettings(max_new_tokens=2 * CONTEXT)
    for _ in itertools.islice(stream(model, [1], settings, context=CONTEXT, samples=2), 40):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("prompt_length", [255, 256, 257, 512, 700])
def test_a_prompt_that_is_read_in_parts_has_the_scores_of_one_read_whole(prompt_length: int) -> None:
    config = tiny_model_config(block_size=1024)
    model = randomised(GPT2.initialised(config, seed=1), 1).eval()
    prompt = torch.randint(50_257, (2, prompt_length), generator=torch.Generator().manual_seed(5))
    parts = Window(model, prompt, context=600, use_cache=True).logits()
    whole = Window(model, prompt, context=600, use_cache=False).logits()
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=0)
