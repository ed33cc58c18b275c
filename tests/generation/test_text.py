"""Text as it comes: whole characters, nothing of a stop string, and a model left as it was."""

from __future__ import annotations

import pytest
import torch

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.generation.decoder import TextDecoder
from gpt2tui.generation.text import Piece, generate_text, sample_text
from gpt2tui.model.dropout import Dropout
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.sampling import SamplingSettings
from tests.generation.test_stream import Scripted, scripted
from tests.tiny import tiny_model_config

CONTEXT = 16


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


def spell(tokenizer: Tokenizer, text: str) -> list[int]:
    """A token for every byte: the hardest way to write a text."""
    single = {tokenizer.decode_bytes([token]): token for token in range(256)}
    return [single[bytes([byte])] for byte in text.encode()]


def test_a_split_character_is_held_back_until_it_is_whole(tokenizer: Tokenizer) -> None:
    decoder = TextDecoder(tokenizer)
    pieces = [decoder.push(token) for token in spell(tokenizer, "aé€😀b")]
    assert pieces == ["a", "", "é", "", "", "€", "", "", "", "😀", "b"]
    assert decoder.close() == ""


def test_half_a_character_at_the_end_becomes_one_replacement(tokenizer: Tokenizer) -> None:
    decoder = TextDecoder(tokenizer)
    assert "".join(decoder.push(token) for token in spell(tokenizer, "x😀")[:-1]) == "x"
    assert decoder.close() == "\ufffd"
    assert decoder.close() == ""


def test_a_character_that_earlier_tokens_began_is_whole(tokenizer: Tokenizer) -> None:
    euro = spell(tokenizer, "a€b")
    for cut in range(1, len(euro)):
        decoder = TextDecoder(tokenizer, after=euro[:cut])
        text = "".join(map(decoder.push, euro[cut:])) + decoder.close()
        assert text == ("b" if cut == 4 else "€b")


def test_bytes_that_are_no_text_do_not_hold_up_what_follows(tokenizer: Tokenizer) -> None:
    decoder = TextDecoder(tokenizer)
    broken = [*spell(tokenizer, "é")[:1], *spell(tokenizer, "ab")]
    assert "".join(map(decoder.push, broken)) == "\ufffdab"


@pytest.mark.parametrize(
    ("text", "stop", "shown"),
    [
        ("one two three", ("two",), "one "),
        ("one two three", ("four",), "one two three"),
        ("aaab", ("aab",), "a"),
        ("abcabd", ("abd",), "abc"),
        ("abcabd!", ("zzz", "bd", "ca"), "ab"),
        ("ababac", ("abac",), "ab"),
        ("the end", ("end",), "the "),
        ("the en", ("end",), "the en"),
        ("stop", ("stop",), ""),
        ("caféé!", ("éé",), "caf"),
        ("\n\nNext", ("\n\n",), ""),
        ("xabcd", ("abcd", "bc"), "xa"),
    ],
)
@pytest.mark.parametrize("is_spelled", [True, False], ids=["bytes", "tokens"])
def test_text_ends_before_a_stop_string(
    tokenizer: Tokenizer, text: str, stop: tuple[str, ...], shown: str, is_spelled: bool
) -> None:
    decoder = TextDecoder(tokenizer, stop)
    so_far = ""
    for token in spell(tokenizer, text) if is_spelled else tokenizer.encode(text):
        so_far += decoder.push(token)
        assert shown.startswith(so_far)  # nothing of a stop string is seen, not even for a moment
        if decoder.has_stopped:
            break
    so_far += decoder.close()
    has_one = any(one in text for one in stop)
    assert decoder.has_stopped == has_one
    assert so_far == shown


def test_only_what_may_begin_a_stop_string_is_held_back(tokenizer: Tokenizer) -> None:
    decoder = TextDecoder(tokenizer, ("-->",))
    assert [decoder.push(token) for token in spell(tokenizer, "a-b--c")] == ["a", "", "-b", "", "", "--c"]


def pieces_of(model: Scripted, tokenizer: Tokenizer, samples: int = 1, **changes: object) -> list[Piece]:
    settings = SamplingSettings(temperature=0, **changes)  # type: ignore[arg-type]
    return list(generate_text(model, tokenizer, "x", settings, context=CONTEXT, samples=samples))


def test_a_stop_string_over_several_tokens_ends_the_sample_and_is_not_shown(tokenizer: Tokenizer) -> None:
    script = spell(tokenizer, "Hello, ENDING!")
    pieces = pieces_of(scripted(script), tokenizer, stop=("END",), max_new_tokens=100)
    assert "".join(piece.text for piece in pieces) == "Hello, "
    assert [piece.finish for piece in pieces] == [None] * 9 + ["stop"]
    assert [piece.token for piece in pieces] == script[:10]


def test_end_of_text_is_not_shown_and_half_a_stop_string_before_it_is(tokenizer: Tokenizer) -> None:
    script = [*spell(tokenizer, "Hi EN"), END_OF_TEXT]
    pieces = pieces_of(scripted(script), tokenizer, stop=("END",), max_new_tokens=100)
    assert "".join(piece.text for piece in pieces) == "Hi EN"
    assert pieces[-1].finish == "end_of_text"
    assert all(piece.finish is None for piece in pieces[:-1])


def test_the_last_token_flushes_what_was_held(tokenizer: Tokenizer) -> None:
    pieces = pieces_of(scripted(spell(tokenizer, "ab€")), tokenizer, max_new_tokens=4)
    assert [piece.text for piece in pieces] == ["a", "b", "", "\ufffd"]
    assert pieces[-1].finish == "length"


def test_a_stop_string_on_the_last_token_is_a_stop(tokenizer: Tokenizer) -> None:
    pieces = pieces_of(scripted(spell(tokenizer, "abEND")), tokenizer, stop=("END",), max_new_tokens=5)
    assert "".join(piece.text for piece in pieces) == "ab"
    assert pieces[-1].finish == "stop"


def test_samples_end_each_for_its_own_reason(tokenizer: Tokenizer) -> None:
    model = scripted(
        spell(tokenizer, "ab. and more"), [*spell(tokenizer, "xy"), END_OF_TEXT], spell(tokenizer, "0123456789")
    )
    pieces = pieces_of(model, tokenizer, samples=3, stop=(".",), max_new_tokens=6)
    texts = ["".join(piece.text for piece in pieces if piece.sample == sample) for sample in range(3)]
    assert texts == ["ab", "xy", "012345"]
    assert {piece.sample: piece.finish for piece in pieces if piece.finish} == {
        0: "stop",
        1: "end_of_text",
        2: "length",
    }


@pytest.mark.parametrize("is_training", [True, False])
def test_sampling_within_training_leaves_no_trace(tokenizer: Tokenizer, is_training: bool) -> None:
    config = tiny_model_config()
    model = GPT2.initialised(config, seed=0, dropout=Dropout(0.5, 0.5, 0.5, 0.5)).train(is_training)
    settings = SamplingSettings(seed=2, max_new_tokens=2 * CONTEXT)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    text = sample_text(model, tokenizer, "To be", settings, CONTEXT)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training == is_training
    assert all(module.training == is_training for module in model.modules())
    assert text
    assert text == sample_text(GPT2.initialised(config, seed=0).eval(), tokenizer, "To be", settings, CONTEXT)
    loss = model(torch.arange(5)[None]).sum()
    loss.backward()  # inference mode has not leaked into the weights
    assert model.wte.weight.grad is not None
