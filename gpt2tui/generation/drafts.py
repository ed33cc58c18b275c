"""Drafts: what stands in a run's own text behind the tokens written last, to be checked in one go."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import numpy as np
import numpy.typing as npt

from gpt2tui.corpus.tokens import Tokens, open_tokens
from gpt2tui.runs.files import replacing
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run

Order = npt.NDArray[np.int32]

_MOST_TOKENS = 1 << 22
"""Of a longer text the beginning is looked up: 16 MB of index, built once in a second and 150 MB."""

_DEPTH = 16
"""Tokens that are compared."""

_BYTES = np.dtype(">u2")
"""Of a token, so that bytes sort as tokens do."""

_LENGTHS = ((12, 32), (3, 4))
"""Tokens that agree at least, and how many then make a draft: a long one where the text is being recited."""

_WORTH = 2
"""Tokens of a draft that must hold: a pass over several tokens may cost half as much again as over one."""

_LONGEST_PAUSE = 64
"""In tokens."""


class Drafts:
    """Continuations from a text of tokens, found through an index that is opened or made in the background.

    Until it is there nothing is found. It is kept in ``path``; whatever stands there, and whatever is found,
    is a guess that the model has the last word on.
    """

    def __init__(self, tokens: Tokens, path: Path) -> None:
        self._tokens = np.asarray(tokens)
        self._order: Order | None = None
        self._opening = Thread(target=self._open, args=(path,), name="drafts", daemon=True)
        self._opening.start()

    @classmethod
    def of(cls, run: Run) -> Drafts | None:
        """From what a run was trained on; None where its tokens are not at hand."""
        config = run.config()
        corpus = config.corpus
        try:
            tokens = open_tokens(run.tokens_file)[: corpus.train_tokens][:_MOST_TOKENS]
        except (OSError, ValueError):
            return None
        if not tokens.size or tokens.max() >= config.model.vocabulary_size:  # imported, or damaged
            return None
        return cls(tokens, Paths.from_environment().tokens / f"{corpus.sha256}-{corpus.train_tokens}.npy")

    def wait(self) -> None:
        """Return when the index is there."""
        self._opening.join()

    def after(self, text: Sequence[int]) -> list[int]:
        """What follows where the corpus is most like the end of ``text``: more where more agrees, often nothing."""
        if self._order is None:
            return []
        wanted = np.array(text[: -_DEPTH - 1 : -1], dtype=_BYTES).tobytes()
        place = bisect_left(self._order, wanted, key=self._back_from)
        near = self._order[max(0, place - 1) : place + 1].tolist()
        agreed, end = max((_agreed(wanted, self._back_from(end)) // _BYTES.itemsize, end) for end in near)
        length = next((length for least, length in _LENGTHS if agreed >= least), 0)
        following: list[int] = self._tokens[end + 1 : end + 1 + length].tolist()
        return following

    def _back_from(self, end: int) -> bytes:
        """The tokens at and before a place, the nearest first."""
        start = 2 * (len(self._tokens) - 1 - int(end))
        return self._backwards[start : start + 2 * _DEPTH]

    def _open(self, path: Path) -> None:
        self._backwards = self._tokens[::-1].astype(_BYTES).tobytes()
        order = _kept(path, len(self._tokens))
        if order is None:
            order = _sorted_ends(self._tokens)
            with suppress(OSError):  # without a cache it is made anew the next time
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    np.save(file, order, allow_pickle=False)
        self._order = order


class Drafter:
    """Drafts for one text as it grows, with pauses that grow while drafts are not worth their price."""

    def __init__(self, drafts: Drafts, text: Sequence[int]) -> None:
        self._drafts = drafts
        self._text = list(text)
        self._expected: list[int] = []
        self._begin = self._misses = self._pause = 0

    def take(self, token: int) -> None:
        """The token that the text goes on with."""
        self._text.append(token)

    def draft(self, most: int) -> list[int]:
        """What may come next, at most so many tokens."""
        if self._expected:
            came = self._text[self._begin : self._begin + len(self._expected)]
            self._misses = 0 if came == self._expected else self._misses + 1
            self._pause = min(2**self._misses // 2, _LONGEST_PAUSE)
        self._pause -= 1
        found = [] if self._pause > 0 else self._drafts.after(self._text)[:most]
        self._expected, self._begin = found[:_WORTH], len(self._text)
        return found


def _kept(path: Path, length: int) -> Order | None:
    """The index in a file, mapped; None where it is missing or that of another text."""
    try:
        order = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return np.asarray(order) if order.dtype == np.int32 and order.shape == (length,) else None


def _sorted_ends(tokens: Tokens) -> Order:
    """All places, sorted by the tokens at and before them, the nearest first, to a depth of 16."""
    keys = np.zeros(len(tokens), np.uint64)
    for back in range(4):
        keys[back:] |= tokens[: len(tokens) - back].astype(np.uint64) << np.uint64(48 - 16 * back)
    order = np.argsort(keys)
    for depth in (4, 8):  # by the rank of the tokens compared so far, then of those before them
        keys = keys[order]
        ranks = np.empty_like(keys)
        ranks[order] = np.cumsum(keys != np.roll(keys, 1))
        keys = ranks << np.uint64(32)
        keys[depth:] |= ranks[:-depth] + np.uint64(1)
        order = np.argsort(keys)
    return order.astype(np.int32)


def _agreed(one: Sequence[int], other: Sequence[int]) -> int:
    """How many items two sequences have in common from the first on."""
    pairs = zip(one, other, strict=False)
    return next((place for place, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(one), len(other)))
