"""Ticks people would choose, labels that differ, and bounds that keep still."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gpt2tui.tui.chart.axes import (
    Scale,
    count_label,
    loss_label,
    loss_scale,
    loss_ticks,
    nice_step,
    time_label,
    x_ticks,
)
from gpt2tui.tui.chart.window import Extent, Window


@pytest.mark.parametrize(
    ("least", "step"), [(1, 1), (1.01, 2), (2, 2), (3, 5), (6, 10), (0.03, 0.05), (51_000, 100_000), (7e-9, 1e-8)]
)
def test_steps_are_1_2_or_5(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)


def ranges() -> list[tuple[float, float]]:
    random = np.random.default_rng(7)
    low = 10 ** random.uniform(-9, 3, 300)
    return [(float(a), float(a * factor)) for a, factor in zip(low, 10 ** random.uniform(0, 9, 300), strict=True)]


@pytest.mark.parametrize("is_log", [True, False])
def test_a_scale_holds_what_it_was_made_for_and_its_ticks_are_inside(is_log: bool) -> None:
    for low, high in [*ranges(), (3.0, 3.0), (0.1, 0.1 + 1e-12), (1e-6, 1e6)]:
        scale = loss_scale(low, high, is_log=is_log)
        assert scale.low <= low <= high <= scale.high
        assert scale.low < scale.high
        assert not is_log or scale.low > 0
        for most in (2, 4, 9):
            ticks = loss_ticks(scale, most)
            assert 1 <= len(ticks) <= most + 1
            assert len({tick.label for tick in ticks}) == len(ticks)
            shares = scale.share(np.array([tick.value for tick in ticks]))
            assert (shares > -1e-6).all()
            assert (shares < 1 + 1e-6).all()
            assert (np.diff(shares) > 0).all()


def labels(scale: Scale, most: int) -> list[str]:
    return [tick.label for tick in loss_ticks(scale, most)]


def test_logarithmic_ticks_are_powers_of_ten_with_2_and_5_where_there_is_room() -> None:
    assert labels(Scale(0.07, 15, True), 4) == ["0.1", "1", "10"]
    assert labels(Scale(0.07, 15, True), 9) == ["0.1", "0.2", "0.5", "1", "2", "5", "10"]
    assert labels(Scale(0.12, 0.18, True), 4) == ["0.12", "0.14", "0.16", "0.18"]
    assert labels(Scale(1e-6, 1e6, True), 5) == ["1e-6", "0.001", "1", "1000", "1e6"]


def test_linear_losses_may_be_0_or_less() -> None:
    scale = loss_scale(0.0, 11.0, is_log=False)
    assert (scale.low, scale.high) == (0, 15)
    assert loss_scale(0.0, 0.0, is_log=False).low < 0


def test_0_and_less_lie_below_a_logarithmic_scale() -> None:
    shares = Scale(0.1, 10, True).share(np.array([0.0, -3.0, 0.1, 1.0, 10.0, np.nan]))
    assert (shares[:2] < -1).all()
    assert shares[2:5] == pytest.approx([0, 0.5, 1])
    assert np.isnan(shares[5])


def test_the_scale_keeps_still_while_a_loss_falls() -> None:
    scale, seen = None, []
    for step in range(2_000):
        scale = loss_scale(11 * math.exp(-step / 400) + 0.05, 11.1, is_log=True, previous=scale)
        seen.append(scale)
    assert len(set(seen)) <= 30
    assert len(set(seen[200:])) <= 14
    low = [one.low for one in seen]
    assert low == sorted(low, reverse=True)


def test_the_end_of_x_keeps_still_and_is_never_far_off() -> None:
    ends = [Window().bounds(Extent(float(step), step, "step"))[1] for step in range(1, 20_000)]
    assert len(set(ends)) < 120
    assert all(step <= end <= max(10, step * 1.16 + 1) for step, end in enumerate(ends, 1))


@pytest.mark.parametrize(
    ("unit", "low", "high", "most", "expected"),
    [
        ("step", 0, 10, 5, ["0", "2", "4", "6", "8", "10"]),
        ("step", 0, 3, 12, ["0", "1", "2", "3"]),
        ("step", 0, 600, 4, ["0", "200", "400", "600"]),
        ("step", 0, 2_000, 4, ["0", "500", "1k", "1.5k", "2k"]),
        ("step", 0, 1_000_000, 5, ["0", "200k", "400k", "600k", "800k", "1M"]),
        ("tokens", 0, 2.1e9, 5, ["0", "500M", "1G", "1.5G", "2G"]),
        ("step", 531_200, 531_290, 2, ["531.2k", "531.25k"]),
        ("step", 531_200, 531_210, 2, ["531,200", "531,205", "531,210"]),
        ("passes", 0, 6.4, 4, ["0", "2", "4", "6"]),
        ("passes", 2, 2.4, 4, ["2.0", "2.1", "2.2", "2.3", "2.4"]),
        ("elapsed", 0, 300, 6, ["0:00", "1:00", "2:00", "3:00", "4:00", "5:00"]),
        ("elapsed", 0, 7_200, 4, ["0:00", "30:00", "1h00", "1h30", "2h00"]),
        ("elapsed", 0, 20 * 86_400, 4, ["0d", "5d", "10d", "15d", "20d"]),
    ],
)
def test_labels_of_x(unit: str, low: float, high: float, most: int, expected: list[str]) -> None:
    found = [tick.label for tick in x_ticks(low, high, most, unit=unit)]
    assert found == expected


def test_single_labels() -> None:
    assert [loss_label(value) for value in (10.0, 0.5, 1e-5, 2e-12, 0.0)] == ["10", "0.5", "1e-5", "2e-12", "0"]
    assert [time_label(value, 1) for value in (0, 61, 3_725)] == ["0:00", "1:01", "1:02:05"]
    assert time_label(3_725, 60) == "1h02"
    assert count_label(1_250_000, 10_000) == "1.25M"
