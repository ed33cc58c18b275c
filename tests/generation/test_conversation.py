"""A loaded model that is stopped: at the next part of a layer, with all of its text told."""

from __future__ import annotations

import functools
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.generation.channel import Stopped
from gpt2tui.generation.conversation import Conversation
from gpt2tui.generation.drafts import Drafts
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.dialogue import Finished, Generate, Prompted, Reply, Token
from gpt2tui.runs.sampling import SamplingSettings
from tests.generation.child import of
from tests.model.referee import randomised
from tests.tiny import tiny_model_config

CONTEXT = 32
CHECKS = 2 * 6 + 1
"""How often a token of two layers can be stopped: four products and two norms a layer, and the last norm."""


tokenizer = functools.cache(Tokenizer)


class Fuse:
    """Lets so many checks pass, and every one after them stop."""

    def __init__(self, passes: int) -> None:
        self.passes = passes
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.asked > self.passes:
            raise Stopped


def answer(passes: int, request: Generate, drafts: Drafts | None = None) -> tuple[Fuse, list[Reply]]:
    fuse = Fuse(passes)
    model = randomised(GPT2.initialised(tiny_model_config(), seed=3), 3).eval()
    replies: list[Reply] = []
    talk = Conversation(model, tokenizer(), context=CONTEXT, check=fuse.check, drafts=drafts)
    talk.answer(request, replies.append)
    return fuse, replies


def request_of(length: int = 40, stop: tuple[str, ...] = (), **fields: object) -> Generate:
    settings = SamplingSettings(max_new_tokens=length, temperature=0, stop=stop)
    return Generate(id=1, settings=settings, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("passes", [0, 1, CHECKS - 1, CHECKS, CHECKS + 6, 5 * CHECKS + 1])
def test_a_stop_takes_effect_at_the_next_part_of_a_layer(passes: int) -> None:
    fuse, replies = answer(passes, request_of(prompt="Once upon a time"))
    assert fuse.asked == passes + 1
    prompted, *tokens, end = replies
    assert isinstance(prompted, Prompted)
    assert len(of(tokens, Token)) == len(tokens) == passes // CHECKS
    assert isinstance(end, Finished)
    assert (end.finish, end.tokens) == ("stopped", len(tokens))


@pytest.mark.parametrize("passes", range(CHECKS))
def test_a_long_prompt_is_left_anywhere_in_it(passes: int) -> None:
    fuse, replies = answer(passes, request_of(tokens=list(range(500))))
    assert fuse.asked == passes + 1
    assert [type(reply) for reply in replies] == [Prompted, Finished]


def test_a_text_that_ends_by_itself_is_not_stopped() -> None:
    _, replies = answer(4 * CHECKS, request_of(length=4, prompt="x"))
    assert [type(reply) for reply in replies] == [Prompted, *[Token] * 4, Finished]
    assert of(replies, Finished)[0].finish == "length"


def test_with_drafts_every_token_is_told_as_without(tmp_path: Path) -> None:
    request = request_of(length=30, prompt="x")
    fuse, replies = answer(10**9, request)
    corpus = of(replies, Prompted)[0].tokens + [token.token for token in of(replies, Token)]
    drafts = Drafts(np.array(corpus, dtype=np.uint16), tmp_path / "index.npy")
    drafts.wait()
    drafted, again = answer(10**9, request, drafts)
    assert drafted.asked < fuse.asked / 2
    assert [token.text for token in of(again, Token)] == [token.text for token in of(replies, Token)]
    for one, other in zip(of(again, Token), of(replies, Token), strict=True):
        assert (one.index, one.token, one.drawn) == (other.index, other.token, other.drawn)
        assert one.probability == pytest.approx(other.probability, rel=1e-4)
        assert [best.token for best in one.alternatives] == [best.token for best in other.alternatives]


def test_what_was_held_back_comes_with_the_end() -> None:
    _, replies = answer(10**9, request_of(prompt="Once"))
    tokens = of(replies, Token)
    for held, following in pairwise(tokens):
        if not (held.text and following.text):
            continue
        # A stop string that the text seems to begin with this token's last character, and never does.
        stop = held.text[-1] + "\0\0"
        _, stopped = answer((held.index + 1) * CHECKS, request_of(prompt="Once", stop=(stop,)))
        *drawn, end = stopped[1:]
        assert isinstance(end, Finished)
        assert end.text == held.text[-1]
        shown = "".join(token.text for token in of(drawn, Token))
        assert shown + end.text == "".join(token.text for token in tokens[: held.index + 1])


def test_prompt_and_text_in_a_row_are_what_the_tokens_say_wherever_they_are_cut() -> None:
    _, replies = answer(10**9, request_of(length=200, prompt="x"))
    tokens = of(replies, Token)
    prompt = of(replies, Prompted)[0].tokens
    drawn = [token.token for token in tokens]
    for kept in range(0, len(drawn), 13):
        _, branch = answer(10**9, request_of(length=5, tokens=prompt + drawn[:kept]))
        told = "".join(of(branch, Prompted)[0].texts) + "".join(one.text for one in of(branch, Token))
        ids = prompt + drawn[:kept] + [one.token for one in of(branch, Token)]
        assert told == tokenizer().decode_bytes(ids).decode("utf-8", errors="replace")


def test_half_a_character_in_the_prompt_is_completed_by_what_follows() -> None:
    # Bytes 0xE2 0x82 of the euro sign; what a model draws next is no continuation of it.
    single = {tokenizer().decode_bytes([token]): token for token in range(256)}
    begun = [single[byte] for byte in (b"x", b"\xe2", b"\x82")]
    _, replies = answer(10**9, request_of(length=1, tokens=begun))
    prompted, token = of(replies, Prompted)[0], of(replies, Token)[0]
    assert prompted.texts == ["x", "", ""]
    assert token.text == tokenizer().decode_bytes([*begun, token.token]).decode("utf-8", errors="replace")[1:]
