"""The order in which windows of a token array are trained on, as a function of two whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from gpt2tui.runs.phases import is_aligned_in_turn

Order = Literal["shuffled", "sequential"]
Integers = npt.NDArray[np.int64]

PADDING_TARGET = -1
_WORD = 1 << 64


class Window(NamedTuple):
    """Inputs ``tokens[start:end]``, targets ``tokens[start + 1 : end + 1]``."""

    start: int
    end: int


class Place(NamedTuple):
    """Where training stands: the pass through the text, and how many of that pass's windows are done."""

    pass_index: int = 0
    position: int = 0


class WindowOrder:
    """Which windows make the next batch. All state is in the ``Place`` that the caller keeps.

    ``shuffled``: each pass cuts the text into windows of ``block_size``, from a random phase, and shuffles them.
    What is before the first and after the last whole window makes short ones, so that each of the ``tokens - 1``
    targets is seen exactly once a pass. Every batch has ``batch_size`` windows: the last one of a pass takes its
    missing windows from the next pass.

    ``sequential``: whole windows front to back, ``batch_size`` a batch; where a whole batch (and the target after
    its last token) no longer fits, the next pass starts at 0. A text smaller than a batch gives batches of as many
    whole windows as it has.
    """

    def __init__(
        self,
        tokens: int,
        block_size: int,
        batch_size: int,
        *,
        order: Order = "shuffled",
        seed: int = 0,
        aligned_every: int | None = None,
        aligned_share: float = 0.0,
    ) -> None:
        """Describe the order. Of shuffled passes every ``aligned_every``-th has the phase 0; with None each has the
        chance of ``aligned_share`` to have it.

        Raises:
            ValueError: a size is not positive, or the text is too short for a single window.
        """
        if block_size < 1 or batch_size < 1 or tokens < 2:
            raise ValueError(f"no windows of {block_size} in batches of {batch_size} over {tokens} tokens")
        if order == "sequential" and tokens <= block_size:
            raise ValueError(f"{tokens} tokens have no whole window of {block_size} with the target after it")
        self.tokens = tokens
        self.block_size = block_size
        self.batch_size = batch_size
        self.order = order
        self.seed = seed
        self.aligned_every = aligned_every
        self.aligned_share = aligned_share
        self._pass: tuple[int, Integers, Integers] | None = None

    def next_batch(self, place: Place) -> tuple[list[Window], Place]:
        """The windows at ``place``, and the place after them."""
        return self._sequential(place) if self.order == "sequential" else self._shuffled(place)

    def _sequential(self, place: Place) -> tuple[list[Window], Place]:
        whole = (self.tokens - 1) // self.block_size
        count = min(self.batch_size, whole)
        starts = range(place.position * self.block_size, (place.position + count) * self.block_size, self.block_size)
        after = place.position + count
        following = Place(place.pass_index, after) if after + count <= whole else Place(place.pass_index + 1, 0)
        return [Window(start, start + self.block_size) for start in starts], following

    def _shuffled(self, place: Place) -> tuple[list[Window], Place]:
        windows: list[Window] = []
        pass_index, position = place
        while len(windows) < self.batch_size:
            starts, ends = self._windows_of(pass_index)
            upto = position + self.batch_size - len(windows)
            windows += map(Window, starts[position:upto].tolist(), ends[position:upto].tolist())
            position = min(upto, len(starts))
            if position == len(starts):
                pass_index, position = pass_index + 1, 0
        return windows, Place(pass_index, position)

    def _windows_of(self, pass_index: int) -> tuple[Integers, Integers]:
        """Starts and ends of one pass's windows in their order; the last pass asked for is kept."""
        if self._pass is None or self._pass[0] != pass_index:
            # Raw words, sorted: unlike Generator.permutation, numpy keeps this stream the same for ever, so a
            # run resumed under another numpy goes on exactly.
            words = np.random.Philox(key=np.array([self.seed % _WORD, pass_index], dtype=np.uint64))
            is_drawn = int(words.random_raw()) < self.aligned_share * _WORD
            every = self.aligned_every
            is_aligned = is_aligned_in_turn(pass_index, every) if every else is_drawn
            phase = 0 if is_aligned else int(words.random_raw()) % self.block_size
            inner = np.arange(phase, self.tokens - 1, self.block_size, dtype=np.int64)
            edges = np.unique(np.concatenate(([0], inner, [self.tokens - 1])))
            order = np.argsort(words.random_raw(len(edges) - 1), kind="stable")
            self._pass = (pass_index, edges[:-1][order], edges[1:][order])
        return self._pass[1], self._pass[2]


def batch_arrays(
    tokens: npt.NDArray[np.uint16], windows: Sequence[Window], block_size: int
) -> tuple[Integers, Integers]:
    """Inputs and targets, each (batch, block) int64. Behind a short window inputs are 0, targets -1."""
    inputs = np.zeros((len(windows), block_size), dtype=np.int64)
    targets = np.full((len(windows), block_size), PADDING_TARGET, dtype=np.int64)
    for row, (start, end) in enumerate(windows):
        inputs[row, : end - start] = tokens[start:end]
        targets[row, : end - start] = tokens[start + 1 : end + 1]
    return inputs, targets
