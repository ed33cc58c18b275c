"""When the next look at the corpus loss comes."""

from __future__ import annotations

import math

import pytest

from gpt2tui.training.judge import Judge, Look

TARGET = 0.1


def next_look(judge: Judge, *, recent_loss: float, fall: float, passes: float = 6.0) -> float | None:
    """How many passes after the last look the next one comes, where the recent loss falls by that share each pass."""
    for hundredth in range(1, 300):
        since = hundredth / 100
        if judge.wants_evaluation(recent_loss * (1 - fall) ** since, TARGET, passes + since):
            return since
    return None


def after(excess: float, *, fall: float, share: float = 1.0) -> float | None:
    """The same after a look that found so many times the target."""
    return next_look(Judge(share, Look(6.0, 0.28, excess * TARGET)), recent_loss=0.28, fall=fall)


def test_the_first_look_comes_where_the_recent_loss_is_three_times_the_target() -> None:
    judge = Judge()
    assert not judge.wants_evaluation(0.31, TARGET, 6.0)
    assert judge.wants_evaluation(0.29, TARGET, 6.0)
    assert not judge.wants_evaluation(0.29, None, 6.0)


def test_after_a_look_that_all_but_succeeded_the_next_comes_soon() -> None:
    assert after(1.015, fall=0.6) == pytest.approx(0.12)


def test_the_further_it_was_off_the_more_has_to_be_learnt_before_the_next() -> None:
    waits = [after(excess, fall=0.6) for excess in (1.1, 1.4, 1.8, 2.0)]
    assert waits == sorted(waits)
    assert waits[0] < 0.25
    assert 0.7 < waits[-1] < 0.9
    assert after(50.0, fall=0.6) == waits[-1]  # a loss of half as much is worth a look whatever the target


def test_a_loss_that_rests_is_looked_at_every_second_pass() -> None:
    assert after(1.015, fall=0.01) == pytest.approx(2.0)
    assert after(0.5, fall=0.0) == pytest.approx(2.0)


def test_a_look_at_a_sample_of_a_large_text_comes_the_sooner_the_less_it_costs() -> None:
    assert after(1.015, fall=0.01, share=0.1) == pytest.approx(0.2)


def test_a_look_that_found_no_number_or_of_which_none_is_known_counts_as_one_that_all_but_succeeded() -> None:
    for unknown in (None, math.nan):
        assert next_look(Judge(1.0, Look(6.0, 0.28, unknown)), recent_loss=0.28, fall=0.6) == pytest.approx(
            0.1, abs=0.02
        )


def test_a_target_that_is_set_after_a_look_is_what_the_look_is_held_against() -> None:
    judge = Judge(1.0, Look(6.0, 0.28, 0.15))
    assert not judge.wants_evaluation(0.25, TARGET, 6.3)
    assert judge.wants_evaluation(0.25, 0.149, 6.3)
