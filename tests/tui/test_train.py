"""The training screen: every key against a real training, every state on the screen."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager

import msgspec
import pytest
from textual.widgets import Input

from gpt2tui.runs.commands import Set, Stop
from gpt2tui.runs.events import CheckpointSaved, Notice, PhaseChanged, RunFinished, Sampled, SettingChanged
from gpt2tui.runs.run import Label, Run
from gpt2tui.tui.processes.training import start_training
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.start_form import StartForm
from tests.runs.synthetic import START, append, evaluated, held, make_run, started, step, wait_until, whole_story
from tests.tui.apps import app_for, text_of, until, until_text

WIDE = (140, 40)
STEPS_OF_64_TOKENS = ("--preset", "nano", "--block-size", "16", "--batch-size", "4", "--sample-every", "never")


@pytest.fixture
def text(tmp_path):
    """Some 600 tokens: an evaluation of them is soon over."""
    path = tmp_path / "play.txt"
    path.write_text("".join(f"JORY: The {number}th bell, and no wind.\n" for number in range(50)))
    return str(path)


@pytest.fixture
def real_run(text):
    """A training that goes on until the test is over."""
    run = asyncio.run(start_training(("train", *STEPS_OF_64_TOKENS, "--no-target", "--name", "a real one", text)))
    yield run
    if run.is_alive():
        run.send(Stop())
        wait_until(lambda: not run.is_alive(), seconds=30)


@asynccontextmanager
async def training(store, last=1):
    """A run whose trainer lives and has come to a step, the app that follows it, and who presses its keys."""
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(last)])
    app = app_for(run=run.folder, at=START + last)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, f"step {last:,}")
            yield run, app, pilot


def found(run: Run, kind: type) -> list:
    return [event for event in run.events() if isinstance(event, kind)]


async def test_without_runs_the_form_is_there_and_nothing_else_is_asked():
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "A new run")
        assert len(app.screen_stack) == 1


async def test_the_first_form_says_how_to_leave_a_field_and_where_the_other_screens_are(store):
    app = app_for()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await until_text(pilot, "esc Leave field")
        assert text_of(app).splitlines()[0].startswith(" f1 Train  f2 Generate  f3 Runs")
        await pilot.press("escape")
        await until(pilot, lambda: "esc Leave field" not in text_of(app))
        await pilot.press("f3")
        await until_text(pilot, "No runs yet.")
        assert text_of(app).splitlines()[0].startswith(" 1 Train  2 Generate  3 Runs")


async def test_a_real_training_is_watched_and_steered(real_run):
    app = app_for(run=real_run.folder)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "● training · cpu")
        await until(pilot, lambda: app.follower.view.step is not None)
        assert "a real one" in text_of(app)

        await pilot.press("space")
        await until_text(pilot, "paused")
        assert found(real_run, PhaseChanged)[-1].phase == "paused"

        await pilot.press("s")
        await until_text(pilot, "A sample from the weights")
        await pilot.press(*"JORY:", "enter")
        await until(pilot, lambda: found(real_run, Sampled))
        assert found(real_run, Sampled)[-1].prompt == "JORY:"
        await until_text(pilot, "sample at step")

        await pilot.press("space")
        await until_text(pilot, "● training")

        await pilot.press("c")
        await until(pilot, lambda: [event.reason for event in found(real_run, CheckpointSaved)][-1:] == ["asked"])

        await pilot.press("e")
        await until_text(pilot, "learning rate")
        await pilot.press(*"0.001", "tab")
        app.screen.query_one("#learning_rate").value = "1e99"
        app.screen.query_one("#max_steps").value = "many"
        await pilot.press("enter")
        await until_text(pilot, "step limit: a number that is not negative")
        await until_text(pilot, "learning rate: a number above 0, and at most 1")
        app.screen.query_one("#learning_rate").value = "0.0004"
        app.screen.query_one("#max_steps").value = "100000"
        await pilot.press("enter")
        await until(pilot, lambda: len(found(real_run, SettingChanged)) == 3)
        assert {(event.name, event.value) for event in found(real_run, SettingChanged)} == {
            ("target_loss", 0.001),
            ("learning_rate", 0.0004),
            ("max_steps", 100_000),
        }

        await pilot.press("x")
        await until_text(pilot, "Stop this training?")
        await pilot.press("escape", "x")
        await until_text(pilot, "Stop this training?")
        await pilot.press("s")
        await until(pilot, lambda: found(real_run, RunFinished))
        await until_text(pilot, "Stopped and saved")

        await pilot.press("R")
        await until(pilot, lambda: len(found(real_run, RunFinished)) == 1 and real_run.is_alive())
        await until_text(pilot, "● training")


async def test_ctrl_c_says_how_to_leave_and_ends_nothing(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    app = app_for(run=run.folder, at=START + 1)
    with held(run) as trainer:
        async with app.run_test(size=WIDE, notifications=True) as pilot:
            await until_text(pilot, "step 1")
            await pilot.press("ctrl+c")
            await until_text(pilot, "q leaves the app")
            assert not app._exit
            assert trainer.poll() is None


async def test_an_answer_goes_to_the_run_that_was_asked_about(store):
    one, other = (make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)]) for _ in range(2))
    app = app_for(run=one.folder, at=START + 1)
    with held(one), held(other):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "step 1")
            await pilot.press("x")
            await until_text(pilot, "Stop this training?")
            app.follow(other)
            await pilot.press("s")
            await until(pilot, lambda: one.commands_file.is_file())
    assert not other.commands_file.is_file()


@pytest.mark.parametrize(
    ("key", "answer", "asked"), [("x", "s", "Stop this training?"), ("s", "enter", "A sample from")]
)
async def test_an_answer_to_a_run_that_has_ended_meanwhile_is_told_so(store, key, answer, asked):
    async with training(store) as (run, app, pilot):
        await pilot.press(key)
        await until_text(pilot, asked)
        run.lock_file.rename(run.folder / "free")  # as if its trainer had let go
        await pilot.press(answer)
        await until(pilot, lambda: any("has ended meanwhile" in one.message for one in app._notifications))
        assert "stopping" not in text_of(app)
        assert "sampling" not in text_of(app)
    assert not run.commands_file.is_file()


async def test_a_name_that_another_viewer_gives_is_shown(store):
    async with training(store) as (run, _, pilot):
        run.set_label(Label(name="nightingale"))
        await until_text(pilot, "nightingale")


async def test_keys_typed_ahead_of_a_layer_steer_nothing(store):
    async with training(store) as (run, app, pilot):
        await pilot.press("x", "c", "space", "e")
        await until_text(pilot, "Stop this training?")
        assert len(app.screen_stack) == 2
    assert not run.commands_file.is_file()


async def test_a_step_limit_that_lies_behind_is_refused_at_its_field_which_gets_the_keys(store):
    async with training(store, 1_200) as (run, app, pilot):
        await pilot.press("e")
        await until_text(pilot, "step limit")
        app.screen.query_one("#max_steps").value = "1,199"
        await pilot.press("enter")
        await until_text(pilot, "step limit: the run is at step 1,200 already")
        assert app.focused is app.screen.query_one("#max_steps")
        await pilot.press("ctrl+u", *"1201", "enter")
        await until(pilot, lambda: run.commands_file.is_file())


async def test_the_form_stays_while_its_run_is_read_on(store):
    run = make_run(store, whole_story())
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        await pilot.press("n")
        await until_text(pilot, "Files, folders, globs")
        app.overlay(run)
        await pilot.pause()
        assert "Files, folders, globs" in text_of(app)


async def test_a_refused_resume_leaves_the_run_on_the_screen(store):
    run = make_run(store, whole_story())
    app = app_for(start=("resume", run.id), at=START + 500)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until_text(pilot, "has reached its target")
        await until_text(pilot, "Below the target")


async def test_function_keys_switch_screens_from_under_a_layer_too(store):
    run = make_run(store, whole_story())
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        await pilot.press("g")
        await until_text(pilot, "until the corpus loss is below")
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "runs")
        await pilot.press("f1")
        await until_text(pilot, "until the corpus loss is below")


async def test_leaving_ends_the_app_and_not_the_training(real_run):
    app = app_for(run=real_run.folder)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "● training")
        await pilot.press("x")
        await until_text(pilot, "leave the app")
        await pilot.press("l")
        await until(pilot, lambda: app._exit)
    assert real_run.is_alive()


async def test_a_run_past_its_target_goes_on_to_a_lower_one(text):
    run = await start_training(("train", *STEPS_OF_64_TOKENS, "--target-loss", "10.5", text))
    app = app_for(run=run.folder)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        await pilot.press("g")
        await until_text(pilot, "until the corpus loss is below")
        for _ in range(8):
            await pilot.press("backspace")
        await pilot.press(*"10.6", "enter")
        await until_text(pilot, "reached already")
        for _ in range(8):
            await pilot.press("backspace")
        await pilot.press(*"7.5", "enter")
        await until(pilot, lambda: len(found(run, RunFinished)) == 2)
        await until_text(pilot, "Below the target")
    assert found(run, SettingChanged)[-1].value == 7.5


STATES = {
    "starting": ([started(), PhaseChanged(time=START, phase="starting")], "● starting"),
    "compiling": ([started(), PhaseChanged(time=START, phase="compiling")], "the first step takes a while"),
    "training": ([started(), PhaseChanged(time=START, phase="training"), step(1), step(2)], "● training"),
    "paused": ([started(), step(1), PhaseChanged(time=START, phase="paused")], "space goes on"),
    "evaluating": ([started(), step(1), PhaseChanged(time=START, phase="evaluating")], "● evaluating"),
    "saving": ([started(), step(1), PhaseChanged(time=START, phase="saving")], "● saving"),
    "stalled": ([started(), PhaseChanged(time=START, phase="training"), step(1)], "No sign of life for 1 h"),
}


@pytest.mark.parametrize("state", STATES)
async def test_every_state_of_a_living_run_is_told(store, state):
    events, words = STATES[state]
    run = make_run(store, events)
    app = app_for(run=run.folder, at=START + (3_601 if state == "stalled" else 2))
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, words)


ENDS = {
    "target_reached": "Below the target: corpus loss",
    "limit": "Ended at its limit",
    "stopped": "Stopped and saved",
    "interrupted": "Interrupted and saved",
    "diverged": "Diverged: the loss was not finite",
    "out_of_memory": "Out of memory: the loss was not finite",
    "failed": "Failed: the loss was not finite",
}


@pytest.mark.parametrize("reason", ENDS)
async def test_every_end_is_told_with_what_to_do(store, reason):
    story = whole_story()
    last = msgspec.structs.replace(story[-1], reason=reason)
    run = make_run(store, [*story[:-1], Notice(time=START + 470, level="error", text="the loss was not finite"), last])
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, ENDS[reason])


async def test_a_crash_shows_the_end_of_the_log(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    run.log_file.write_text("".join(f"line {number}\n" for number in range(20)) + "Segmentation \x1b[31mfault\n")
    app = app_for(run=run.folder, at=START + 5)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Segmentation ^[[31mfault")
        assert "R goes on from the beginning: 1 step will be done again." in text_of(app)
        assert "line 19" in text_of(app)
        assert "line 2\n" not in text_of(app)


async def test_the_very_end_of_the_log_is_seen_where_there_is_room_for_little(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    run.log_file.write_text("".join(f"line {number} {'of words ' * 20}\n" for number in range(20)) + "the very end\n")
    app = app_for(run=run.folder, at=START + 5)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_text(pilot, "the very end")
        assert "R goes on from the beginning: 1 step will be done again." in text_of(app)
        assert "line 19" in text_of(app)
        assert "line 15" not in text_of(app)


async def test_a_training_that_cannot_start_is_told_at_the_form():
    words = ("--preset", "nano", "--keep", "3", "/no/such/text")
    app = app_for(start=("train", *words), typed={"preset": "nano", "keep": 3, "text": ["/no/such/text"]})
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "no such file or folder")
        assert isinstance(app.screen, TrainScreen)
        assert app.screen.query_one(StartForm).words() == list(words)
        await until_text(pilot, "no estimate: see text")  # a look of the form's own finds the same
        assert "no such file or folder" in text_of(app)


async def test_out_of_the_form_of_a_training_that_cannot_start_esc_leads_to_the_run_that_trains(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(7)], name="the first")
    app = app_for(start=("train", "/no/such/text"), typed={"text": ["/no/such/text"]}, at=START + 7)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "no such file or folder")
            field = app.screen.query_one(StartForm).field("text").control
            await until(pilot, lambda: app.focused is field)
            await pilot.press("escape")
            await until_text(pilot, "esc Back")
            assert "no such file or folder" in text_of(app)
            await pilot.press("escape")
            await until_text(pilot, "the first")
            await until_text(pilot, "● training")
            await pilot.press("n")
            await until_text(pilot, "/no/such/text")


async def test_the_words_of_the_command_line_start_a_training():
    app = app_for(start=("train", *STEPS_OF_64_TOKENS, "--max-steps", "2", "--name", "typed"))
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Ended at its limit")
        assert "typed" in text_of(app)


async def test_a_start_beside_another_training_is_warned_about(store):
    other = make_run(store, [started(), step(1)], name="[hamlet]")
    app = app_for(start=("train", *STEPS_OF_64_TOKENS, "--max-steps", "1"), run=other.folder)
    told, notify = [], app.notify  # what is on the screen goes away by itself
    app.notify = lambda message, **options: (told.append(message), notify(message, **options))
    with held(other):
        async with app.run_test(size=WIDE, notifications=True) as pilot:
            await until_text(pilot, "run [hamlet] trains on cpu already")
            await until_text(pilot, "Ended at its limit")
            await pilot.press("R")
            await until(pilot, lambda: sum("trains on cpu already" in message for message in told) == 2)
            await pilot.press("x", "s")  # its limit no longer holds
            await until_text(pilot, "Stopped and saved")


async def test_what_is_untrusted_is_text(store):
    name = "[/red]\u202e\u200b漢字"
    run = make_run(store, whole_story(), name=name)
    append(run, [Notice(time=START, level="warning", text="\x1b]0;title\x07 [bold]x")])
    app = app_for(run=run.folder, at=START)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "[/red]\\u202e\\u200b漢字")
        await until_text(pilot, "^[]0;title^G [bold]x")
        assert "upon^[[31m a time" in text_of(app)


async def test_events_written_by_others_appear(store):
    async with training(store) as (run, _, pilot):
        append(run, [step(number) for number in range(2, 78)])
        await until_text(pilot, "step 77")
        run.send(Set(name="target_loss", value=0.5))
        append(run, [SettingChanged(time=START + 78, name="target_loss", value=0.5, previous=0.099999)])
        await until_text(pilot, "0.5")


async def test_keys_of_the_chart(store):
    run = make_run(store, whole_story())
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        chart = app.screen.query_one(LossChart)
        before = text_of(app)
        for key in ("y", "u", "plus", "left", "right", "minus", "0", "v", "left"):
            await pilot.press(key)
            await pilot.pause()
            now = text_of(app)
            assert now != before or key in ("right", "minus", "0"), key
            before = now
        assert chart.is_reading
        await pilot.press("escape")
        assert not chart.is_reading
        await pilot.press("escape")
        assert app.is_running
        assert app.screen.query_one(LossChart) is chart


async def test_a_target_is_not_emptied_by_a_slip(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    with held(run):
        async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press("e", "ctrl+u", "enter")
            await until_text(pilot, "target loss: a loss, or none")
            await pilot.press(*"none", "enter")
            await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
            sent = await until(pilot, lambda: run.commands_file.is_file() and run.commands_file.read_text())
            assert '"name":"target_loss","value":null' in sent


async def test_what_a_setting_means_is_told_while_its_field_has_the_keys(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    with held(run):
        async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press("e")
            await until_text(pilot, "the run ends when the corpus loss is below it")
            await pilot.press("tab", "tab", "tab")
            await until_text(pilot, "such as 30m or 2h, since the session began")
            assert "the run ends when" not in text_of(pilot.app)
            await pilot.press("shift+tab", "shift+tab")
            await until_text(pilot, "the peak of the schedule; at step 1 the rate was 2.00e-04")


async def test_up_and_down_go_through_the_settings_and_a_target_that_is_met_already_is_refused(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    with held(run):
        async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press("e", "ctrl+u", *"50", "down", "ctrl+u", *"0.3", "down", "ctrl+u", *"9.5", "up", "enter")
            await until_text(pilot, "target loss: it is at 10.3955 already; x ends it")
            await until_text(pilot, "step limit: a whole number")
            layer = pilot.app.screen
            assert layer.query_one("#learning_rate").value == "0.3"
            assert layer.query_one("#target_loss").has_focus
            assert not run.commands_file.is_file()
            await pilot.press("ctrl+u", "0")
            await until(pilot, lambda: "x ends it" not in text_of(pilot.app))
            assert "step limit: a whole number" in text_of(pilot.app)


async def test_a_target_is_refused_by_the_corpus_loss_where_that_is_the_lowest(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1), evaluated(1, 0.5), step(2)])
    with held(run):
        async with app_for(run=run.folder, at=START + 3).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press("e", "ctrl+u", *"0.6", "enter")
            await until_text(pilot, "target loss: it is at 0.5000 already; x ends it")
            await pilot.press("ctrl+u", *"0.4", "enter")
            await until(pilot, lambda: run.commands_file.is_file())


async def test_who_comes_back_to_the_form_is_in_the_field_that_was_left(store):
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Files, folders, globs")
        await pilot.press("tab", "tab", "tab", "tab", *"0.5", "escape", "f2")
        await until_text(pilot, "There is no model to talk to yet")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("1")
        form = app.screen.query_one(StartForm)
        assert form.field("target_loss").value.endswith("0.51")


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (200, 60)])
async def test_any_size_works_and_resizing_loses_nothing(store, size):
    run = make_run(store, whole_story())
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        await pilot.press("n")
        await until_text(pilot, "Files, folders, globs")
        await pilot.press(*"my text.txt")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await pilot.resize_terminal(*WIDE)
        await until_text(pilot, "my text.txt")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, StartForm))
        await pilot.press("escape")
        await until_text(pilot, "Below the target")


async def test_a_run_whose_folder_is_deleted_is_gone(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    app = app_for(run=run.folder, at=START + 2)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Its process ended without a word")
        shutil.rmtree(run.folder)
        await until_text(pilot, "Its folder is gone: deleted, or moved elsewhere.")
        await until_text(pilot, "✗ folder gone")
        await until(pilot, lambda: "R Go on" not in text_of(app))
        await until_text(pilot, "n New run")


FULL = "no room for the checkpoint of step 9 in /there: 1.0 kB are free; free 2.0 MB, and it goes on by itself"


async def test_a_pause_for_a_full_disk_says_what_ends_it_whatever_was_asked_meanwhile(store):
    phases = [
        PhaseChanged(time=START, phase="saving"),
        Notice(time=START, level="error", text=FULL),
        PhaseChanged(time=START, phase="paused"),
        PhaseChanged(time=START + 60, phase="paused", command="another"),
    ]
    run = make_run(store, [started(), step(1), *phases])
    with held(run):
        app = app_for(run=run.folder, at=START + 61)
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "and it goes on by itself")
            assert "space tries again now" in text_of(app)
            assert "○ paused, disk full" in text_of(app)


async def test_a_silent_run_on_a_full_disk_says_so(store):
    huge = CheckpointSaved(time=START, step=1, path="checkpoints/a", bytes=10**18, seconds=1.0, reason="asked")
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1), huge])
    with held(run):
        app = app_for(run=run.folder, at=START + 3_601)
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "Its disk is full, so for 1 h it could not even say so.")
            assert "and it goes on by itself." in text_of(app)


async def test_events_tell_the_day_where_it_is_another_and_when_a_pause_ended(store):
    day = 86_400
    moments = [
        (START - 40 * day, "paused"),
        (START - 2 * day, "saving"),
        (START - 2 * day, "paused"),
        (START - 2 * day, "training"),
        (START - 2 * day + 60, "paused"),
        (START + 60, "training"),
    ]
    run = make_run(store, [started(at=START - 40 * day), *(PhaseChanged(time=at, phase=one) for at, one in moments)])
    app = app_for(run=run.folder, at=START + 120)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "goes on")
        lines = [str(line).split(" ") for line in str(app.screen.query_one("News Static").render()).splitlines()]
        assert [line[-1] for line in lines[:4]] == ["on", "paused", "on", "paused"]  # saving was no end of the pause
        assert [len(line[:-2]) if line[-1] == "on" else len(line[:-1]) for line in lines[:4]] == [1, 2, 1, 2]
        assert lines[3][0].startswith("2023-10-0")
