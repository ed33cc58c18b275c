"""The training screen: every key against a real training, and whom an answer reaches."""

from __future__ import annotations

import asyncio

import pytest

from gpt2tui.runs.commands import Stop
from gpt2tui.runs.events import CheckpointSaved, PhaseChanged, RunFinished, Sampled, SettingChanged
from gpt2tui.runs.run import Label, Run
from gpt2tui.tui.processes.training import start_training
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.prompt import PromptArea
from tests.runs.synthetic import START, held, make_run, started, step, wait_until, whole_story
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.training import STEPS_OF_64_TOKENS, WIDE, training


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


def found(run: Run, kind: type) -> list:
    return [event for event in run.events() if isinstance(event, kind)]


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
        await until_text(pilot, "step limit: a whole number above 0, or none")
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


async def test_in_ascii_a_name_that_is_not_is_written_out_on_every_screen(store):
    run = make_run(store, whole_story())
    run.set_label(Label(name="小说"))
    app = app_for(run=run.folder, at=START + 100, is_ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        for screen in "123":
            await pilot.press(f"f{screen}")
            await until_text(pilot, "\\u5c0f")
            assert text_of(app).isascii()


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


async def test_a_prompt_for_a_run_that_has_ended_meanwhile_is_not_lost(store):
    async with training(store) as (run, app, pilot):
        await pilot.press("s")
        await until_text(pilot, "A sample from")
        await pilot.press(*"To be")
        run.lock_file.rename(run.folder / "free")  # as if its trainer had let go
        await pilot.press("enter")
        said = "2 has your prompt, and goes on from what was saved"
        await until(pilot, lambda: any(said in one.message for one in app._notifications))
        await pilot.press("2")
        await until(pilot, lambda: bool(app.screen.query(PromptArea)))
        await until(pilot, lambda: app.screen.query_one(PromptArea).text == "To be")
        await until_text(pilot, f"{run.name()} has no checkpoint")


@pytest.mark.parametrize(
    ("key", "last"),
    [("s", "a prompt, or nothing for the run's"), ("x", "esc  go back"), ("e", "token limit       none")],
)
async def test_what_a_question_asks_has_room_on_the_smallest_terminal(store, key, last):
    async with training(store) as (_, _, pilot):
        await pilot.resize_terminal(40, 10)
        await pilot.press(key)
        await until_text(pilot, last)


async def test_keys_typed_ahead_of_a_layer_steer_nothing(store):
    async with training(store) as (run, app, pilot):
        await pilot.press("x", "c", "space", "e")
        await until_text(pilot, "Stop this training?")
        assert len(app.screen_stack) == 2
    assert not run.commands_file.is_file()


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
    run = await start_training(
        ("train", *STEPS_OF_64_TOKENS, "--target-loss", "10.5", "--max-steps", "900", "--max-time", "5m", text)
    )
    app = app_for(run=run.folder)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        await pilot.press("g")
        await until_text(pilot, "until the corpus loss is below")
        await pilot.press("escape", "R")  # as a run that was stopped goes on
        await until_text(pilot, "until the corpus loss is below")
        await until_text(pilot, "it ends after 900 steps")
        await pilot.press(*"10.6", "enter")  # instead of what is proposed
        await until_text(pilot, "reached already")
        await pilot.press("ctrl+u", *"7.5", "enter")
        await until(pilot, lambda: len(found(run, RunFinished)) == 2)
        await until_text(pilot, "Below the target")
    assert found(run, SettingChanged)[-1].value == 7.5


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
