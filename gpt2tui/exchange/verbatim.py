"""How much of what a model says stands word for word in what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt2tui.corpus.tokens import Tokens

RUN = 16
"""Tokens in a row that count as copied; shorter runs come up by chance and by idiom."""


def copied_share(text: Sequence[int], corpus: Tokens) -> float:
    """The share of a text's tokens, from 0 to 1, that lie in a run of 16 or more that the corpus holds as well."""
    if not text:
        return 0.0
    is_copied = np.zeros(len(text), dtype=bool)
    for start in range(len(text) - RUN + 1):
        if _occurs(text[start : start + RUN], corpus):
            is_copied[start : start + RUN] = True
    return float(is_copied.mean())


def _occurs(run: Sequence[int], corpus: Tokens) -> bool:
    if len(corpus) < len(run):
        return False
    places = np.flatnonzero(corpus[: len(corpus) - len(run) + 1] == run[0])
    for offset, token in enumerate(run[1:], start=1):
        places = places[corpus[places + offset] == token]
    return bool(places.size)
