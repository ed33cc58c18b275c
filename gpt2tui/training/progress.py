"""What the host counts while the device works: losses, tokens, time."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable

from gpt2tui.runs.config import RunConfig

LONGEST_MEAN = 200
_RATE_STEPS = 20


class Progress:
    """Counts of one run: ``step`` updates made, ``tokens`` seen, the losses of the last pass.

    ``elapsed`` goes on from where an earlier process left it and stands still in pauses.
    """

    def __init__(self, config: RunConfig) -> None:
        self.step = 0
        self.tokens = 0
        self._tokens_per_pass = config.tokens_per_pass
        steps_per_pass = max(1, math.ceil(config.steps_per_pass))
        self._half_pass = max(1, round(config.steps_per_pass / 2))
        self._losses: deque[float] = deque(maxlen=min(LONGEST_MEAN, steps_per_pass))
        self._rates: deque[tuple[int, float]] = deque(maxlen=_RATE_STEPS)
        self._elapsed_before = 0.0
        self._since: float | None = time.monotonic()

    def restore(self, *, step: int, tokens: int, losses: Iterable[float]) -> None:
        """Go to another place; the rates start anew."""
        self.step, self.tokens = step, tokens
        self._losses.clear()
        self._losses.extend(losses)
        self._rates.clear()

    def restore_clock(self, elapsed: float) -> None:
        """Go on counting from what an earlier process had counted."""
        self._elapsed_before, self._since = elapsed, time.monotonic()

    def add(self, loss: float, tokens: int, seconds: float) -> None:
        """Count a finished step."""
        self.step += 1
        self.tokens += tokens
        self._losses.append(loss)
        self._rates.append((tokens, seconds))

    @property
    def passes(self) -> float:
        """Passes through the training tokens so far."""
        return self.tokens / self._tokens_per_pass

    @property
    def losses(self) -> list[float]:
        """The losses that the running loss is the mean of."""
        return list(self._losses)

    @property
    def running_loss(self) -> float:
        """Mean loss of the last pass, at most of the last 200 steps; infinite before the first."""
        return math.fsum(self._losses) / len(self._losses) if self._losses else math.inf

    @property
    def recent_loss(self) -> float:
        """Mean loss of the last half pass, which lags less behind the weights than the running loss."""
        recent = list(self._losses)[-self._half_pass :]
        return math.fsum(recent) / len(recent) if recent else math.inf

    @property
    def tokens_per_second(self) -> float:
        """Rate of the last steps alone, without what was done between them."""
        seconds = math.fsum(seconds for _, seconds in self._rates)
        return sum(tokens for tokens, _ in self._rates) / seconds if seconds > 0 else 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the first start of the run, pauses not counted."""
        running = time.monotonic() - self._since if self._since is not None else 0.0
        return self._elapsed_before + running

    def pause(self) -> None:
        """Stop the clock."""
        self._elapsed_before, self._since = self.elapsed, None

    def go_on(self) -> None:
        """Let the clock run again; the rates start anew."""
        self.restore_clock(self.elapsed)
        self._rates.clear()
