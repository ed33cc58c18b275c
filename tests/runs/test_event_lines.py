"""Events as lines: the day stands where it is another."""

from __future__ import annotations

import re

from gpt2tui.runs.event_lines import event_line
from tests.runs.synthetic import START, step

DAY = 86_400


def test_the_day_stands_before_the_time_where_it_is_another() -> None:
    event = step(1)
    assert re.match(r"\d\d:\d\d:\d\d step 1, ", event_line(event, after=event.time) or "")
    for after in (START - DAY, START + DAY):
        assert re.match(r"2023-11-1\d \d\d:\d\d:\d\d step 1, ", event_line(event, after=after) or "")
