"""Forecasts of texts whose passes have many steps."""

from __future__ import annotations

import pytest

from gpt2tui.runs.config import CorpusRecord, RunConfig
from gpt2tui.runs.forecast import NOT_ON_COURSE, Forecast
from gpt2tui.runs.lessons import weight_of_lessons, with_lessons
from gpt2tui.runs.recipe import load_recipe
from tests.benchmarks.forecasts import Score, evened, judge, recorded_curves
from tests.runs.synthetic import configuration

PASSES_OF_MINI = (5.41, 4.33, 3.66, 2.94, 2.10, 1.28, 0.41)
"""Mean loss of each pass over 136,000 tokens, 65 steps a pass (docs/LOG.md), of the 7.01 that it took."""
LINE = Forecast(30.0, 20.0, 40.0)
TARGET = 0.099999


def of_tokens(tokens: int, recipe: str = "sprint") -> RunConfig:
    corpus = CorpusRecord(name="a", sources=[], bytes=0, sha256="0" * 64, tokens=tokens, train_tokens=tokens)
    return configuration(recipe=load_recipe(recipe), block_size=128, corpus=corpus)


def at(passes: float, loss: float) -> list[tuple[float, float]]:
    """Points around so many passes."""
    return [(passes - 0.22 + 0.04 * number, loss) for number in range(11)]


def test_it_weighs_with_the_steps_of_a_pass_where_the_rate_follows_the_loss() -> None:
    weights = [weight_of_lessons(of_tokens(tokens)) for tokens in (1_000, 8_000, 34_000, 136_000, 338_000)]
    assert weights[:2] == [0, 0]
    assert 0.4 < weights[2] < 0.6
    assert weights[3:] == [1, 1]
    assert weight_of_lessons(of_tokens(338_000, recipe="reference")) == 0


@pytest.mark.parametrize("number", range(1, 7))
def test_the_passes_of_another_text_and_model_are_foretold(number: int) -> None:
    now = number + 0.7
    found = with_lessons(None, at(number + 0.5, PASSES_OF_MINI[number]), TARGET, now=now, weight=1.0)
    assert found is not None
    assert found.seconds == pytest.approx(7.01 - now, rel=0.35, abs=0.2)
    assert found.earliest <= 7.01 - now <= found.latest


def test_between_few_and_many_steps_it_lies_between_the_two() -> None:
    points = at(2, 3.5)
    alone = with_lessons(LINE, points, TARGET, now=2, weight=1.0)
    half = with_lessons(LINE, points, TARGET, now=2, weight=0.5)
    assert alone is not None
    assert half is not None
    assert half == pytest.approx([(one + other) / 2 for one, other in zip(LINE, alone, strict=True)])


def test_the_line_stays_where_there_is_nothing_to_tell() -> None:
    assert with_lessons(LINE, at(2, 3.5), TARGET, now=2, weight=0.0) == LINE
    assert with_lessons(LINE, at(2, 3.5), 0.05, now=2, weight=1.0) == LINE, "such targets were not recorded"
    assert with_lessons(LINE, at(2, 3.5)[:3], TARGET, now=2, weight=1.0) == LINE, "too few points"
    assert with_lessons(None, at(2, 3.5), TARGET, now=2, weight=0.3) is None


def test_a_run_is_not_on_course_where_neither_a_line_nor_the_pass_before_says_so() -> None:
    falling, flat = [*at(1, 4.0), *at(2, 3.5)], [*at(1, 3.5), *at(2, 3.5)]
    assert with_lessons(NOT_ON_COURSE, flat, TARGET, now=2, weight=1.0) == NOT_ON_COURSE
    assert with_lessons(NOT_ON_COURSE, falling, TARGET, now=2, weight=0.3) == NOT_ON_COURSE
    found = with_lessons(NOT_ON_COURSE, falling, TARGET, now=2, weight=1.0)
    assert found is not None
    assert found.is_on_course


def test_tiny_shakespeare_is_foretold_from_a_fifth_of_the_run_on() -> None:
    curves = [evened(curve) for curve in recorded_curves() if curve.group == "later"]
    assert len(curves) >= 2
    for start, end in ((0.2, 0.5), (0.5, 1.0)):
        score = Score.of(one for curve in curves for one in judge(curve, start=start, end=end))
        assert score.inside >= 0.70
        assert score.error <= 0.50
        assert score.missing == 0
