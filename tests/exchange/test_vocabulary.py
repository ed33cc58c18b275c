"""The vocabulary in the form of others, held against transformers' tokenizer made from it."""

from __future__ import annotations

from gpt2tui.corpus.bpe import ranks
from gpt2tui.exchange.vocabulary import characters, merges, tokens


def test_every_byte_has_a_printable_character_of_its_own():
    shown = characters()
    assert sorted(shown) == list(range(256))
    assert len(set(shown.values())) == 256
    assert all(character.isprintable() and not character.isspace() for character in shown.values())
    assert (shown[ord(" ")], shown[ord("\n")]) == ("Ġ", "Ċ")


def test_tokens_are_in_the_order_of_their_ids():
    found = tokens()
    assert len(found) == len(set(found)) == 50_257
    assert (found[0], found[262], found[50_256]) == ("!", "Ġthe", "<|endoftext|>")


def test_each_merge_joins_two_earlier_tokens_to_the_next():
    ids = {token: number for number, token in enumerate(tokens())}
    found = [merge.split(" ") for merge in merges()]
    assert len(found) == 50_000
    assert found[:3] == [["Ġ", "t"], ["Ġ", "a"], ["h", "e"]]
    for number, parts in enumerate(found, start=256):
        assert len(parts) == 2
        assert ids["".join(parts)] == number
        assert max(ids[part] for part in parts) < number
    assert len(ranks()) == 50_256
