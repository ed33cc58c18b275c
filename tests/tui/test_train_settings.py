"""The settings of a run that trains: what they mean, and which values are refused."""

from __future__ import annotations

import json

import pytest

from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import PhaseChanged
from tests.runs.synthetic import START, evaluated, held, make_run, started, step
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.training import WIDE, training


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
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1), evaluated(1, 9.0)])
    with held(run):
        async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press("e", "ctrl+u", *"50", "down", "ctrl+u", *"0.3", "down", "ctrl+u", *"9.5", "up", "enter")
            await until_text(pilot, "target loss: its best corpus loss is 9.0000")
            await until_text(pilot, "step limit: a whole number")
            layer = pilot.app.screen
            assert layer.query_one("#learning_rate").value == "0.3"
            assert layer.query_one("#target_loss").has_focus
            assert not run.commands_file.is_file()
            await pilot.press("ctrl+u", "0")
            await until(pilot, lambda: "x ends it" not in text_of(pilot.app))
            assert "step limit: a whole number" in text_of(pilot.app)


@pytest.mark.parametrize(
    ("field", "typed", "problem"),
    [
        ("target_loss", "0,05", "target loss: a loss, or none: write 0.05"),
        ("target_loss", "0,099", "target loss: a loss, or none: write 0.099"),  # and no thousands
        ("max_steps", "0,500", "step limit: a whole number above 0, or none"),
        ("max_tokens", "1,50", "token limit: a whole number above 0, or none"),
    ],
)
async def test_a_comma_is_no_point(store, field, typed, problem):
    async with training(store) as (run, _, pilot):
        await pilot.press("e")
        pilot.app.screen.query_one(f"#{field}").value = typed
        await pilot.press("ctrl+s")
        await until_text(pilot, problem)
        assert not run.commands_file.is_file()


async def test_commas_between_thousands_are_left_out(store):
    async with training(store) as (run, _, pilot):
        await pilot.press("e")
        pilot.app.screen.query_one("#max_tokens").value = "1,500,000"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: run.commands_file.is_file() and "1500000" in run.commands_file.read_text())


@pytest.mark.parametrize("wrong", ["", "0", "99", "fast", "nan"])
async def test_a_learning_rate_is_refused_in_the_same_words_whatever_is_wrong_with_it(store, wrong):
    async with training(store) as (run, _, pilot):
        await pilot.press("e", "down", "ctrl+u", *wrong, "enter")
        await until_text(pilot, "learning rate: a number above 0, and at most 1")
        assert not run.commands_file.is_file()


async def test_a_target_above_the_running_loss_is_taken_where_the_corpus_loss_was_not_measured(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    with held(run):
        async with app_for(run=run.folder, at=START + 3).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press("e", "ctrl+u", *"50", "enter")
            await until(pilot, lambda: run.commands_file.is_file())


async def test_a_limit_is_lifted_by_the_word_as_by_nothing(store):
    limits = Limits(max_steps=100, max_tokens=900_000, max_seconds=3_600)
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)], limits=limits)
    with held(run):
        async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
            await until_text(pilot, "● training")
            await pilot.press(
                "e", "down", "down", "ctrl+u", *"none", "down", "ctrl+u", *"none", "down", "ctrl+u", "enter"
            )
            await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
            sent = [json.loads(line) for line in run.commands_file.read_text().splitlines()]
            assert [(one["name"], one["value"]) for one in sent] == [
                ("max_steps", None),
                ("max_seconds", None),
                ("max_tokens", None),
            ]


async def test_none_where_there_is_no_limit_changes_nothing(store):
    async with training(store) as (run, app, pilot):
        await pilot.press("e", "down", "down", "ctrl+u", *"none", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert not run.commands_file.is_file()


@pytest.mark.parametrize("wrong", ["0", "-3", "soon", "nan", "inf"])
async def test_a_limit_that_is_none_is_refused_in_words_that_say_what_is_taken(store, wrong):
    async with training(store) as (run, _, pilot):
        await pilot.press("e", "down", "down", "ctrl+u", *wrong, "down", "ctrl+u", *wrong, "down", "ctrl+u", *wrong)
        await pilot.press("enter")
        await until_text(pilot, "step limit: a whole number above 0, or none")
        await until_text(pilot, "time limit: a time such as 30m or 1h30m, or none")
        await until_text(pilot, "token limit: a whole number above 0, or none")
        assert not run.commands_file.is_file()
