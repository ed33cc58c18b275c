"""Which passes cut the text where the corpus loss cuts it, and what the others are worth.

A pass of shuffled windows begins at phase 0, as the evaluation does, or at a random one, where the losses of a
text that is learned by heart are several times as high. Only the former tell how far the corpus loss is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate

from gpt2tui.runs.config import RunConfig

ELSEWHERE = 0.65
"""What a pass from another phase teaches about the windows of the corpus loss, in passes from phase 0."""

_KNOWN = 200
"""Passes that are looked at one by one; later ones count as the average."""
_WORD = 1 << 64


class Phases:
    """The passes of a run, aligned with the evaluation or not.

    Where all passes are alike, or a step is longer than a pass, each counts as one and as aligned.
    """

    def __init__(self, config: RunConfig) -> None:
        recipe = config.recipe
        every, share = recipe.aligned_every, recipe.aligned_share
        self._share = 1 / every if every else share
        is_partly_aligned = recipe.order == "shuffled" and 0 < self._share < 1
        self._is_mixed = is_partly_aligned and config.steps_per_pass >= 1
        self.is_blurred = is_partly_aligned and config.steps_per_pass < 1
        """Whether each step is of aligned windows and of others."""
        self._flags, self._sums = _known(config.seed, every, share) if self._is_mixed else ((), ())

    def aligned_share(self, start: float, end: float) -> float:
        """The share of what was seen from ``start`` to ``end`` passes that belongs to aligned ones."""
        if not self._is_mixed or end > _KNOWN or end <= start:
            return 1.0
        seen, place = 0.0, start
        while place < end:
            edge = min(end, float(int(place) + 1))
            seen += (edge - place) * self._flags[int(place)]
            place = edge
        return seen / (end - start)

    def is_shifted(self, passes: float) -> bool:
        """Whether the pass that ends at or goes on after so many passes is cut from another phase."""
        index = math.ceil(passes) - 1
        return self._is_mixed and 0 <= index < _KNOWN and not self._flags[index]

    def worth(self, passes: float) -> float:
        """How many aligned passes so many passes are worth."""
        if not self._is_mixed:
            return passes
        whole = min(int(passes), _KNOWN)
        return self._sums[whole] + (passes - whole) * self._of(whole)

    def passes(self, worth: float) -> float:
        """How many passes are worth so many aligned ones."""
        if not self._is_mixed:
            return worth
        whole = bisect_right(self._sums, worth) - 1
        return whole + (worth - self._sums[whole]) / self._of(whole)

    def next_aligned(self, passes: float) -> float:
        """``passes`` where that is in an aligned pass, else the middle of the next one."""
        index = int(passes) if math.isfinite(passes) else _KNOWN
        if not self._is_mixed or index >= _KNOWN or self._flags[index]:
            return passes
        while index < _KNOWN and not self._flags[index]:
            index += 1
        return index + 0.5

    def _of(self, index: int) -> float:
        if index >= _KNOWN:
            return self._share + (1 - self._share) * ELSEWHERE
        return 1.0 if self._flags[index] else ELSEWHERE


@lru_cache(maxsize=8)
def _known(seed: int, every: int | None, share: float) -> tuple[tuple[bool, ...], tuple[float, ...]]:
    """Whether each of the first passes is aligned, and the worth of 0, 1, 2 … of them."""
    flags = tuple(
        is_aligned_in_turn(index, every) if every else is_drawn_aligned(seed, index, share) for index in range(_KNOWN)
    )
    return flags, tuple(accumulate((1.0 if flag else ELSEWHERE for flag in flags), initial=0.0))


def is_aligned_in_turn(pass_index: int, every: int) -> bool:
    """Whether a pass is the last of ``every``: the one of them that begins at phase 0."""
    return (pass_index + 1) % every == 0


def is_drawn_aligned(seed: int, pass_index: int, share: float) -> bool:
    """Whether a pass begins at phase 0 where that is left to chance: what ``corpus.windows.WindowOrder`` draws.

    It is the first word of Philox4x64-10 (Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011).
    """
    key_0, key_1 = seed % _WORD, pass_index
    one, two, three, four = 1, 0, 0, 0
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * one, 0xCA5A826395121157 * three
        one, two = (second >> 64) ^ two ^ key_0, second % _WORD
        three, four = (first >> 64) ^ four ^ key_1, first % _WORD
        key_0, key_1 = (key_0 + 0x9E3779B97F4A7C15) % _WORD, (key_1 + 0xBB67AE8584CAA73B) % _WORD
    return one < share * _WORD
