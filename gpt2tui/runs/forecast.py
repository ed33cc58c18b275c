"""When the loss will cross the target, by a straight line through the logarithm of recent losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

FEWEST_POINTS = 8
_FARTHEST = 30.0
"""A crossing farther off than so many times the span that was fitted is not foretold."""


class Forecast(NamedTuple):
    """Seconds of training left until the crossing: the fit's answer, and an interval of about 80 %."""

    seconds: float
    earliest: float
    latest: float


def forecast(points: Sequence[tuple[float, float]], target: float) -> Forecast | None:
    """The time left from the last point until the loss is at ``target``.

    ``points`` are (seconds, loss), oldest first. None means that the fit does not say: too few points, or a
    loss that does not fall fast enough. The interval widens the slope by 1.28 of its standard errors.
    """
    usable = [(seconds, math.log(loss)) for seconds, loss in points if loss > 0]
    if len(usable) < FEWEST_POINTS or target <= 0:
        return None
    last, span = usable[-1][0], usable[-1][0] - usable[0][0]
    mean_x = sum(x for x, _ in usable) / len(usable)
    mean_y = sum(y for _, y in usable) / len(usable)
    spread = sum((x - mean_x) ** 2 for x, _ in usable)
    if not spread:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in usable) / spread
    level = mean_y + slope * (last - mean_x)
    gap = math.log(target) - level
    if gap >= 0:
        return Forecast(0.0, 0.0, 0.0)
    residual = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in usable) / (len(usable) - 2)
    doubt = 1.28 * math.sqrt(residual / spread)
    if slope >= 0 or gap / slope > _FARTHEST * span:
        return None
    # The slope's error turns the line about its middle, not about its end.
    drop, since = math.log(target) - mean_y, last - mean_x
    slowest = slope + doubt
    latest = drop / slowest - since if slowest < 0 else math.inf
    return Forecast(gap / slope, max(0.0, drop / (slope - doubt) - since), latest)
