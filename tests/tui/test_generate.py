"""The Generate screen: every key against a real child with a tiny model."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from textual.events import Key

from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import standing
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.talk.live_turn import LiveTurn
from tests.runs.synthetic import make_run, started
from tests.tiny import tiny_run, tiny_run_config
from tests.tui.apps import text_of, until, until_text
from tests.tui.talking import ENDLESS, kept, talking, told


async def test_without_runs_it_says_what_to_do_and_leads_there():
    async with talking() as talk:
        await until_text(talk.pilot, "There is no model to talk to yet")
        await talk.press("1")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, TrainScreen))
        assert talk.app.screen_stack == [talk.app.screen]


async def test_a_turn_streams_and_is_kept_with_its_run(run):
    async with talking() as talk:
        turn = await talk.tell("Before we", max_new_tokens=30, seed=7, temperature=0.9, top_k=0)
        assert turn.drawn == 30
        assert talk.prompt.text == ""
        await until_text(talk.pilot, "length reached · 30 tokens")
        text = text_of(talk.app)
        assert "Before we" in text
        for fact in ("tokens/s · first after", "seed 7", "step 4"):
            assert fact in text
        (record,) = kept(run)
        assert record.text == turn.continuation
        assert record.tokens == turn.ids
        assert (record.settings.temperature, record.settings.top_k, record.settings.seed) == (0.9, 0, 7)


async def test_esc_stops_at_once_and_the_next_prompt_is_answered(run):
    async with talking() as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("On")
        await talk.drawn(turn, 20)
        await talk.press("escape")
        assert turn.finish == "stopped"
        text = turn.whole_text
        await until_text(talk.pilot, "stopped · ")
        after = await talk.tell("And then", max_new_tokens=5)
        assert (after.drawn, after.finish) == (5, "length")
        assert turn.whole_text == text
        assert [record.finish for record in kept(run)] == ["stopped", "length"]
        assert kept(run)[0].text == turn.continuation


async def test_esc_closes_and_leaves_only_when_nothing_streams(run):
    async with talking() as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("On")
        await talk.drawn(turn, 3)
        assert talk.prompt.has_focus
        await talk.press("escape")
        assert turn.is_over
        assert talk.prompt.has_focus
        await talk.press("escape")
        assert talk.transcript.has_focus
        await talk.press("i")
        assert talk.prompt.has_focus


async def test_a_prompt_that_is_sent_while_a_text_streams_takes_its_place(run):
    async with talking() as talk:
        await talk.set(max_new_tokens=ENDLESS)
        first = await talk.send("First")
        await talk.drawn(first, 3)
        second = await talk.tell("Second", max_new_tokens=4)
        assert first.finish == "stopped"
        assert second.drawn == 4
        assert second.prompt_ids != first.prompt_ids


async def test_again_goes_on_from_the_same_prompt_with_another_seed_and_what_was_written_stays(run):
    async with talking() as talk:
        old = await talk.tell("Say", max_new_tokens=8, seed=3)
        await talk.press("escape", "r")
        new = await until(talk.pilot, lambda: talk.turns[-1] is not old and talk.turns[-1])
        await talk.over(new)
        assert talk.turns == [old, new]
        assert new.seed != 3
        assert new.prompt == "Say"
        records = kept(run)
        assert [record.replaces for record in records] == [None, None]
        assert [record.id for record in standing(records)] == [old.record_id, new.record_id]


async def test_again_takes_the_place_of_a_turn_that_came_to_nothing(run):
    async with talking() as talk:
        await talk.set(max_new_tokens=4)
        old = LiveTurn("Say", SamplingSettings())
        old.fail("out of memory")
        talk.transcript.add(old)
        await talk.press("escape", "r")
        new = await until(talk.pilot, lambda: talk.turns[-1] is not old and talk.turns[-1])
        await talk.over(new)
        assert talk.turns == [new]


async def test_edit_sends_another_prompt_in_its_place(run):
    async with talking() as talk:
        old = await talk.tell("Say", max_new_tokens=4)
        await talk.tell("Later", max_new_tokens=4)
        await talk.press("escape", "up")
        assert talk.transcript.chosen.turn is old
        await talk.press("e")
        assert talk.prompt.text == "Say"
        await talk.press("space", "i", "t", "enter")
        new = await until(talk.pilot, lambda: talk.turns[0] is not old and talk.turns[0])
        await talk.over(new)
        assert [turn.prompt for turn in talk.turns] == ["Say it", "Later"]
        assert [record.replaces for record in kept(run)] == [None, None, old.record_id]


async def test_who_writes_is_told_how_to_leave_the_prompt_and_which_keys_switch_screens(run):
    async with talking() as talk:
        await until_text(talk.pilot, "esc Leave field")
        assert "f1 Train  f2 Generate  f3 Runs" in text_of(talk.app)
        await talk.press("escape")
        await until_text(talk.pilot, "? Help")
        assert "esc Leave field" not in text_of(talk.app)
        assert "f1 Train" not in text_of(talk.app)
        assert "1 Train  2 Generate  3 Runs" in text_of(talk.app)


async def test_who_comes_back_from_another_screen_writes_and_who_closes_a_layer_does_not(run):
    async with talking() as talk:
        screen = talk.screen
        assert talk.prompt.has_focus
        await talk.press("escape", "f1")
        await until(talk.pilot, lambda: talk.app.screen is not screen)
        await talk.press("2")
        await until(talk.pilot, lambda: talk.app.screen is screen and talk.prompt.has_focus)
        await talk.press("escape", "question_mark")
        await until(talk.pilot, lambda: talk.app.screen is not screen)
        await talk.press("escape")
        await until(talk.pilot, lambda: talk.app.screen is screen)
        assert talk.transcript.has_focus


async def test_esc_gives_up_an_edit(run):
    async with talking() as talk:
        turn = await talk.tell("Say", max_new_tokens=4)
        await talk.press(*"half", "escape", "e")
        assert talk.prompt.text == "Say"
        assert "esc keeps it" in str(talk.prompt.border_title)
        assert "esc Leave field" in text_of(talk.app).splitlines()[-1]
        await talk.press("escape")
        assert (talk.prompt.text, talk.prompt.border_title) == ("half", "Prompt")
        assert talk.transcript.has_focus
        assert talk.transcript.chosen.turn is turn
        await talk.tell("New", max_new_tokens=4)
        assert talk.turns[0] is turn
        assert len(talk.turns) == 2


@pytest.mark.parametrize("is_sent", [True, False])
async def test_what_was_half_typed_comes_back_after_an_edit(store, run, is_sent):
    other = tiny_run(store.folder, config=tiny_run_config(name="other"))
    async with talking(run=run.folder) as talk:
        await talk.tell("Say", max_new_tokens=4)
        await talk.press(*"half", "escape", "e")
        if is_sent:
            await talk.press("enter")
            await until(talk.pilot, lambda: len(kept(run)) == 2)
        else:
            talk.screen.open_run(other)
        await until(talk.pilot, lambda: (talk.prompt.text, talk.prompt.border_title) == ("half", "Prompt"))
        new = await talk.tell("New", max_new_tokens=4)
        assert talk.turns[-1] is new
        assert new.record().replaces is None


async def test_leaving_asks_where_a_prompt_was_not_sent(run):
    async with talking() as talk:
        await talk.press(*"half", "escape", "q")
        await until_text(talk.pilot, "Leave, and lose the prompt on Generate, which has not been sent?")
        await talk.press("escape", "i", *["backspace"] * 4, "escape", "q")
        await until(talk.pilot, lambda: not talk.app.is_running)


async def test_copy_takes_the_whole_text_or_the_selection(run):
    async with talking() as talk:
        turn = await talk.tell("Copy me", max_new_tokens=6)
        await talk.press("escape", "y")
        assert talk.app.clipboard.startswith("Copy me")
        assert len(talk.app.clipboard) >= len(turn.whole_text)
        view = talk.transcript.views[0]
        await talk.pilot.mouse_down(view, offset=(2, 0))
        await talk.pilot.hover(view, offset=(5, 0))
        await talk.pilot.mouse_up(view, offset=(5, 0))
        await talk.press("y")
        assert talk.app.clipboard == "Copy"


async def test_save_writes_markdown_and_replaces_a_file_only_when_it_was_said(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with talking() as talk:
        turn = await talk.tell("Keep this", max_new_tokens=6)
        await talk.press("escape", "w")
        await until_text(talk.pilot, "Save the turns as Markdown")
        await until_text(talk.pilot, "enter saves them, esc goes back")
        await talk.press("enter")
        (path,) = await until(talk.pilot, lambda: list(tmp_path.glob("*.md")))
        assert "Keep this" in path.read_text()
        assert turn.continuation in path.read_bytes().decode()
        assert f"saved {path}" in told(talk)
        path.write_text("mine")
        await talk.press("w", "enter")
        await until_text(talk.pilot, "enter once more replaces it")
        assert path.read_text() == "mine"
        await talk.press("enter")
        await until(talk.pilot, lambda: "Keep this" in path.read_text())


async def test_a_path_that_cannot_be_written_is_told_where_it_is_typed(run):
    async with talking() as talk:
        await talk.tell("Keep this", max_new_tokens=3)
        await talk.press("escape", "w")
        await until_text(talk.pilot, "Save the turns as Markdown")
        talk.app.screen.query_one("Input").value = "/nowhere/at/all.md"
        await talk.press("enter")
        await until_text(talk.pilot, "the folder /nowhere/at does not exist")
        await talk.press("escape")
        assert talk.app.screen is talk.screen


async def test_leaving_the_app_ends_the_child_and_keeps_the_turn(run):
    async with talking() as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("On")
        await talk.drawn(turn, 10)
        pid = talk.conversation.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
    assert [record.finish for record in kept(run)] == ["stopped"]


@pytest.mark.parametrize("moment", ["loading", "streaming"])
async def test_what_comes_while_the_app_is_left_is_not_drawn(run, moment):
    async with talking() as talk:
        await until(talk.pilot, lambda: talk.conversation.progress())
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("On")
        if moment == "streaming":
            await talk.drawn(turn, 1)
        screen, conversation = talk.screen, talk.conversation
        talk.app._prune(screen)
        for callback in (conversation._on_change, lambda: conversation._on_problem("too late"), conversation.stop):
            callback()
    assert turn.is_over
    assert screen._conversation.pid is None
    conversation._died("too late")


async def test_esc_stops_the_stream_closes_the_layer_and_leaves_the_field_in_this_order(run):
    async with talking() as talk:
        await talk.tell("Begin", max_new_tokens=3)
        await talk.set(max_new_tokens=ENDLESS)
        for key in ("o", "w", "ctrl+p"):
            turn = await talk.send("On")
            await talk.drawn(turn, 3)
            talk.screen.set_focus(talk.transcript)
            await talk.press(key)
            layer = await until(talk.pilot, lambda: (top := talk.app.screen) is not talk.screen and top, key)
            await talk.press("escape")
            await until(talk.pilot, lambda turn=turn: turn.is_over)
            assert talk.app.screen is layer
            await talk.press("escape")
            await until(talk.pilot, lambda: talk.app.screen is talk.screen)


async def test_what_is_typed_in_one_burst_with_the_key_to_the_prompt_is_text(run):
    async with talking() as talk:
        await talk.press("escape")
        assert talk.transcript.has_focus
        for character in "i3 qi":
            key = {" ": "space"}.get(character, character)
            talk.app.post_message(Key(key, character))
        await until(talk.pilot, lambda: talk.prompt.text == "3 qi")
        await talk.press("escape", "p", "tab", "tab", "i")
        assert talk.app.focused.id == "temperature", "in a field keys are text"


async def test_what_is_typed_in_one_burst_with_the_key_that_edits_is_text(run):
    async with talking() as talk:
        await talk.tell("Once", max_new_tokens=2)
        await talk.press("escape")
        for character in "e q3e":
            talk.app.post_message(Key({" ": "space"}.get(character, character), character))
        await until(talk.pilot, lambda: talk.prompt.text == "Once q3e")


def test_a_default_path_is_a_file_name():
    from gpt2tui.tui.save_target import slug

    assert Path(slug("../etc/passwd")).name == slug("../etc/passwd")
    assert slug("[/red]evil") == "red-evil"  # what begins with - is taken for an option


@pytest.mark.parametrize("key", ["r", "e", "c", "y", "m", "o"])
async def test_without_runs_a_key_that_is_about_one_says_what_leads_on(key):
    async with talking() as talk:
        await until_text(talk.pilot, "There is no model to talk to yet.")
        await talk.press(key)
        await until(talk.pilot, lambda: told(talk) == "There are no runs yet: 1 starts one.")


@pytest.mark.parametrize("key", ["r", "e", "c", "y"])
async def test_without_a_turn_a_key_that_is_about_one_says_so_once_and_no_more_where_it_is_text(run, key):
    async with talking() as talk:
        await until(talk.pilot, lambda: talk.prompt.has_focus)
        await talk.press(key)
        assert (talk.prompt.text, told(talk)) == (key, "")
        await talk.press("escape", key, key)
        await until(talk.pilot, lambda: told(talk) == "There is no turn yet: i leads to the prompt.")


async def test_without_a_checkpoint_a_key_that_is_about_a_turn_says_that(store):
    make_run(store, [started()], name="lim")
    async with talking() as talk:
        await until_text(talk.pilot, "lim has no checkpoint.")
        await talk.press("r")
        await until(talk.pilot, lambda: told(talk) == "lim has no checkpoint.")
