"""The turns that a run keeps, on the Generate screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpt2tui.tui.talk.history import STRETCH
from tests.tui.apps import text_of, until, until_text
from tests.tui.talking import keep, kept, record, talking, told


async def test_earlier_turns_are_there_when_the_app_is_opened_again(run):
    async with talking() as talk:
        first = await talk.tell("Before", max_new_tokens=6)
    async with talking() as talk:
        (turn,) = await until(talk.pilot, lambda: talk.turns)
        assert turn.whole_text == first.whole_text
        assert (turn.ids, turn.seed, turn.step) == (first.ids, first.seed, first.step)
        await talk.press("escape", "c")
        await until_text(talk.pilot, "known only for tokens drawn in this turn")
        await until_text(talk.pilot, "esc Close")
        assert "Choose" not in text_of(talk.app)
        await talk.press("escape", "e", "x", "enter")
        again = await until(talk.pilot, lambda: talk.turns[0] is not turn and talk.turns[0])
        await talk.over(again)
        assert kept(run)[1].replaces == first.record_id


async def test_a_long_past_is_shown_a_stretch_at_a_time(run):
    keep(run, *(record(f"prompt {number}", [" text"], time=float(number)) for number in range(STRETCH + 20)))
    async with talking() as talk:
        await until(talk.pilot, lambda: len(talk.turns) == STRETCH)
        assert talk.turns[-1].prompt == f"prompt {STRETCH + 19}"
        await talk.press("escape", "home")
        await until(talk.pilot, lambda: len(talk.turns) == STRETCH + 20)
        assert [turn.prompt for turn in talk.turns] == [f"prompt {number}" for number in range(STRETCH + 20)]
        await talk.press("home")
        await until_text(talk.pilot, "prompt 0 text")
        assert "earlier turn" not in text_of(talk.app)


async def test_a_torn_transcript_costs_its_last_turn_only(run):
    keep(run, record("whole", [" text"]))
    (file,) = run.transcripts.glob("*.jsonl")
    with file.open("a") as torn:
        torn.write(json.dumps({"type": "turn", "prompt": "torn"})[:-3])
    async with talking() as talk:
        await until_text(talk.pilot, "whole text")
        assert len(talk.turns) == 1


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
async def test_turns_that_cannot_be_read_are_told_and_the_model_answers(run):
    run.transcripts.mkdir()
    (run.transcripts / "of-a-bad-disk.jsonl").symlink_to("/proc/self/mem")
    async with talking() as talk:
        await until(talk.pilot, lambda: "the earlier turns cannot be read: Input/output error" in told(talk))
        assert (await talk.tell("Say", max_new_tokens=3)).finish == "length"
