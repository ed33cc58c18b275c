"""Cells of a chart: what is at the edge is seen, and each place has one cell."""

from __future__ import annotations

import numpy as np
import pytest

from gpt2tui.tui.chart.axes import Scale, loss_scale, loss_ticks, x_ticks
from gpt2tui.tui.chart.frame import Frame

LOSSES = [3e-9, 7e-5, 0.003, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0, 7.0, 10.0, 11.0, 30.0, 7e5]


@pytest.mark.parametrize("is_log", [True, False])
def test_the_lowest_the_highest_and_all_ticks_have_a_row(is_log: bool) -> None:
    frame = Frame(6, 80, 20, 0, 1)
    for low in LOSSES:
        for high in (loss for loss in LOSSES if loss >= low):
            scale = loss_scale(low, high, is_log=is_log)
            assert scale.low <= low
            assert scale.high >= high
            ends = frame.rows_of(np.array([low, high, scale.low, scale.high]), scale, 4)
            assert ends.min() >= 0
            assert ends[2:].tolist() == [19, 0]
            for most in (2, 4, 8):
                values = np.array([tick.value for tick in loss_ticks(scale, most)])
                assert frame.rows_of(values, scale, 4).min() >= 0


def test_what_is_beyond_the_edge_has_no_row() -> None:
    frame, scale = Frame(6, 80, 20, 0, 1), Scale(0.1, 10, True)
    assert frame.rows_of(np.array([0.0999, 10.01, 0.0, -1.0, np.nan, np.inf]), scale, 4).tolist() == [-1] * 6


def test_a_column_and_its_place_belong_together() -> None:
    frame = Frame(7, 93, 20, 531.5, 8_000.25)
    columns = np.arange(7, 100)
    places = np.array([frame.x_at(column + 0.5) for column in columns])
    assert (frame.columns_of(places) == columns).all()
    assert frame.columns_of(np.array([531.5, 8_000.25])).tolist() == [7, 99]
    assert frame.columns_of(np.array([531.0, 8_001.0, np.nan, np.inf])).tolist() == [-1] * 4


@pytest.mark.parametrize("unit", ["step", "tokens", "passes", "elapsed"])
def test_ticks_of_x_are_inside_evenly_spaced_and_differ(unit: str) -> None:
    random = np.random.default_rng(11)
    for _ in range(2_000):
        end = 10 ** random.uniform(0, 10 if unit == "tokens" else 7)
        span = end * 10 ** random.uniform(-6, 0)
        span = max(span, 4.0) if unit in ("step", "tokens") else span
        most = int(random.integers(2, 28))
        ticks = x_ticks(end - span, end, most, unit=unit)
        assert len(ticks) <= most + 1
        assert len({tick.label for tick in ticks}) == len(ticks)
        assert max((len(tick.label) for tick in ticks), default=0) <= 14
        values = np.array([tick.value for tick in ticks])
        assert (Frame(0, 300, 1, end - span, end).columns_of(values) >= 0).all()
        if len(values) > 2:
            assert np.diff(values) == pytest.approx(values[1] - values[0])
