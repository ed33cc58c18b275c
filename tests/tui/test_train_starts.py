"""How a training begins on its screen: by the form, by the command line, and not at all."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.events import PhaseChanged, RunFinished
from gpt2tui.tui.screens.generate import GenerateScreen
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.widgets.start_form import StartForm
from tests.runs.synthetic import START, append, held, make_run, started, step, whole_story
from tests.tiny import tiny_run, tiny_run_config
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.training import STEPS_OF_64_TOKENS, WIDE


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


@pytest.mark.parametrize("screen", ["1", "2", "3"])
async def test_leaving_asks_where_a_run_was_typed_and_not_started(store, screen):
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"book", "escape", screen)
        await until(pilot, lambda: app.current_mode == {"1": "train", "2": "generate", "3": "runs"}[screen])
        await pilot.press("escape", "q")
        await until_text(pilot, "Leave, and lose the run in the form, which has not been started?")
        await pilot.press("escape", "f1")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        assert app.screen.query_one(StartForm).field("text").value == "book"
        await pilot.press("escape", "q", "q")
        await until(pilot, lambda: not app.is_running)


async def test_a_question_that_is_closed_leaves_the_keys_of_the_form_as_they_were(store):
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"book", "escape", "q")
        await until_text(pilot, "Leave, and lose the run in the form")
        await pilot.press("escape", "3")
        await until(pilot, lambda: app.current_mode == "runs")


async def test_leaving_asks_also_where_the_form_was_closed(store):
    make_run(store, whole_story())
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Below the target")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"book", "escape", "escape")
        await until_text(pilot, "Below the target")
        await pilot.press("q")
        await until_text(pilot, "Leave, and lose the run in the form, which has not been started?")


async def test_no_key_goes_into_an_option_that_was_hidden_again(store):
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("ctrl+l")
        form = app.screen.query_one(StartForm)
        await until(pilot, lambda: app.focused is form.field("block_size").control)
        await until_text(pilot, "Tokens a sequence")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.focused is form)
        await until(pilot, lambda: "Tokens a sequence" not in text_of(app))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press(*"xyz")
        assert form.field("block_size").value == ""
        assert form.field("text").value in ("", "xyz")


async def test_leaving_an_untouched_form_asks_nothing(store):
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("escape", "q")
        await until(pilot, lambda: not app.is_running)


async def test_the_form_begins_with_the_shape_of_the_newest_run_unless_the_user_said_another(store):
    make_run(store, whole_story(), preset="nano")
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: app.screen.query(StartForm) and app.focused)
        assert app.screen.query_one(StartForm).words() == ["--preset", "nano"]
    app = app_for(defaults={"preset": "mini"})
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: app.screen.query(StartForm) and app.focused)
        assert app.screen.query_one(StartForm).field("preset").value == "mini"


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


async def test_the_curve_of_the_run_before_never_stands_beside_the_name_of_the_new_one(store, monkeypatch):
    run = make_run(store, whole_story())
    app = app_for(run=run.folder, at=START + 500)
    frames: list[str] = []
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "◆┄")
        await pilot.press("n")
        await until_text(pilot, "Files, folders, globs")
        display = app._display
        monkeypatch.setattr(app, "_display", lambda *frame: (frames.append(text_of(app)), display(*frame)))
        app.follow(make_run(store, [], name="the new one"))
        await until(pilot, lambda: frames and "the new one" in frames[-1])
        await pilot.pause()
    assert not [frame for frame in frames if "the new one" in frame and "◆┄" in frame]


async def test_an_imported_model_is_not_gone_on_with_but_begins_a_run_on_a_text(store):
    end = RunFinished(time=START, reason="imported", step=0, loss=None, seconds=0.0)
    run = make_run(store, [end], preset="mini", name="from afar")
    make_run(store, whole_story(), preset="nano")
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until_text(pilot, "R Train it")
        await pilot.press("x")
        await until_text(pilot, "from afar was imported; R begins a run with it")
        await pilot.press("R")
        await until_text(pilot, "the new run begins with from afar")
        await until(pilot, lambda: isinstance(app.focused, Input))
        form = app.screen.query_one(StartForm)
        assert form.words() == ["--preset", "mini", "--init", run.id]
        await pilot.press("escape", "escape")
        await until_text(pilot, "Imported.")
        assert "Failed" not in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.focused, Input))
        assert form.words() == ["--preset", "nano"], "what was for that run is gone"


async def test_a_refused_resume_leaves_the_run_on_the_screen(store):
    run = make_run(store, whole_story())
    app = app_for(start=("resume", run.id), at=START + 500)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until_text(pilot, "has reached its target")
        await until_text(pilot, "Below the target")


async def test_a_training_that_cannot_start_is_told_at_the_form():
    words = ("/no/such/text", "--preset", "nano", "--keep", "3")
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


async def test_a_run_at_its_limit_asks_how_far_it_is_to_go_on():
    app = app_for(start=("train", *STEPS_OF_64_TOKENS, "--max-steps", "2"))
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Ended at its limit")
        for wrong in ("", "2", "x", "3,50"):
            await pilot.press("R", "delete", *wrong, "enter")
            await until_text(pilot, "a whole number above 2, or none")
            await pilot.press("escape")
        await pilot.press("R")
        await until_text(pilot, "its limit of 2 steps is met; none is no limit")
        await pilot.press("enter")
        await until_text(pilot, "step 4")
        await until_text(pilot, "Ended at its limit")
        assert app.follower.view.limits.max_steps == 4
        await pilot.press("3")
        await until_text(pilot, "at its limit")
        await pilot.press("R")
        await until_text(pilot, "its limit of 4 steps is met")
        await pilot.press(*"5", "enter", "1")
        await until_text(pilot, "step 5")
        await until_text(pilot, "Ended at its limit")


async def test_what_is_typed_while_a_run_starts_is_no_text_of_its_form_and_the_next_run_has_another_name(tmp_path):
    text = tmp_path / "play.txt"
    text.write_text("Who comes on iron tyres with a limping wheel?\n" * 40)
    app = app_for(typed={"text": [str(text)], "preset": "nano", "max_steps": 2, "block_size": 16, "name": "mine"})
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "mine")
        form = app.screen.query_one(StartForm)
        form.field("name").control.focus()
        await pilot.press("ctrl+s", "2", "i", "x")
        await until(pilot, lambda: isinstance(app.screen, GenerateScreen))
        await pilot.press("escape", "1")
        await until_text(pilot, "Ended at its limit")
        assert app.screen_stack == [app.screen]
        await pilot.press("n")
        await until(pilot, lambda: form.field("text").value == str(text))
        assert (form.field("name").value, form.field("preset").value) == ("", "nano")


@pytest.mark.parametrize("has_form", [False, True])
async def test_a_key_that_steers_is_answered_while_the_first_run_is_being_started(tmp_path, has_form):
    words = (*STEPS_OF_64_TOKENS, "--max-steps", "1")
    app = app_for(typed={"preset": "nano", "max_steps": 1}) if has_form else app_for(start=("train", *words))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        if has_form:
            await until(pilot, lambda: isinstance(app.focused, Input))
            await pilot.press("ctrl+s")
        await until_text(pilot, "starting a training process")
        await pilot.press("x")
        await until_text(pilot, "a training is being started")
        assert app.screen_stack == [app.screen]
        await until_text(pilot, "Ended at its limit")


async def test_a_start_beside_another_training_is_warned_about(store):
    other = make_run(store, [started(), step(1)], name="[hamlet]")
    app = app_for(start=("train", *STEPS_OF_64_TOKENS, "--max-steps", "1"), run=other.folder)
    told, notify = [], app.notify  # what is on the screen goes away by itself
    app.notify = lambda message, **options: (told.append(message), notify(message, **options))
    with held(other):
        async with app.run_test(size=WIDE, notifications=True) as pilot:
            await until_text(pilot, "run [hamlet] trains on cpu already")
            await until_text(pilot, "Ended at its limit")
            await pilot.press("R", *"none", "enter")
            await until(pilot, lambda: sum("trains on cpu already" in message for message in told) == 2)
            await pilot.press("x", "s")
            await until_text(pilot, "Stopped and saved")


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


async def test_the_run_after_one_on_an_imported_model_begins_with_weights_of_its_own(store, tmp_path):
    text = tmp_path / "play.txt"
    text.write_text("Who comes on iron tyres with a limping wheel?\n" * 40)
    config = tiny_run_config(name="from afar")
    run = tiny_run(store.folder, config=config)
    append(run, [RunFinished(time=START, reason="imported", step=0, loss=None, seconds=0.0)])
    app = app_for(run=run.folder, typed={"text": [str(text)], "max_steps": 1})
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "R Train it")
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.focused, Input))
        form = app.screen.query_one(StartForm)
        await pilot.press("ctrl+s")
        await until_text(pilot, "Ended at its limit")
        assert app.follower.view.config.init
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.focused, Input))
        assert form.field("init").value == ""


async def started_as(app, pilot, name):
    """The field of the name, after one was typed there and the run was to be started."""
    await until(pilot, lambda: isinstance(app.focused, Input))
    field = app.screen.query_one(StartForm).field("name")
    field.control.focus()
    await pilot.press(*name, "ctrl+s")
    return field


async def test_what_cannot_be_a_name_is_told_at_its_field_and_the_keys_stay_there(store):
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        field = await started_as(app, pilot, "latest")
        await until_text(pilot, "latest is a word that commands take for something else")
        assert app.focused is field.control
        assert store.all() == []


async def test_a_start_that_is_refused_for_no_field_leaves_the_keys_where_they_were(store, monkeypatch):
    async def refused(words):
        raise Gpt2TuiError("the machine is in a bad mood")

    monkeypatch.setattr("gpt2tui.tui.screens.starting.start_training", refused)
    app = app_for()
    async with app.run_test(size=WIDE) as pilot:
        field = await started_as(app, pilot, "mine")
        await until_text(pilot, "the machine is in a bad mood")
        await until(pilot, lambda: app.focused is field.control)
