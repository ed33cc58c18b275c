"""Times as people type them, there and back."""

from __future__ import annotations

import pytest

from gpt2tui.errors import UsageError
from gpt2tui.runs.config import Every
from gpt2tui.runs.spans import parse_every, parse_seconds, typed_seconds


@pytest.mark.parametrize(
    ("seconds", "typed"),
    [(0, "0s"), (45, "45s"), (0.25, "0.25s"), (90, "1m30s"), (600, "10m"), (5_400, "1h30m"), (3_601, "1h1s")],
)
def test_a_time_is_said_as_it_would_be_typed(seconds: float, typed: str) -> None:
    assert typed_seconds(seconds) == typed
    assert parse_seconds(typed) == seconds


@pytest.mark.parametrize("wrong", ["", "m", "1 h", "-5s", "1h-5m", "90x", "nan", "1.2.3"])
def test_what_is_no_time_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(UsageError, match="say for example 90s"):
        parse_seconds(wrong)


def test_a_rhythm_is_of_steps_of_time_or_none() -> None:
    assert [parse_every(text) for text in ("500", "10m", "never")] == [Every(steps=500), Every(seconds=600), Every()]
