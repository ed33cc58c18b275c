"""How far a run has come by its loss, where a pass over the text has many steps.

There a loss falls slowly through what a language has in common, and ever faster when the text itself is learned by
heart, which no line through its beginning foretells. But the share of the run that is over at a loss was nearly the
same for texts of 34,000, 136,000 and 338,000 tokens, 4 and 12 layers, and recipes that took 6 to 9 passes, where the
learning rate follows the loss and no luck decides on the phases (docs/LOG.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.forecast import Forecast

_LOSSES = (0.1, 0.3, 0.6, 1.0, 1.8, 2.8, 3.6, 4.3, 5.4, 7.0)
_GONE = (1.0, 0.94, 0.87, 0.79, 0.65, 0.51, 0.36, 0.2, 0.06, 0.02)
"""Of the way to a corpus loss of 0.1, in passes; in between a line."""
_LOWEST = 0.08
"""A target below is not looked at: how long the rest takes was not recorded."""
_FEW, _MANY = 8.0, 32.0
"""Steps of a pass up to which a line through the losses is right, and from which on this is."""
_FEWEST_POINTS = 8
"""Of the half pass whose loss counts."""
_FLAT = 0.98
"""A loss that is above this share of what it was a pass before falls no more."""
ALONE = 0.5
"""From such a weight on it is told where it is too early for a line."""
_SHARE_LEFT, _SHARE_GONE = 0.5, 0.04
"""The interval spans these shares of the time left and the time gone."""


def weight_of_lessons(config: RunConfig) -> float:
    """How much this tells of a run: 0 nothing, 1 all."""
    if config.recipe.schedule.unit != "loss" or not config.recipe.aligned_every:
        return 0.0
    weight = math.log(max(config.steps_per_pass, 1.0) / _FEW) / math.log(_MANY / _FEW)
    return min(1.0, max(0.0, weight))


def with_lessons(
    found: Forecast | None, points: Sequence[tuple[float, float]], target: float, *, now: float, weight: float
) -> Forecast | None:
    """A line's forecast in passes, and what the loss itself tells, each by its weight.

    ``points`` are (passes, loss), oldest first. A run that is not on course by the line is so where its loss is no
    lower than a pass before, too.
    """
    left = _passes_left(points, target, now) if weight and target >= _LOWEST else None
    if left is None:
        return found
    if found and not found.is_on_course:
        if weight < ALONE or _is_flat(points):
            return found
        found = None
    if found is None and weight < ALONE:
        return None
    margin = _SHARE_GONE * now
    lesson = Forecast(left, max(0.0, left * (1 - _SHARE_LEFT) - margin), left * (1 + _SHARE_LEFT) + margin)
    if found is None:
        return lesson
    return Forecast(*((1 - weight) * one + weight * other for one, other in zip(found, lesson, strict=True)))


def _passes_left(points: Sequence[tuple[float, float]], target: float, now: float) -> float | None:
    recent = _half_pass(points, before=0)
    if recent is None:
        return None
    return max(0.0, recent.passes * _gone(target) / _gone(recent.loss) - now)


def _is_flat(points: Sequence[tuple[float, float]]) -> bool:
    recent, before = _half_pass(points, before=0), _half_pass(points, before=1)
    return recent is None or before is None or recent.loss > _FLAT * before.loss


class _Mean(NamedTuple):
    passes: float
    loss: float


def _half_pass(points: Sequence[tuple[float, float]], *, before: float) -> _Mean | None:
    """The half pass that ended so many passes before the last point; None where it has too few points."""
    end = points[-1][0] - before
    found = [point for point in points if end - 0.5 < point[0] <= end and point[1] < _LOSSES[-1]]
    return _Mean(*map(fmean, zip(*found, strict=True))) if len(found) >= _FEWEST_POINTS else None


def _gone(loss: float) -> float:
    index = min(max(bisect_left(_LOSSES, loss), 1), len(_LOSSES) - 1)
    (low, high), (more, less) = _LOSSES[index - 1 : index + 1], _GONE[index - 1 : index + 1]
    share = (loss - low) / (high - low)
    return min(1.0, max(_GONE[-1], more + (less - more) * share))
