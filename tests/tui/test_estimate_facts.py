"""What the form says of a run, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2tui.tui.form.estimate_facts import AbsentText, Fact, estimate_facts

FOUND: dict[str, Any] = {
    "tokens": 7_183,
    "tokens_per_pass": 7_182,
    "parameters": 124_439_808,
    "memory": 2_600_000_000,
    "memory_free": 20_000_000_000,
    "memory_total": 25_000_000_000,
    "disk": 4_600_000_000,
    "disk_free": 70_000_000_000,
    "checkpoint": 1_153_539_072,
    "flops_per_token": 756_076_032,
    "matrix_rate": None,
    "block_size": 128,
    "batch_size": 16,
    "recipe": "fast",
    "device": "cpu",
    "dtype": "bfloat16",
    "corpus": "play",
    "notices": ["no TEXT given: taking the bundled corpus", "cpu bfloat16: the CPU has it", "a.txt: 2 left out"],
}


def facts(absent: AbsentText | None = None, **changes: Any) -> dict[str, Fact]:
    return {fact.label: fact for fact in estimate_facts(FOUND | changes, [], 0.1, absent=absent)}


def test_every_line_is_there_and_notices_that_say_something_new():
    assert [(fact.label, fact.words) for fact in estimate_facts(FOUND, [], 0.1)] == [
        ("model", "124,439,808 parameters"),
        ("text", "7,183 tokens, play"),
        ("pass", "7,182 tokens, 3.5 steps of 16 x 128 tokens each"),
        ("device", "cpu, bfloat16"),
        ("memory", "about 2.6 GB of 25.0 GB"),
        ("disk", "up to 4.6 GB, 70.0 GB free"),
        ("time", "not known: no run of this shape has trained on this device yet"),
        ("note", "a.txt: 2 left out"),
    ]


def test_with_validation_a_pass_is_over_the_training_part():
    assert facts(tokens=10_000, tokens_per_pass=8_999)["pass"].words.startswith("8,999 tokens, 4.4 steps")


@pytest.mark.parametrize(
    ("needed", "level", "said"),
    [
        (19_000_000_000, "", "about 19.0 GB of 25.0 GB"),
        (21_000_000_000, "warning", "about 21.0 GB of 25.0 GB, of which only 20.0 GB are free now"),
        (26_000_000_000, "error", "about 26.0 GB of 25.0 GB: it does not fit"),
    ],
)
def test_memory_that_is_not_there_is_warned_of(needed: int, level: str, said: str):
    assert facts(memory=needed)["memory"] == Fact("memory", said, level)  # type: ignore[arg-type]


@pytest.mark.parametrize(("free", "level"), [(5_000_000_000, ""), (4_000_000_000, "warning"), (2_000_000_000, "error")])
def test_a_disk_that_is_too_small_is_warned_of(free: int, level: str):
    assert facts(disk_free=free)["disk"].level == level


def test_of_a_text_that_is_not_here_only_what_is_known_is_said():
    known = facts(AbsentText("far", 1_000))
    assert known["text"].words == "1,000 tokens, far: fetched when the run starts"
    assert known["pass"].words == "999 tokens, 0.5 steps of 16 x 128 tokens each"
    unknown = facts(AbsentText("http://a/\x1bb", None))
    assert unknown["text"].words == "tokens not known, http://a/^[b: fetched when the run starts"
    assert unknown["pass"].words == "not known; steps are of 16 x 128 tokens each"
