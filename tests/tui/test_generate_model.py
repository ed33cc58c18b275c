"""Which model the Generate screen talks to, and what becomes of it."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from textual.widgets import Input

from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.checkpoint_names import checkpoint_steps
from gpt2tui.tui.widgets.picker import Picker
from tests.runs.synthetic import append, held, make_run, whole_story
from tests.tiny import add_checkpoint, tiny_run, tiny_run_config
from tests.training.small import NO_TARGET, small_config, small_run, training
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.talking import ENDLESS, kept, talking, told


async def test_a_run_can_be_talked_to_once_it_has_a_checkpoint(store):
    config = tiny_run_config(name="young")
    run = make_run(store, model=config.model, block_size=32, name="young")
    async with talking() as talk:
        await until_text(talk.pilot, "young has no checkpoint")
        add_checkpoint(run, GPT2.initialised(config.model, seed=1).state_dict(), step=4)
        await until_text(talk.pilot, "best, step 4")
        turn = await talk.tell("Once", max_new_tokens=3)
        assert turn.finish == "length"


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
            assert first.news.endswith("; the next prompt loads the checkpoint again")
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
        talk.screen._choice.reference = str(step)
        await talk.tell("Say", max_new_tokens=3)
        shutil.rmtree(run.checkpoints)
        assert (await talk.tell("Again")).step == step
        await until_text(talk.pilot, f"step {step}, in memory")
        os.kill(talk.conversation.pid, signal.SIGKILL)
        await until(talk.pilot, lambda: talk.turns[-1].state == "failed")
        assert f"step {step} was only in its memory: m chooses another checkpoint" in talk.turns[-1].news
        await talk.press("escape")
        assert "tries again" not in text_of(talk.app)
        talk.prompt.focus()
        talk.prompt.put("Once more")
        await talk.press("enter")
        await until(talk.pilot, lambda: f"has no checkpoint {step}" in told(talk))


async def test_a_prompt_is_not_answered_by_old_weights_while_the_present_ones_are_on_their_way(run):
    with held(run):
        async with talking() as talk:
            await talk.tell("Say", max_new_tokens=3)
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until_text(talk.pilot, "asking for a snapshot")
            await talk.press("i", *"Again", "enter")
            await until(talk.pilot, lambda: "The weights as they are now are on their way" in told(talk))
            assert (len(talk.turns), talk.prompt.text) == (1, "Again")


async def test_of_a_step_that_is_gone_the_prompt_after_the_next_goes_to_what_is_there(run):
    step = checkpoint_steps(run)[0]
    async with talking() as talk:
        talk.screen._choice.reference = str(step + 1)
        talk.prompt.put("Say")
        talk.prompt.focus()
        await talk.press("enter")
        await until(
            talk.pilot, lambda: f"has no checkpoint {step + 1} any more; best, step {step} is taken" in told(talk)
        )
        assert (talk.turns, talk.prompt.text) == ([], "Say")
        await talk.press("enter")
        await until(talk.pilot, lambda: talk.turns and talk.turns[0].finish)
        assert talk.turns[0].step == step


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
        await talk.press("escape", "c")
        await until_text(talk.pilot, "Instead of this token")
        assert talk.turns[0].reply(talk.turns[0].first_token).alternatives


async def test_beside_a_training_one_thread_is_taken_and_that_is_said(store, run):
    other = tiny_run(store.folder, config=tiny_run_config(name="busy", seed=9))
    with held(other):
        async with talking(run=run.folder) as talk:
            await talk.tell("Say", max_new_tokens=3)
            assert talk.conversation.loaded.threads == 1
            assert "one thread beside a" in text_of(talk.app)
    async with talking(run=run.folder) as talk:
        await talk.tell("Say", max_new_tokens=3)
        assert "one thread beside" not in text_of(talk.app)


async def test_the_weights_of_a_run_that_trains_are_there_as_they_are_now(tmp_path, store):
    config = small_config(model=tiny_run_config().model, limits=NO_TARGET, name="moving")
    run = small_run(tmp_path / "made", config)
    store.folder.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "made" / "runs").rename(store.folder)
    run = next(one for one in store.all() if one.name() == "moving")
    with training(run):
        async with talking() as talk:
            await until(talk.pilot, lambda: run.series_file.is_file() and len(run.series()) > 3)
            await until_text(talk.pilot, "moving")
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until(talk.pilot, lambda: talk.screen._choice.reference, told(talk))
            step = int(talk.screen._choice.reference)
            assert step >= 3
            turn = await talk.tell("Say", max_new_tokens=3)
            assert (turn.step, turn.finish) == (step, "length")


async def test_a_snapshot_that_will_not_come_is_told(store, run):
    with held(run) as holder:
        async with talking(run=run.folder) as talk:
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until_text(talk.pilot, "asking for a snapshot")
            os.kill(holder.pid, signal.SIGKILL)
            await until(talk.pilot, lambda: "no snapshot: the run has ended" in told(talk))
            assert (await talk.tell("Say", max_new_tokens=3)).finish == "length"


async def test_a_disk_that_takes_no_request_and_no_turn_is_told_in_a_line(store, run):
    run.commands_file.mkdir()
    run.transcripts.write_text("in the way")
    with held(run):
        async with talking(run=run.folder) as talk:
            turn = await talk.tell("Say", max_new_tokens=3)
            assert "this turn is not kept: " in told(talk)
            await talk.press("escape", "m")
            await until(talk.pilot, lambda: isinstance(talk.app.screen, Picker))
            await talk.press(*"now", "enter")
            await until(talk.pilot, lambda: "no snapshot: the run cannot be asked: Is a directory" in told(talk))
            assert talk.screen._choice.snapshot is None
            assert "asking for a snapshot" not in text_of(talk.app)
            await talk.set(max_new_tokens=ENDLESS)
            await talk.drawn(await talk.send("On"), 3)
    assert turn.finish == "length"


async def test_the_last_checkpoint_of_a_run_is_the_last_one_also_when_it_moves(run):
    async with talking() as talk:
        assert (await talk.tell("Say", max_new_tokens=3)).step == 4
        add_checkpoint(run, GPT2.initialised(run.config().model, seed=3).state_dict(), step=12)
        assert (await talk.tell("Say", max_new_tokens=3)).step == 12
        await until_text(talk.pilot, "best, step 12")


async def test_another_followed_run_is_talked_to_until_one_is_chosen_here(store, run):
    other = tiny_run(store.folder, config=tiny_run_config(name="other", seed=5))
    async with talking(run=run.folder) as talk:
        await until(talk.pilot, lambda: talk.screen._choice.run.folder == run.folder)
        talk.app.follow(other)
        assert talk.screen._choice.run.folder == other.folder
        talk.screen.open_run(run)
        talk.app.follow(other)  # the same: it goes on, say
        assert talk.screen._choice.run.folder == run.folder
        third = tiny_run(store.folder, config=tiny_run_config(name="third", seed=6))
        talk.app.follow(third)
        assert talk.screen._choice.run.folder == third.folder


async def test_what_the_end_of_a_run_says_of_2_is_so(store):
    ended = make_run(store, whole_story(), name="ended")
    other = make_run(store, whole_story(), name="other")
    app = app_for(run=ended.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_text(pilot, "2 talks to it")
        await pilot.press("2")
        await until_text(pilot, "ended has no checkpoint")
        app.screen.open_run(other)
        await until_text(pilot, "other has no checkpoint")
        await pilot.press("1")
        await until_text(pilot, "2, then o, leads to its model")
        app.follow(other)
        await until_text(pilot, "2 talks to it")
        await pilot.press("2")
        await until_text(pilot, "other has no checkpoint")


async def test_a_followed_run_without_a_checkpoint_is_not_answered_for_by_another(store, run):
    config = tiny_run_config(name="young")
    young = make_run(store, model=config.model, block_size=32, name="young")
    with held(young):
        async with talking(run=run.folder) as talk:
            await talk.tell("Mine", max_new_tokens=3)
            await until_text(talk.pilot, "sees 32 tokens")
            talk.app.follow(young)
            await until_text(talk.pilot, "young trains and has saved no checkpoint yet")
            assert "sees 32 tokens" not in text_of(talk.app)
            await until(talk.pilot, lambda: talk.turns == [])
            await talk.press("escape", "m")
            await until_text(talk.pilot, "the weights as they are now")
            await talk.press("escape", "i", *"Once", "enter")
            await until(talk.pilot, lambda: "young trains and has saved no checkpoint yet" in told(talk))
            assert talk.turns == []
            assert talk.prompt.text == "Once"
            await talk.press("escape", "o")
            await until_text(talk.pilot, "Which run?")
            await talk.press(*"step", "enter")
            await until_text(talk.pilot, "best, step 4")
            await until(talk.pilot, lambda: [turn.prompt for turn in talk.turns] == ["Mine"])
        async with talking(run=young.folder) as talk:
            await until_text(talk.pilot, "young trains and has saved no checkpoint yet")
            await talk.press(*"2-3 eggs")  # would else be keys: of other screens, too
            assert talk.prompt.text == "2-3 eggs"


async def test_where_the_followed_run_is_gone_the_newest_that_can_answer_is_taken(store, run):
    gone = make_run(store, name="gone")
    async with talking(run=gone.folder) as talk:
        await until_text(talk.pilot, "gone has no checkpoint")
        store.delete(gone)
        await until_text(talk.pilot, "best, step 4")


async def test_where_the_run_is_deleted_another_one_takes_its_place_and_that_is_said(store, run):
    other = make_run(store, name="unwanted")
    async with talking(run=run.folder) as talk:
        await until_text(talk.pilot, "best, step 4")
        talk.screen.open_run(other)
        await until_text(talk.pilot, "unwanted has no checkpoint")
        store.delete(other)
        await until_text(talk.pilot, "best, step 4")
        await until(talk.pilot, lambda: "unwanted was deleted; this is " in told(talk))
        store.delete(run)
        await until_text(talk.pilot, "There is no model to talk to yet")
        await until(talk.pilot, lambda: "there is no other run" in told(talk))


async def test_what_was_said_with_a_run_that_is_deleted_stays_until_the_screen_is_left(store, run, tmp_path):
    other = tiny_run(store.folder, config=tiny_run_config(name="unwanted", seed=5))
    async with talking(run=other.folder) as talk:
        await talk.set(max_new_tokens=ENDLESS)
        turn = await talk.send("A poem")
        await talk.drawn(turn, 5)
        store.delete(other)
        await talk.press("escape")
        await until(
            talk.pilot, lambda: "this turn is not kept: its run was deleted; w saves it elsewhere" in told(talk)
        )
        await until_text(talk.pilot, "unwanted was deleted, or its folder moved. What was said stays here")
        assert [turn.prompt for turn in talk.turns] == ["A poem"]
        await talk.press("escape", "w")
        await until_text(talk.pilot, "Save the turns as Markdown")
        talk.app.screen.query_one(Input).value = str(tmp_path / "poem.md")
        await talk.press("enter")
        await until(talk.pilot, lambda: (tmp_path / "poem.md").is_file())
        assert "A poem" in (tmp_path / "poem.md").read_text()
        await talk.press("1", "2")
        await until_text(talk.pilot, "best, step 4")
        await until(talk.pilot, lambda: "unwanted was deleted; this is " in told(talk))


def test_an_event_of_another_command_is_no_snapshot(run):
    from gpt2tui.runs.events import CheckpointSaved
    from gpt2tui.tui.talk.model_choice import Snapshot

    with held(run):
        snapshot = Snapshot(run)
        (command,) = [json.loads(line) for line in run.commands_file.read_text().splitlines()]
        assert command["type"] == "checkpoint"
        saved = {"path": "checkpoints/step-00000004", "bytes": 1, "seconds": 0.1, "reason": "command"}
        append(run, [CheckpointSaved(step=4, command="other", **saved)])
        assert snapshot.poll() is None
        append(run, [CheckpointSaved(step=5, command=command["id"], **saved)])
        assert snapshot.poll() == 5
