"""Pieces: cut anywhere they are, the ids are those of the whole."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.corpus.pieces import in_pieces, last_cut
from gpt2tui.corpus.reading import Chunk
from gpt2tui.errors import CorpusError

ATOMS = [
    *" \n\t\r\v\f\x1c\x1f\x85\xa0\u2003\u2028\u3000\u200b",
    *"aZé中ß\u0130ー'!-_<|>/.,09²٣Ⅷ½\u0301\U0001f600\U0001f468\u200d。\uff0c",
    *["'s", "'ll", "'LL", "don't", "  ", "\n\n", " \n ", "   x", "<|endoftext|>", "中中中", "a1b2"],
]


@pytest.mark.parametrize("split_on_eot", [False, True])
def test_joined_ids_equal_those_of_the_whole(split_on_eot: bool) -> None:
    tokenizer = Tokenizer()
    generator = random.Random(11)
    cuts = 0
    for _ in range(1500):
        atoms = generator.sample(ATOMS, k=generator.randrange(2, len(ATOMS)))
        text = "".join(generator.choices(atoms, k=generator.randrange(1, 200)))
        edges = sorted({0, len(text), *(generator.randrange(len(text) + 1) for _ in range(5))})
        chunks = [Chunk(text[a:b], b) for a, b in pairwise(edges)]
        pieces = list(in_pieces(chunks, label="x", size=generator.randrange(1, 60)))
        assert "".join(piece.text for piece in pieces) == text
        joined = [i for piece in pieces for i in tokenizer.encode(piece.text, split_on_eot)]
        assert joined == tokenizer.encode(text, split_on_eot)
        cuts += len(pieces) - 1
    assert cuts > 3000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("one two", 3),
        ("one two  ", 7),
        ("don't", 3),
        ("<|endoftext|>", 0),
        ("          ", 0),
        ("1234567890" * 9, 0),
        ("\x1c\n" * 9, 0),
    ],
)
def test_where_a_text_is_cut(text: str, place: int) -> None:
    # The last characters are kept for the second kind of place, as a literal may begin there.
    assert last_cut(text) == place or last_cut(text + "'" * 13) == place


def test_text_without_blanks_is_still_cut() -> None:
    text = "今天天气很好\uff0c我们去公园散步吧。" * 100
    assert 1000 < last_cut(text) < len(text)


def test_a_word_without_end_is_refused_and_not_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpt2tui.corpus.pieces.LONGEST_WORD", 10_000)
    endless = (Chunk("a" * 1000, n) for n in range(10**9))
    with pytest.raises(CorpusError, match=r"^x: 1\d,000 characters without a break"):
        list(in_pieces(endless, label="x", size=1000))
