"""When something that happens every so often is due."""

from __future__ import annotations

from gpt2tui.runs.config import Every
from gpt2tui.training.controls import Rhythm


def test_a_rhythm_in_seconds_may_begin_sooner_than_it_goes_on():
    rhythm = Rhythm(Every(seconds=300), now=1000, first=60)
    assert not rhythm.is_due(7, 1059)
    assert rhythm.is_due(7, 1060)
    rhythm.happened(1070)
    assert not rhythm.is_due(9, 1369)
    assert rhythm.is_due(9, 1370)


def test_one_that_was_asked_for_early_does_not_put_off_the_first():
    rhythm = Rhythm(Every(seconds=300), now=1000, first=60)
    rhythm.happened(1010)
    assert not rhythm.is_due(7, 1069)
    assert rhythm.is_due(7, 1070)
    rhythm.happened(1071)
    assert not rhythm.is_due(9, 1370)


def test_what_comes_more_often_than_that_or_by_steps_or_never_is_left_as_it_is():
    assert not Rhythm(Every(seconds=30), now=0, first=60).is_due(1, 29)
    assert Rhythm(Every(seconds=30), now=0, first=60).is_due(1, 30)
    assert not Rhythm(Every(), now=0, first=60).is_due(1, 1e9)
    assert [step for step in range(1, 7) if Rhythm(Every(steps=3), now=0, first=60).is_due(step, 0)] == [3, 6]
