"""When to measure the corpus loss: often enough to end soon after the target is met, seldom enough to be cheap."""

from __future__ import annotations

NEAR = 3.0
"""A recent loss below so many times the target is near enough for a first look: of losses taken before each update, in
a run that falls fast, the mean is two to four times the corpus loss."""
FALL = 0.9
"""After a look that failed, the next comes when the recent loss has fallen to this share of what it was."""
LEAST_PASSES = 0.5
MOST_PASSES = 2.0
"""Between two looks. Fewer in a corpus of which a look sees only a sample."""


class Judge:
    """Decides after each step whether the corpus loss is worth its price, about a third of training on as many
    tokens, of which a look sees the ``share`` of the corpus.

    It goes by the mean loss of the last half pass. Nothing here decides that a target is reached: only a corpus
    loss does.
    """

    def __init__(self, share: float = 1.0, *, last_passes: float | None = None, last_loss: float | None = None) -> None:
        self._share = share
        self.last_passes = last_passes
        self.last_loss = last_loss

    def wants_evaluation(self, recent_loss: float, target: float | None, passes: float) -> bool:
        """Whether to evaluate now, ``passes`` into the corpus, with this mean of the recent losses."""
        if not target or recent_loss >= NEAR * target:
            return False
        if self.last_passes is None or self.last_loss is None:
            return True
        since = (passes - self.last_passes) / self._share
        return since >= MOST_PASSES or (since >= LEAST_PASSES and recent_loss <= FALL * self.last_loss)

    def has_evaluated(self, recent_loss: float, passes: float) -> None:
        """Note that an evaluation was made."""
        self.last_passes, self.last_loss = passes, recent_loss
