from __future__ import annotations

import math
import random

from gpt2tui.runs.forecast import FEWEST_POINTS, forecast

TARGET = 0.1


def falling(rate: float, noise: float, *, points: int = 200, seed: int = 0) -> list[tuple[float, float]]:
    draw = random.Random(seed)
    return [(t, 10 * math.exp(-rate * t + noise * draw.gauss(0, 1))) for t in range(points)]


def test_a_straight_fall_is_foretold_exactly() -> None:
    found = forecast(falling(0.01, 0.0), TARGET)
    assert found is not None
    assert abs(found.seconds - (math.log(100) / 0.01 - 199)) < 1e-6
    assert found.latest - found.earliest < 1e-6


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    truth = math.log(100) / 0.01 - 199
    inside = 0
    for seed in range(200):
        found = forecast(falling(0.01, 0.2, seed=seed), TARGET)
        assert found is not None
        assert found.earliest <= found.seconds <= found.latest
        inside += found.earliest <= truth <= found.latest
    assert 145 <= inside <= 175  # of 200, and 160 is what it says


def test_a_loss_that_does_not_fall_has_no_crossing() -> None:
    assert forecast([(t, 2.0) for t in range(100)], TARGET) is None
    assert forecast([(t, 2.0 + t / 100) for t in range(100)], TARGET) is None
    assert forecast(falling(0.0001, 0.0), TARGET) is None


def test_too_few_points_say_nothing() -> None:
    line = falling(0.1, 0.0)
    assert forecast(line[: FEWEST_POINTS - 1], TARGET) is None
    assert forecast(line[:FEWEST_POINTS], TARGET) is not None
    assert forecast([(1.0, 2.0)] * 20, TARGET) is None
    assert forecast(line, 0.0) is None


def test_below_the_target_nothing_is_left() -> None:
    assert forecast(falling(0.05, 0.0), TARGET) == (0.0, 0.0, 0.0)


def test_a_slope_that_may_be_flat_has_no_latest() -> None:
    spread = [(t, 5 * math.exp(-0.002 * t + 0.9 * (-1) ** t)) for t in range(60)]
    found = forecast(spread, 1.0)
    assert found is not None
    assert found.latest == math.inf
