"""Events as lines: the day stands where it is another."""

from __future__ import annotations

import re

import msgspec

from gpt2tui.runs.event_lines import event_line, event_words
from gpt2tui.runs.events import SettingChanged
from gpt2tui.runs.words import corpus_loss_words
from tests.runs.synthetic import START, evaluated, step

DAY = 86_400


def test_the_day_stands_before_the_time_where_it_is_another() -> None:
    event = step(1)
    assert re.match(r"\d\d:\d\d:\d\d step 1, ", event_line(event, after=event.time) or "")
    for after in (START - DAY, START + DAY):
        assert re.match(r"2023-11-1\d \d\d:\d\d:\d\d step 1, ", event_line(event, after=after) or "")


def test_a_changed_setting_has_the_name_and_the_unit_that_people_know() -> None:
    told = [
        event_words(SettingChanged(name=name, value=value, previous=previous))
        for name, value, previous in [("max_seconds", 5_400.0, None), ("max_steps", 100_000, 400.0)]
    ]
    assert told == ["time limit is now 1 h 30 min (was none)", "step limit is now 100,000 (was 400)"]


def test_a_look_that_ended_early_says_above_what():
    partial = evaluated(7, 0.0248, partial=True, tokens=256)
    assert event_words(partial) == "corpus loss at step 7: above the target (0.0248 over the first 256 tokens)"
    half = msgspec.structs.replace(partial, above=0.00131)
    assert event_words(half) == "corpus loss at step 7: above 0.00131 (0.0248 over the first 256 tokens)"
    assert corpus_loss_words(half) == "at step 7, so far: 256 tokens were enough to see it is above 0.00131"
