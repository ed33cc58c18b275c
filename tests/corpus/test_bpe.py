"""GPT-2's encoding: its published facts, and its behaviour at the edges."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import tiktoken

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


def test_ids_are_those_of_the_published_gpt2(tokenizer: Tokenizer) -> None:
    # The example of OpenAI's own README, and transformers' documentation.
    assert tokenizer.encode("Hello world") == [15496, 995]
    assert tokenizer.encode("Hello, my dog is cute") == [15496, 11, 616, 3290, 318, 13779]
    assert tokenizer.encode(" Don't you'LL") == [2094, 470, 345, 6, 3069]


def test_tiny_shakespeare_has_its_338025_tokens_and_decodes_to_the_same_bytes(
    tokenizer: Tokenizer, tiny_shakespeare: Path
) -> None:
    data = tiny_shakespeare.read_bytes()
    ids = tokenizer.encode(data.decode())
    assert len(ids) == 338_025
    assert tokenizer.decode_bytes(ids) == data


def test_the_literal_end_of_text_is_text_unless_it_splits(tokenizer: Tokenizer) -> None:
    text = "one<|endoftext|>two<|endoftext|>"
    plain = tokenizer.encode(text)
    assert END_OF_TEXT not in plain
    assert tokenizer.decode_bytes(plain) == text.encode()
    parts = tokenizer.encode(text, split_on_eot=True)
    assert parts == [*tokenizer.encode("one"), END_OF_TEXT, *tokenizer.encode("two"), END_OF_TEXT]


def test_a_million_blanks_neither_panic_nor_change_the_ids(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tokenizer.decode_bytes(tokenizer.encode(" " * 1_500_000 + "x")) == b" " * 1_500_000 + b"x"
    # Short enough for tiktoken, long enough to be cut once the limit is lowered.
    generator = random.Random(3)
    texts = []
    for _ in range(60):
        runs = ["".join(generator.choices(" \n\t\u3000\x1c", k=generator.randrange(1, 80))) for _ in range(4)]
        texts.append("".join(run + generator.choice(["a", "'s", "7", "!"]) for run in runs) + "".join(runs[:1]))
    whole = [tokenizer.encode(text) for text in texts]
    monkeypatch.setattr("gpt2tui.corpus.bpe._LONGEST_RUN", 8)
    assert [tokenizer.encode(text) for text in texts] == whole


def test_the_pattern_equals_that_of_the_original_release(tokenizer: Tokenizer) -> None:
    original = tiktoken.Encoding(
        "original",
        pat_str=r"""'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""",
        mergeable_ranks=tokenizer._encoding._mergeable_ranks,
        special_tokens={},
    )
    generator = random.Random(5)
    for _ in range(300):
        text = "".join(generator.choices("ab'stll 19 \n\t\r\x85\u3000é中²!?\U0001f600", k=60))
        assert tokenizer.encode(text) == original.encode_ordinary(text)


def test_loading_is_fast() -> None:
    started = time.process_time()
    Tokenizer()
    assert time.process_time() - started < 0.3
