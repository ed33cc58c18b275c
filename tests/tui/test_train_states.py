"""What the training screen tells of a run: every state, every end, and what others write."""

from __future__ import annotations

import re
import shutil

import msgspec
import pytest

from gpt2tui.runs.commands import Set
from gpt2tui.runs.event_lines import event_words
from gpt2tui.runs.events import CheckpointSaved, Notice, PhaseChanged, Reason, RunFinished, Sampled, SettingChanged
from gpt2tui.runs.run import Label
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.tui.settings import AppSettings
from gpt2tui.tui.widgets.chart import LossChart
from tests.runs.synthetic import START, append, evaluated, held, make_run, saved, started, step, whole_story
from tests.tui.apps import app_for, text_of, until, until_text
from tests.tui.training import WIDE, training


def finished(reason: Reason) -> RunFinished:
    return RunFinished(time=START + 1, reason=reason, step=1, loss=1.0, seconds=1.0)


async def test_a_name_that_another_viewer_gives_is_shown(store):
    async with training(store) as (run, _, pilot):
        run.set_label(Label(name="nightingale"))
        await until_text(pilot, "nightingale")


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


UNSAVED = {
    "before its first step": ([], "Stopped before its first step.", "R starts it."),
    "nothing": ([step(1)], "Stopped, but nothing was saved; running loss", "R goes back to the beginning."),
    "a part": (
        [step(1), saved(1), step(2)],
        "Stopped, but step 2 was not saved; running loss",
        "R goes back to step 1.",
    ),
    "all": ([step(1), saved(1)], "Stopped and saved, running loss", "R goes on from there."),
}


@pytest.mark.parametrize("what", UNSAVED)
async def test_a_stop_that_saved_nothing_or_not_all_says_so(store, what):
    steps, words, way_on = UNSAVED[what]
    last = max((event.step for event in steps), default=0)
    end = RunFinished(time=START + 3, reason="stopped", step=last, loss=None, seconds=1.0)
    run = make_run(store, [started(), *steps, end])
    app = app_for(run=run.folder, at=START + 5)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, words)
        assert way_on in text_of(app)


async def test_a_limit_that_could_not_save_says_so(store):
    end = RunFinished(time=START + 3, reason="limit", step=3, loss=None, seconds=1.0)
    run = make_run(store, [started(), step(1), saved(1), step(2), step(3), end])
    app = app_for(run=run.folder, at=START + 5)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "after 1 s; steps 2 to 3 were not saved.")
        assert "R goes back to step 1." in text_of(app)


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


async def test_where_there_is_room_for_one_text_t_shows_the_sample_or_the_events(store):
    run = make_run(store, [started(), *whole_story(9)[1:-3]])
    app = app_for(run=run.folder, at=START + 9)
    with held(run):
        async with app.run_test(size=(80, 24)) as pilot:
            await until_text(pilot, "t sample")
            assert "sample at step 9" in text_of(app)
            assert "upon^[[31m a time" not in text_of(app)
            await pilot.press("t")
            await until_text(pilot, "t events")
            assert "upon^[[31m a time" in text_of(app)
            await pilot.press("t")
            await until_text(pilot, "t sample")
            asked = Sampled(
                time=START + 9, step=9, prompt="Never", text=" more", settings=SamplingSettings(), command="a"
            )
            append(run, [asked])
            await until_text(pilot, "Never more")
            await pilot.resize_terminal(*WIDE)
            await until_text(pilot, "the cat walked")
            assert "Never more" in text_of(app)
            assert "t events" not in text_of(app)
            await pilot.press("t")
            await pilot.resize_terminal(80, 24)
            await until_text(pilot, "t events")


async def test_an_asked_checkpoint_is_answered_where_the_events_are_not_shown(store):
    run = make_run(store, [started(), *whole_story(9)[1:-3]])
    app = app_for(run=run.folder, at=START + 9)

    def toasts() -> list[str]:
        return [toast.message for toast in app._notifications]

    with held(run):
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await until_text(pilot, "t sample")
            asked = msgspec.structs.replace(saved(9), reason="asked", command="a")
            append(run, [asked])
            await until_text(pilot, "(asked)")
            assert not toasts(), "it stands in the events"
            await pilot.press("t")
            await until_text(pilot, "t events")
            append(run, [saved(10), Notice(time=START, level="info", text="seen", command="b")])
            await until(pilot, lambda: toasts() == ["seen"])
            append(run, [asked])
            await until(pilot, lambda: toasts()[1:] == [event_words(asked)])


async def test_an_asked_sample_is_seen_where_there_is_room_for_numbers_alone(store):
    run = make_run(store, [started(), *whole_story(9)[1:-3]])
    app = app_for(run=run.folder, at=START + 9)
    with held(run):
        async with app.run_test(size=(40, 10), notifications=True) as pilot:
            await until_text(pilot, "step 9")
            asked = Sampled(
                time=START + 9, step=9, prompt="Never", text=" [b]more", settings=SamplingSettings(), command="a"
            )
            append(run, [asked])
            await until_text(pilot, "Never [b]more")


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


async def test_a_run_whose_folder_is_deleted_is_gone(store):
    run = make_run(store, [started(), PhaseChanged(time=START, phase="training"), step(1)])
    app = app_for(run=run.folder, at=START + 2)
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "Its process ended without a word")
        await until_text(pilot, "┄┄ target 0.099999")
        shutil.rmtree(run.folder)
        await until_text(pilot, "Its folder is gone: deleted, or moved elsewhere.")
        await until_text(pilot, "✗ folder gone")
        await until(pilot, lambda: "R Go on" not in text_of(app))
        await until_text(pilot, "n New run")
        app.screen.query_one(LossChart).refresh_data()
        await pilot.pause()
        assert "no steps yet" not in text_of(app), "the curve that was there stays"


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


async def test_looks_that_found_the_corpus_loss_above_the_target_take_one_line(store):
    looks: list = []
    for number in range(10, 60, 10):
        looks += [saved(number, "before evaluation"), evaluated(number, 0.4, partial=True)]
    run = make_run(store, [started(), *looks, saved(60, "asked"), *looks[:4], evaluated(70, 0.3)])
    async with app_for(run=run.folder, at=START + 120).run_test(size=WIDE) as pilot:
        await until_text(pilot, "step 60")
        lines = str(pilot.app.screen.query_one("News Static").render()).splitlines()
    steps = [found.group(1) for line in lines if (found := re.search(r"step (\d+)", line))]
    assert steps[:6] == ["70", "20", "20", "60", "50", "50"]


NOT_TRAINED = "lim is not being trained; R goes on with it"


@pytest.mark.parametrize("key", ["space", "s", "c", "x", "e", "o", "g"])
async def test_keys_that_can_do_nothing_for_a_run_that_has_ended_say_why(store, key):
    run = make_run(store, [started(), step(1), saved(1), finished("stopped")], name="lim")
    async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
        await until_text(pilot, "Stopped and saved")
        words = {
            "s": "lim is not being trained; Generate (2) writes with it, R goes on with it",
            "o": "nothing is laid over the chart; o on Runs lays a run over it",
            "g": "lim has not reached a target; R goes on with it",
        }
        await pilot.press(key, key)
        await until(pilot, lambda: pilot.app._notifications)
        assert [one.message for one in pilot.app._notifications] == [words.get(key, NOT_TRAINED)]
        assert len(pilot.app.screen_stack) == 1
        footer = text_of(pilot.app).splitlines()[-1]
        assert not {"Pause", "Sample", "Checkpoint", "Stop", "Set"} & set(footer.split())


@pytest.mark.parametrize("key", ["R", "g"])
async def test_a_run_that_trains_cannot_be_gone_on_with_and_says_so(store, key):
    async with training(store) as (run, app, pilot):
        run.set_label(Label(name="lim"))
        await pilot.press(key)
        await until(pilot, lambda: app._notifications)
        assert [one.message for one in app._notifications] == ["lim is being trained already"]


async def test_a_run_that_waits_says_how_it_goes_on(store):
    run = make_run(store, [started(), step(1), PhaseChanged(time=START + 1, phase="paused")], name="lim")
    with held(run):
        async with app_for(run=run.folder, at=START + 2).run_test(size=WIDE) as pilot:
            await until_text(pilot, "space Go on")
            await pilot.press("R")
            await until(pilot, lambda: pilot.app._notifications)
            assert [one.message for one in pilot.app._notifications] == ["lim is paused; space goes on"]


async def test_a_pause_in_which_it_saves_is_still_one(store):
    run = make_run(store, [started(), step(1), PhaseChanged(time=START + 1, phase="paused")])
    app = app_for(run=run.folder, at=START + 2)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "space Go on")
            append(run, [PhaseChanged(time=START + 1, phase="saving")])
            await until_text(pilot, "● saving")
            await pilot.press("space")
            await until_text(pilot, "going on")
            append(run, [PhaseChanged(time=START + 1, phase="training")])
            await until_text(pilot, "space Pause")


@pytest.mark.parametrize(
    ("keymap", "key"), [({"train.pause": "p"}, "space"), ({"train.pause": "p", "train.go_on": "p"}, "p")]
)
async def test_a_pause_is_lifted_whatever_the_keymap_makes_of_its_key(store, keymap, key):
    run = make_run(store, [started(), step(1), PhaseChanged(time=START + 1, phase="paused")])
    app = app_for(run=run.folder, at=START + 2, settings=AppSettings(keymap=keymap))
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, f"{key} Go on")
            assert f"{key} goes on." in text_of(app)
            await pilot.press(key)
            await until_text(pilot, "going on")


async def test_a_key_that_was_given_to_something_else_says_nothing_of_what_it_was(store):
    run = make_run(store, [started(), step(1), saved(1), finished("stopped")], name="lim")
    app = app_for(run=run.folder, at=START + 2, settings=AppSettings(keymap={"train.sample": "b", "train.new": "s"}))
    async with app.run_test(size=WIDE) as pilot:
        await until_text(pilot, "s New run")
        await pilot.press("b")
        await until(pilot, lambda: app._notifications)
        assert "Generate (2) writes with it" in next(iter(app._notifications)).message
        await pilot.press("s")
        await until_text(pilot, "A new run")
        assert len(app._notifications) == 1
