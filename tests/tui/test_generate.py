"""The Generate screen: every key against a real child with a tiny model."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest
from textual.events import Key

from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.checkpoint_names import checkpoint_steps
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import as_markdown, standing
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.alternatives import Alternatives
from gpt2tui.tui.widgets.picker import Picker
from gpt2tui.tui.widgets.sampling_panel import SamplingPanel
from tests.runs.synthetic import held, make_run
from tests.tiny import add_checkpoint, tiny_run, tiny_run_config
from tests.tui.apps import text_of, until, until_text
from tests.tui.talking import ENDLESS, kept, talking, told


@pytest.fixture
def run(store):
    """A run with a checkpoint of random weights."""
    return tiny_run(store.folder)


async def test_without_runs_it_says_what_to_do_and_leads_there():
    async with talking() as talk:
        await until_text(talk.pilot, "There is no model to talk to yet")
        await talk.press("1")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, TrainScreen))
        assert talk.app.screen_stack == [talk.app.screen]


async def test_a_run_can_be_talked_to_once_it_has_a_checkpoint(store):
    config = tiny_run_config(name="young")
    run = make_run(store, model=config.model, block_size=32, name="young")
    async with talking() as talk:
        await until_text(talk.pilot, "young has no checkpoint")
        add_checkpoint(run, GPT2.initialised(config.model, seed=1).state_dict(), step=4)
        await until_text(talk.pilot, "best, step 4")
        turn = await talk.tell("Once", max_new_tokens=3)
        assert turn.finish == "length"


async def test_a_turn_streams_and_is_kept_with_its_run(run):
    async with talking() as talk:
        turn = await talk.tell("Before we", max_new_tokens=30, seed=7, temperature=0.9, top_k=0)
        assert turn.drawn == 30
        assert talk.prompt.text == ""
        text = text_of(talk.app)
        assert "Before we" in text
        for fact in ("length reached · 30 tokens", "tokens/s · first after", "seed 7", "step 4"):
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


async def test_the_cursor_reads_tokens_and_their_alternatives(run):
    async with talking() as talk:
        turn = await talk.tell("Read", max_new_tokens=40, top_k=20, temperature=0.7)
        await talk.press("escape", "c")
        view, alternatives = talk.transcript.views[0], talk.screen.query_one(Alternatives)
        last = len(turn.text.starts) - 1
        assert view.cursor == last
        await talk.press("left", "left")
        assert view.cursor == last - 2
        await talk.press("home")
        assert view.cursor == turn.first_token
        await talk.press("left")
        assert view.cursor == turn.first_token
        await talk.press("right")
        reply = turn.reply(view.cursor)
        assert alternatives.alternatives == reply.best()
        assert len(alternatives.alternatives) == 10
        assert "token 2 of 40" in text_of(talk.app)
        rows = text_of(talk.app)
        assert "sampled" in rows
        assert "model" in rows
        await talk.press("end", "up")
        assert view.rows(view.cursor)[0] < view.rows(last)[0]
        await talk.press("escape")
        assert view.cursor is None
        assert not alternatives.display


async def test_a_branch_goes_on_from_the_exact_tokens_before_it(run):
    async with talking() as talk:
        first = await talk.tell("Branch", max_new_tokens=30, seed=5)
        await talk.press("escape", "c", "home", *["right"] * 9, "enter")
        alternatives = talk.screen.query_one(Alternatives)
        assert alternatives.has_focus
        await talk.press("down", "down", "up")
        wanted = alternatives.alternatives[alternatives.row]
        await talk.press("enter")
        second = await until(talk.pilot, lambda: len(talk.turns) == 2 and talk.turns[1])
        await talk.over(second)
        assert second.ids[:10] == [*first.ids[:9], wanted.token]
        assert (second.prompt_ids, second.drawn) == (first.prompt_ids, 30)
        assert talk.conversation.turn is None
        record = kept(run)[1]
        assert (record.kept, record.tokens, record.prompt_tokens) == (10, second.ids, first.prompt_ids)
        assert record.text == second.continuation
        facts = "30 tokens after 10 kept"
        await until_text(talk.pilot, f"length reached · {facts}")
        assert f" · {facts} · " in as_markdown([record], title="")

        # A digit does the same, and what a branch has kept is kept by a branch of it.
        await talk.press("c", "end", "left", "3")
        third = await until(talk.pilot, lambda: len(talk.turns) == 3 and talk.turns[2])
        await talk.over(third)
        assert third.ids[:38] == second.ids[:38]
        assert third.ids[38] == second.reply(second.first_token + 38).best()[2].token


async def test_a_branch_of_the_likeliest_text_is_that_text(run):
    async with talking() as talk:
        first = await talk.tell("Same", max_new_tokens=20, temperature=0)
        await talk.press("escape", "c", "home", *["right"] * 5)
        row = [one.token for one in talk.screen.query_one(Alternatives).alternatives].index(first.ids[5])
        await talk.press("1234567890"[row])
        second = await until(talk.pilot, lambda: len(talk.turns) == 2 and talk.turns[1])
        await talk.over(second)
        assert second.ids[:20] == first.ids
        assert second.whole_text.startswith(first.whole_text)


async def test_tokens_are_tinted_on_request(run):
    async with talking() as talk:
        turn = await talk.tell("Tint", max_new_tokens=20)
        view = talk.transcript.views[0]
        plain = {segment.style.bgcolor for segment in view.render_line(0)}
        await talk.press("escape", "t")
        await until_text(talk.pilot, "probability")
        assert "below 5 %" in text_of(talk.app)
        assert max(turn.probability(piece) for piece in range(turn.first_token, len(turn.text.starts))) < 0.05
        tinted = {segment.style.bgcolor for segment in view.render_line(0)}
        assert len(tinted) > len(plain)
        await talk.press("t")
        assert {segment.style.bgcolor for segment in view.render_line(0)} == plain
        assert "below 5 %" not in text_of(talk.app)


@pytest.mark.parametrize("moment", ["idle", "streaming"])
async def test_a_killed_child_is_told_once_and_the_next_prompt_works(run, moment):
    async with talking() as talk:
        first = await talk.tell("Begin", max_new_tokens=4)
        if moment == "streaming":
            await talk.set(max_new_tokens=ENDLESS)
            first = await talk.send("Go on")
            await talk.drawn(first, 10)
        os.kill(talk.conversation.pid, signal.SIGKILL)
        await until_text(talk.pilot, "was killed (SIGKILL)")
        assert text_of(talk.app).count("was killed") == 1
        assert talk.conversation.turn is None
        if moment == "streaming":
            await talk.over(first)
            assert first.state == "failed"
            assert kept(run)[-1].text == first.continuation
        again = await talk.tell("Again", max_new_tokens=4)
        assert (again.finish, again.drawn) == ("length", 4)


async def test_a_checkpoint_that_is_damaged_is_told_and_another_can_be_chosen(run):
    add_checkpoint(run, GPT2.initialised(run.config().model, seed=2).state_dict(), step=8)
    (run.checkpoints / "step-00000008" / "model.safetensors").write_bytes(b"no")
    async with talking() as talk:
        turn = await talk.tell("Begin", max_new_tokens=4)
        assert turn.state == "failed"
        assert "step-00000008 is damaged" in turn.news
        await talk.press("escape", "m")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
        await talk.press(*"step", "space", "4", "enter")
        await until_text(talk.pilot, "step 4")
        assert (await talk.tell("Begin", max_new_tokens=4)).finish == "length"


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


async def test_another_number_of_threads_is_the_same_model(store, run):
    async with talking() as talk:
        await talk.tell("Say", max_new_tokens=3)
        pid, loaded = talk.conversation.pid, talk.conversation.loaded
        with held(tiny_run(store.folder, config=tiny_run_config(name="busy", seed=9))):
            assert talk.screen._choice.place().threads == 1
            assert (await talk.tell("Say", max_new_tokens=3)).finish == "length"
        assert (talk.conversation.pid, talk.conversation.loaded) == (pid, loaded)


async def test_a_prompt_whose_checkpoint_is_gone_stays_and_is_said(run):
    async with talking() as talk:
        await talk.tell("Say", max_new_tokens=3)
        shutil.rmtree(run.checkpoints)
        talk.prompt.put("Again")
        talk.prompt.focus()
        await talk.press("enter")
        await until(talk.pilot, lambda: "has no checkpoint" in told(talk))
        assert talk.prompt.text == "Again"
        await talk.press("escape", "r")
        assert len(talk.turns) == 1


async def test_a_step_that_is_loaded_answers_though_its_files_are_gone(run):
    step = checkpoint_steps(run)[0]
    async with talking() as talk:
        talk.screen.open_run(run, str(step))
        await talk.tell("Say", max_new_tokens=3)
        shutil.rmtree(run.checkpoints)
        assert (await talk.tell("Again")).step == step
        await until_text(talk.pilot, f"step {step}, in memory")
        os.kill(talk.conversation.pid, signal.SIGKILL)
        await until(talk.pilot, lambda: talk.turns[-1].state == "failed")
        talk.prompt.focus()
        talk.prompt.put("Once more")
        await talk.press("enter")
        await until(talk.pilot, lambda: f"has no checkpoint {step}" in told(talk))


async def test_settings_are_checked_at_their_field_and_nothing_is_sent_with_wrong_ones(run):
    async with talking() as talk:
        await talk.set(top_p=2)
        await until_text(talk.pilot, "top-p must lie in (0, 1], not")
        await talk.set(temperature="hot")
        await until_text(talk.pilot, "temperature must be a number")
        talk.prompt.focus()
        talk.prompt.put("Say")
        await talk.press("enter")
        await talk.pilot.pause()
        assert talk.turns == []
        assert talk.prompt.text == "Say"
        assert talk.app.focused.id == "temperature"
        assert (await talk.tell("Say", top_p=0.5, temperature=1, max_new_tokens=3)).settings.top_p == 0.5


async def test_a_stop_text_ends_the_turn(run):
    async with talking() as talk:
        greedy = await talk.tell("Stop", max_new_tokens=20, temperature=0)
        text = next(part for part in greedy.continuation.split() if len(part) > 1)
        stopped = await talk.tell("Stop", stop=text.replace("|", ""))
        assert stopped.finish == "stop"
        assert text not in stopped.continuation


async def test_another_run_is_chosen_from_a_list_and_has_its_own_turns(store, run):
    other = tiny_run(store.folder, config=tiny_run_config(name="the-other", seed=5), step=9)
    async with talking(run=run.folder) as talk:
        await talk.tell("Mine", max_new_tokens=3)
        await talk.press("escape", "o")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
        await talk.press(*"other", "enter")
        await until_text(talk.pilot, "the-other")
        await until(talk.pilot, lambda: talk.turns == [])
        turn = await talk.tell("Other", max_new_tokens=3)
        assert turn.step == 9
        assert [record.prompt for record in kept(other)] == ["Other"]
        assert [record.prompt for record in kept(run)] == ["Mine"]
        talk.screen.open_run(run)
        await until(talk.pilot, lambda: [turn.prompt for turn in talk.turns] == ["Mine"])


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


async def test_the_settings_are_gone_to_through_and_left_with_keys_that_are_named(run):
    async with talking() as talk:
        await talk.press("escape", "p")
        assert talk.app.focused.id == "run"
        await talk.press("tab", "tab")
        assert talk.app.focused.id == "temperature"
        assert "↓ Next  esc Leave" in text_of(talk.app).splitlines()[-1]
        meaning = talk.screen.query_one("#meaning")
        await until(talk.pilot, lambda: "Below 1 the likely tokens become likelier" in str(meaning.render()))
        assert meaning.display
        await talk.press("enter")
        assert talk.app.focused.id == "top_k"
        await talk.press("x", "enter")
        assert talk.app.focused.id == "top_k", "what is wrong is not left by enter"
        await talk.press("backspace", "up", "up", "up")
        assert talk.app.focused.id == "run"
        assert "⏎ Choose  ↓ Next" in text_of(talk.app).splitlines()[-1]
        await talk.press("down", "down", "down")
        assert talk.app.focused.id == "top_k"
        await talk.press("escape")
        assert talk.transcript.has_focus
        assert talk.screen.query_one(SamplingPanel).display
        await until(talk.pilot, lambda: not meaning.display)
        await talk.press("p", "p")
        assert not talk.screen.query_one(SamplingPanel).display
        assert talk.transcript.has_focus


def test_a_default_path_is_a_file_name():
    from gpt2tui.tui.save_target import slug

    assert Path(slug("../etc/passwd")).name == slug("../etc/passwd")
    assert slug("[/red]evil") == "red-evil"  # what begins with - is taken for an option


async def test_an_emptied_setting_is_its_default_and_a_wrong_one_is_called_as_its_field(run):
    async with talking() as talk:
        await talk.set(top_k="", max_new_tokens="0")
        panel = talk.screen.query_one(SamplingPanel)
        assert panel.problems == {"max_new_tokens": "length must be at least 1, not 0"}
        await talk.set(max_new_tokens="")
        assert not panel.problems
        assert panel.settings == SamplingSettings()
        assert talk.screen.query_one("#max_new_tokens").placeholder == str(SamplingSettings().max_new_tokens)
