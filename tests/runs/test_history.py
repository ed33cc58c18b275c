from __future__ import annotations

from itertools import pairwise

from gpt2tui.runs.events import Step
from gpt2tui.runs.history import LONGEST, remember
from tests.runs.synthetic import step


def test_all_is_remembered_until_there_is_too_much() -> None:
    history: list[Step] = []
    for number in range(1, LONGEST + 1):
        remember(history, step(number))
    assert [one.step for one in history] == list(range(1, LONGEST + 1))


def test_however_long_a_run_its_history_is_short_and_even() -> None:
    history: list[Step] = []
    for number in range(1, 20_001):
        remember(history, step(number, loss=1.0, running_loss=1.0))
        assert len(history) <= LONGEST
    assert len(history) > LONGEST / 4
    gaps = {after.step - before.step for before, after in pairwise(history)}
    assert max(gaps) <= 2 * min(gaps)
    assert history[0].step == 1
    assert history[-1].step > 20_000 - 2 * max(gaps)
