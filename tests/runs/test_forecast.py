from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from gpt2tui.runs.forecast import FEWEST_POINTS, NOT_ON_COURSE, forecast
from gpt2tui.runs.words import left_words
from tests.benchmarks.forecasts import Score, evened, judge, recorded_curves

TARGET = 0.1
SHAPE = ((0, 10.8), (0.03, 10), (0.05, 8), (0.08, 6), (0.14, 5), (0.23, 4), (0.31, 3), (0.43, 2), (0.57, 1))
SHAPE += ((0.69, 0.5), (0.77, 0.3), (0.87, 0.2), (1, 0.115))
"""The share of a run after which its losses were so low."""


def exponential(time: float) -> float:
    return float(10 * math.exp(-time / 100))


def until(loss: float) -> float:
    return 100 * math.log(10 / loss)


def memorising(time: float) -> float:
    """As the recorded runs in the median: the frequencies of tokens at once, then by heart. It crosses 0.1 at 300."""
    (before, above), (after, below) = next(pair for pair in pairwise(SHAPE) if pair[1][0] >= time / 300)
    return float(above * (below / above) ** ((time / 300 - before) / (after - before)))


def noisy(level: float, *, seed: int, count: int = 300) -> list[tuple[float, float]]:
    draw = random.Random(seed)
    return [(time, level * math.exp(0.1 * draw.gauss(0, 1))) for time in range(1, count)]


@pytest.mark.parametrize("share", [0.6, 0.7, 0.8, 0.9])
def test_the_interval_holds_the_crossing_of_a_known_exponential(share: float) -> None:
    now = int(share * until(TARGET))
    found = forecast([(time, exponential(time)) for time in range(1, now + 1)], TARGET)
    assert found is not None
    assert found.is_on_course
    assert found.earliest < until(TARGET) - now < found.latest


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_a_text_that_is_learned_by_heart_is_foretold_within_two_fifths(share: float) -> None:
    now = int(share * 300)
    found = forecast([(time, memorising(time)) for time in range(1, now + 1)], TARGET)
    assert found is not None
    assert found.seconds == pytest.approx(300 - now, rel=0.4)
    assert share < 0.7 or found.earliest < 300 - now < found.latest


def test_a_line_on_the_scale_of_the_fit_is_foretold_exactly() -> None:
    # loss - 0.4 / loss = 5 - time / 50, of which the loss is the positive root.
    def loss(time: float) -> float:
        scale = 5 - time / 50
        return (scale + math.sqrt(scale**2 + 4 * 0.4)) / 2

    last = 1.15 * TARGET  # where the corpus loss is at the target
    truth = 50 * (5 - (last - 0.4 / last))
    found = forecast([(time, loss(time)) for time in range(1, 201)], TARGET)
    assert found is not None
    assert found.seconds == pytest.approx(truth - 200)
    assert forecast([(time, loss(time)) for time in range(1, 201)], TARGET, now=210.0)[0] == pytest.approx(truth - 210)  # type: ignore[index]


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_noise_leaves_the_crossing_in_the_interval(noise: float) -> None:
    inside = 0
    for seed in range(50):
        draw = random.Random(seed)
        points = [(time, memorising(time) * math.exp(noise * draw.gauss(0, 1))) for time in range(1, 211)]
        found = forecast(points, TARGET)
        assert found is not None
        assert found.earliest <= found.seconds <= found.latest
        inside += found.earliest < 90 < found.latest
    assert inside >= 40


@pytest.mark.parametrize("seed", range(20))
def test_noise_about_one_level_is_not_on_course(seed: int) -> None:
    assert forecast(noisy(2.0, seed=seed), TARGET) == NOT_ON_COURSE


def test_a_loss_that_does_not_fall_is_not_on_course() -> None:
    assert forecast([(time, 2.0) for time in range(1, 100)], TARGET) == NOT_ON_COURSE
    assert forecast([(time, 2.0 + time / 100) for time in range(1, 100)], TARGET) == NOT_ON_COURSE
    crawling = [(time, 2.0 - time / 10_000) for time in range(1, 100)]
    assert forecast(crawling, TARGET) == NOT_ON_COURSE
    assert not NOT_ON_COURSE.is_on_course


def test_a_loss_that_fell_and_falls_no_more_is_not_on_course() -> None:
    fallen = [(time, max(exponential(time), 1.0)) for time in range(1, 500)]
    before, after = forecast(fallen[:230], TARGET), forecast(fallen, TARGET)
    assert before is not None
    assert before.is_on_course
    assert after == NOT_ON_COURSE


@pytest.mark.parametrize("is_blurred", [False, True])
@pytest.mark.parametrize("target", [TARGET, 0.02, 1e-9])
def test_what_is_said_is_finite_or_not_on_course_as_a_whole(target: float, is_blurred: bool) -> None:
    fallen = [(time, max(exponential(time), 0.5)) for time in range(1, 500)]
    risen = [(time, loss + max(0, time - 300) / 100) for time, loss in fallen]
    for points in (fallen, risen):
        for count in range(1, len(points), 7):
            found = forecast(points[:count], target, is_blurred=is_blurred)
            assert found is None or found == NOT_ON_COURSE or all(map(math.isfinite, found)), count


@pytest.mark.parametrize("target", [TARGET, 0.02])
def test_where_a_low_target_is_foretold_the_loss_still_falls(target: float) -> None:
    fallen = [(time, max(exponential(time), 0.5)) for time in range(1, 500)]
    assert forecast(fallen, target) == NOT_ON_COURSE


def test_too_few_points_say_nothing() -> None:
    points = [(100.0 + time, exponential(time)) for time in range(50)]
    assert forecast([], TARGET) is None
    assert forecast(points[: FEWEST_POINTS - 1], TARGET) is None
    assert forecast(points[:FEWEST_POINTS], TARGET) is not None
    assert forecast([(1.0, 2.0)] * 20, TARGET) is None
    assert forecast(points, 0.0) is None
    assert forecast([(time, math.inf) for time, _ in points], TARGET) is None


def test_below_the_target_nothing_is_left() -> None:
    found = forecast([(time, exponential(time)) for time in range(1, 600)], TARGET)
    assert found is not None
    assert found[:2] == (0.0, 0.0)
    assert 0 < found.latest < 60


@pytest.mark.parametrize("group", ["tuned on", "held out", "fresh"])
def test_from_half_way_on_the_recorded_runs_are_foretold(group: str) -> None:
    curves = [evened(curve) for curve in recorded_curves() if curve.group == group]
    score = Score.of(one for curve in curves for one in judge(curve))
    assert score.inside >= 0.70
    assert score.error <= 0.25
    assert score.missing == 0


def test_a_pace_that_grows_is_told_by_the_last_fifth() -> None:
    """As on a long text: little is learnt in its first passes, and then more and more."""
    slow = [(float(time), 5.0 - time / 400) for time in range(1, 401)]
    fast = [(400.0 + time, 4.0 - time / 50) for time in range(1, 101)]
    found = forecast(slow + fast, TARGET)
    assert found is not None
    assert found.seconds == pytest.approx(245, abs=15)  # 5.2 on the scale that falls evenly, 0.021 a second
    assert found.earliest == pytest.approx(0.3 * found.seconds)
    assert found.latest > 2 * found.seconds


def test_hardly_an_early_forecast_gives_up_on_a_run_that_succeeds() -> None:
    judged = [one for curve in recorded_curves() for one in judge(evened(curve), start=0.05, moments=20)]
    assert len(judged) >= 100
    assert sum(one.is_off_course for one in judged) <= 0.01 * len(judged)


def test_the_first_forecasts_are_not_of_the_fast_fall_at_the_start() -> None:
    judged = [one for curve in recorded_curves() for one in judge(evened(curve), start=0.05, end=0.5)]
    said = [one for one in judged if math.isfinite(one.said)]
    assert len(said) >= 0.75 * len(judged)
    score = Score.of(said)
    assert score.inside >= 0.70
    assert score.error <= 0.25
    assert sum(one.said < one.left / 2 for one in said) <= 0.10 * len(said)


def test_of_a_target_below_all_that_was_recorded_only_the_latest_is_told() -> None:
    points = [(float(at), 8.0 / at) for at in range(1, 60)]
    usual, low = forecast(points, 0.06), forecast(points, 0.02)
    assert usual is not None
    assert low is not None
    assert usual.earliest > 0
    assert low.earliest == 0 < low.seconds <= low.latest


@pytest.mark.parametrize("is_blurred", [False, True])
def test_of_a_low_target_no_more_than_the_latest_is_said(is_blurred: bool) -> None:
    points = [(float(at), 8.0 / at) for at in range(1, 60)]
    found = forecast(points, 0.02, is_blurred=is_blurred)
    assert found is not None
    assert found.is_latest
    assert left_words(found).startswith("up to ")


def test_of_a_low_target_a_line_that_does_not_come_to_it_is_no_reason_to_give_up() -> None:
    resting = [(float(at), 0.02 + 8.0 / at) for at in range(1, 4_000)]
    assert forecast(resting, 0.002) is None
    high = [(float(at), 3.5) for at in range(1, 400)]
    assert forecast(high, 0.002) == NOT_ON_COURSE
