"""When to measure the corpus loss: often enough to end soon after the target is met, seldom enough to be cheap."""

from __future__ import annotations

import math
from typing import NamedTuple

NEAR = 3.0
"""A recent loss below so many times the target is near enough for a first look: of losses taken before each update, in
a run that falls fast, the mean is two to four times the corpus loss."""
MARGIN = 0.97
"""A look that failed tells how far the loss has yet to fall. The next comes when the recent loss has fallen so far, and
by this factor more."""
MOST_EXCESS = 2.0
"""How many times the target counts at most: a loss of half as much is worth knowing whatever the target."""
LEAST_PASSES, ENOUGH_PASSES = 0.1, 0.5
"""Between two looks: the least after one that all but succeeded, and what is enough after any. The recent loss, a mean
of half a pass, falls for a while whatever comes."""
MOST_PASSES = 2.0
"""Between two looks, whatever they found. Of a corpus of which a look sees only a sample, it and the two before count
for as much less."""


class Look(NamedTuple):
    """An evaluation: where it was, the recent loss then, and the corpus loss that it found, also of a part; None where
    that is not known.
    """

    passes: float
    recent_loss: float
    corpus_loss: float | None


class Judge:
    """Decides after each step whether the corpus loss is worth its price, about a third of training on as many
    tokens, of which a look sees the ``share`` of the corpus.

    It goes by the mean loss of the last half pass. Nothing here decides that a target is reached: only a corpus
    loss does.
    """

    def __init__(self, share: float = 1.0, last: Look | None = None) -> None:
        self._share = share
        self.last = last

    def wants_evaluation(self, recent_loss: float, target: float | None, passes: float) -> bool:
        """Whether to evaluate now, ``passes`` into the corpus, with this mean of the recent losses."""
        if not target or recent_loss >= NEAR * target:
            return False
        if self.last is None:
            return True
        since = (passes - self.last.passes) / self._share
        excess = min(MOST_EXCESS, max(1.0, (self.last.corpus_loss or target) / target))
        least = min(ENOUGH_PASSES, LEAST_PASSES + math.log(excess))
        wanted = MARGIN * self.last.recent_loss / excess
        return since >= MOST_PASSES or (since >= least and recent_loss <= wanted)

    def has_evaluated(self, look: Look) -> None:
        """Note that an evaluation was made."""
        self.last = look
