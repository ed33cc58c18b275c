"""When the loss will cross the target: a line through the recent losses on a scale on which they fall evenly.

Losses of runs that learn a text by heart fall in two stages: far above 1 by about the same amount a pass, and
near the end as 1/t, so that their inverse grows by the same amount a pass. ``loss - KNEE / loss`` falls evenly in
both; on a scale of logarithms, none of the recorded runs is straight. Above ``TOP``, where a model learns no more than
how frequent each token is, they fall many times faster, and the scale is drawn together. docs/LOG.md tells what else
was tried, docs/benchmarks.md how the forecasts fare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

KNEE = 0.4
"""Square of the loss between the two stages."""
TOP = 5.5
"""About what the frequencies of tokens give."""
_DRAWN_TOGETHER = 8.0
"""How many times faster losses fall above that."""
ABOVE = 1.15
"""How far the line is above the target, as a factor, when the corpus loss crosses it: a step has not yet learnt from
what its own loss is of."""
FEWEST_POINTS = 8
_FEWEST_TO_GIVE_UP = 48
"""The first steps of a run that comes to its target can look as if it never would."""
_SKIPPED = 0.15
"""Share of the run that is left out at its start, where the loss drops to what the frequencies of tokens give."""
_RECENT = 0.4
"""The last 40 % of the run are fitted on their own as well: where the two fits differ, the interval is wide."""
_LATE = 0.2
"""And the last fifth, for a pace that grows: on long texts, passes after the third teach more and more."""
_GROWN, _GROWING = 1.6, 0.3
"""So many times the pace of the whole is one that grows; then as little as this share of what it says may be left."""
_SHARE_LEFT, _SHARE_GONE = 0.15, 0.06
"""The interval spans both fits and these shares of the time left and the time gone: so it held four fifths of the
crossings of recorded runs.
"""
_SHARE_EARLY = 0.1
"""And this share of the time left for each time that it is longer than the time gone."""
_SLOWEST = 0.125
"""Where the last 40 % fell at less than an eighth of the pace of the whole, the run is no longer on course."""
_FARTHEST = 20.0
"""A crossing farther off than so many times the time gone is out of sight."""
UNTRIED = 0.05
"""Below such a target losses fell faster than the line, by up to fifteen times: no more than the latest is told."""
_LOW = 0.3
"""And below such a loss a line that does not come to it says nothing: it is no reason to give up."""
_LONGEST = 3.0
"""The recent fit is believed up to so many times what the whole one says."""


class Forecast(NamedTuple):
    """What is left until the crossing: the fit's answer, and an interval of about 80 %.

    All three are infinite where the target is not on this course: the loss falls no more, or hardly.
    """

    seconds: float
    earliest: float
    latest: float

    @property
    def is_on_course(self) -> bool:
        """Whether the fit sees a crossing at all."""
        return math.isfinite(self.seconds)

    @property
    def is_latest(self) -> bool:
        """Whether it says no more than the latest."""
        return not self.earliest and self.seconds == self.latest > 0


NOT_ON_COURSE = Forecast(math.inf, math.inf, math.inf)


class _Line(NamedTuple):
    slope: float
    level: float
    """Of the line at the time asked for."""

    def reaches(self, goal: float) -> float:
        """The time until the line is at ``goal``; infinite where it does not fall."""
        if self.level <= goal:
            return 0.0
        return (goal - self.level) / self.slope if self.slope < 0 else math.inf


def forecast(
    points: Sequence[tuple[float, float]], target: float, *, now: float | None = None, is_blurred: bool = False
) -> Forecast | None:
    """What is left, in the unit of the points' times, until the corpus loss is at ``target``.

    ``points`` are (time since the run's start, loss), oldest first; ``now`` is the last one's time unless given.
    With ``is_blurred`` each is also of windows that the corpus loss does not cut so. None means that it is too early
    to say.
    """
    if not points or target <= 0:
        return None
    now = points[-1][0] if now is None else now
    usable = [(time, _level(loss)) for time, loss in points if time >= _SKIPPED * now and 0 < loss < math.inf]
    if len(usable) < FEWEST_POINTS or usable[0][0] == usable[-1][0]:
        return None
    goal = _level(ABOVE * target)
    whole, recent = _fit(usable, now), _fit_of_last(_RECENT, usable, now)
    left = whole.reaches(goal)
    if is_blurred:
        found = _between(left, recent.reaches(goal), now) if recent else None
        return _latest_of(found) if found and target < UNTRIED else found
    if left > _FARTHEST * now or (left and recent and recent.slope > _SLOWEST * whole.slope):
        is_known = target >= UNTRIED or fmean(level for _, level in usable[-FEWEST_POINTS:]) > _level(_LOW)
        return NOT_ON_COURSE if is_known and len(points) >= _FEWEST_TO_GIVE_UP else None
    recently = min(recent.reaches(goal), _LONGEST * left + _SHARE_GONE * now) if recent else left
    margin = (_SHARE_LEFT + _SHARE_EARLY * max(0.0, left / now - 1)) * left + _SHARE_GONE * now
    found = Forecast(left, max(0.0, min(left, recently) - margin), max(left, recently) + margin)
    late = _fit_of_last(_LATE, usable, now)
    if late and late.slope < _GROWN * whole.slope:
        soon = min(left, late.reaches(goal))
        found = Forecast(soon, min(found.earliest, _GROWING * soon), found.latest)
    return _latest_of(found) if target < UNTRIED else found


def _latest_of(found: Forecast) -> Forecast:
    """Of the fit's answer only the latest."""
    return Forecast(found.latest, 0.0, found.latest) if found.seconds > 0 else found


def _between(one: float, other: float, now: float) -> Forecast | None:
    """What lies between two fits that differ by far, as those of losses that fall fast and then slowly, where both
    see an end.
    """
    margin = _SHARE_GONE * now
    if max(one, other) > _FARTHEST * now:
        return None
    return Forecast(math.sqrt(one * other), max(0.0, min(one, other) - margin), max(one, other) + margin)


def _level(loss: float) -> float:
    return min(loss, TOP) + max(0.0, loss - TOP) / _DRAWN_TOGETHER - KNEE / loss


def _fit_of_last(share: float, points: list[tuple[float, float]], now: float) -> _Line | None:
    recent = [point for point in points if point[0] >= (1 - share) * now]
    # A few points in one place of that stretch tell nothing of its pace.
    if len(recent) < FEWEST_POINTS or recent[-1][0] - recent[0][0] < share * now / 2:
        return None
    return _fit(recent, now)


def _fit(points: list[tuple[float, float]], now: float) -> _Line:
    """Least squares through points of at least two times."""
    count = len(points)
    mean_x = math.fsum(x for x, _ in points) / count
    mean_y = math.fsum(y for _, y in points) / count
    spread = math.fsum((x - mean_x) ** 2 for x, _ in points)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    return _Line(slope, mean_y + slope * (now - mean_x))
