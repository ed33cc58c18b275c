"""How often a run may go back because a value was not finite."""

from __future__ import annotations

from gpt2tui.errors import DivergedError

MOST_REWINDS = 3


class Rewinds:
    """Counts those that did not help; ``count`` and ``failed_step`` go into the checkpoint."""

    def __init__(self) -> None:
        self.count = 0
        self.failed_step = 0

    def add(self, why: str, *, failed_step: int, saved_step: int | None, learning_rate: float) -> None:
        """Going back once more, since ``failed_step`` failed.

        A checkpoint after the furthest step that had failed shows that the last rewind had helped.

        Raises:
            DivergedError: that was too often.
        """
        if saved_step is not None and saved_step >= self.failed_step > 0:
            self.count = 0
        self.failed_step = max(failed_step, self.failed_step)
        if self.count == MOST_REWINDS:
            raise DivergedError(
                f"{why}, and going back {MOST_REWINDS} times did not help; try a lower --lr than {learning_rate:g}"
            )
        self.count += 1
