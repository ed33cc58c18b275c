"""Dots in cells: where they stand, what covers what, and that bands are whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gpt2tui.tui.chart.canvas import Canvas, band


def test_each_dot_has_its_place_in_the_cell() -> None:
    for row, column, code in [(0, 0, "⠁"), (1, 0, "⠂"), (2, 0, "⠄"), (3, 0, "⡀"), (0, 1, "⠈"), (3, 1, "⢀")]:
        dots = np.zeros((4, 2), dtype=bool)
        dots[row, column] = True
        canvas = Canvas(1, 1)
        canvas.draw_dots(dots, 1)
        assert canvas.text() == code
    canvas = Canvas(2, 1)
    canvas.draw_dots(np.ones((4, 2), dtype=bool), 1, column=1)
    assert canvas.text() == " ⣿"


def test_in_ascii_a_cell_has_two_dots_or_a_sign() -> None:
    dots = np.array([[True, False, True, False], [False, True, True, False]])
    canvas = Canvas(4, 1, is_ascii=True)
    canvas.draw_dots(dots, 1)
    assert canvas.text() == "'.: "
    canvas.draw_dots(dots, 1, sign="*")
    assert canvas.text() == "*** "


def test_the_later_covers_the_earlier_cell_by_cell() -> None:
    canvas = Canvas(6, 2)
    canvas.write(0, 0, "------", 1)
    canvas.draw_dots(np.ones((4, 4), dtype=bool), 2, column=1)
    canvas.put(np.array([0, 1, -1, 0, 9]), np.array([2, 0, 0, 9, 0]), "o", 3)
    assert canvas.lines() == [[("-", 1), ("⣿", 2), ("o", 3), ("---", 1)], [("o", 3), ("     ", 0)]]


@pytest.mark.parametrize(("column", "expected"), [(-2, "rget  "), (0, "target"), (4, "    ta"), (9, "      ")])
def test_words_are_cut_at_the_edges(column: int, expected: str) -> None:
    canvas = Canvas(6, 1)
    canvas.write(0, column, "target", 1)
    canvas.write(1, 0, "below", 1)
    assert canvas.text() == expected


def test_a_band_holds_its_values_and_no_column_is_apart_from_the_next() -> None:
    random = np.random.default_rng(3)
    for height in (2, 8, 61):
        middle = random.uniform(0, 1, 200)
        spread = random.uniform(0, 0.2, 200)
        low, high = np.clip(middle - spread, 0, 1), np.clip(middle + spread, 0, 1)
        dots = band(low, high, height)
        rows = [np.flatnonzero(column) for column in dots.T]
        for found, bottom, top in zip(rows, low, high, strict=True):
            assert found[0] <= round((1 - top) * (height - 1))
            assert found[-1] >= round((1 - bottom) * (height - 1))
            assert len(found) == found[-1] - found[0] + 1
        for here, there in pairwise(rows):
            assert max(here[0], there[0]) - min(here[-1], there[-1]) <= 1


def test_columns_that_meet_are_drawn_as_they_are() -> None:
    low, high = np.array([0.0, 0.2, 0.1]), np.array([0.5, 1.0, 0.3])
    dots = band(low, high, 11)
    assert dots.sum(axis=0).tolist() == [6, 9, 3]


def test_nothing_is_drawn_of_nan_and_of_what_lies_outside() -> None:
    nothing = np.full(3, np.nan)
    assert not band(nothing, nothing, 8).any()
    assert not band(np.full(3, 2.0), np.full(3, 3.0), 8).any()
    assert not band(np.full(3, -3.0), np.full(3, -2.0), 8).any()
    assert band(np.array([-5.0]), np.array([5.0]), 8).all()
