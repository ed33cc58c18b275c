"""What might have come instead of a token, with its odds as drawn and as the model itself gave them."""

from __future__ import annotations

import torch

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.generation.stream import Odds
from gpt2tui.runs.dialogue import ALTERNATIVES, Alternative


def drawn_probability(odds: Odds, token: int) -> float:
    """The probability of a token in the distribution that was sampled; 0 where it was excluded."""
    return float(odds.probabilities[odds.ids == token].sum())


def best_alternatives(odds: Odds, tokenizer: Tokenizer, count: int = ALTERNATIVES) -> list[Alternative]:
    """The ``count`` best tokens of either distribution, by the probability drawn with and then by the plain one.

    Between ``count`` and twice as many; more than ``count`` only where a repetition penalty made the order
    another.
    """
    probabilities, places = odds.probabilities.topk(min(count, len(odds.probabilities)))
    allowed = probabilities > 0
    drawn = dict(zip(odds.ids[places[allowed]].tolist(), probabilities[allowed].tolist(), strict=True))
    likeliest = odds.plain.topk(min(count, len(odds.plain))).indices
    missing = [token for token in likeliest.tolist() if token not in drawn]
    if missing:
        found = torch.isin(odds.ids, torch.tensor(missing))
        drawn |= dict.fromkeys(missing, 0.0)
        drawn |= dict(zip(odds.ids[found].tolist(), odds.probabilities[found].tolist(), strict=True))
    tokens = list(drawn)
    plain = dict(zip(tokens, odds.plain[tokens].exp().tolist(), strict=True))
    return [
        Alternative(token=token, text=token_text(tokenizer, token), drawn=drawn[token], plain=plain[token])
        for token in sorted(tokens, key=lambda token: (-drawn[token], -plain[token]))
    ]


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """A token on its own; bytes that are no whole character become U+FFFD."""
    return tokenizer.decode_bytes([token]).decode("utf-8", errors="replace")
