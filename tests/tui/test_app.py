"""How the app reads the run it follows, and what becomes of it when that can no longer be read."""

from __future__ import annotations

import os
import shutil

import pytest

from gpt2tui.runs import follower as following
from gpt2tui.tui.app import Gpt2TuiApp
from gpt2tui.tui.widgets.chart import LossChart
from tests.runs.synthetic import START, append, held, make_run, started, step, whole_story
from tests.tui.apps import app_for, text_of, until, until_text

WIDE = (140, 40)


def said(app: Gpt2TuiApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def test_a_journal_that_cannot_be_read_is_told_once_and_read_on_when_it_can(store):
    run = make_run(store, [started(), step(1)])
    app = app_for(run=run.folder, at=START + 1)
    hidden = run.events_file.with_name("hidden.jsonl")
    with held(run):
        async with app.run_test(size=WIDE, notifications=True) as pilot:
            await until_text(pilot, "step 1")
            run.events_file.rename(hidden)
            run.events_file.symlink_to(run.events_file.name)  # not even root can open it
            await until(pilot, lambda: said(app))
            app._look()
            assert "step 1" in text_of(app)
            assert len(said(app)) == 1
            hidden.rename(run.events_file)
            append(run, [step(2)])
            await until_text(pilot, "step 2")


async def test_a_run_deleted_by_others_leaves_the_app_standing(store):
    run = make_run(store, whole_story())
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until_text(pilot, "step 470")
        shutil.rmtree(run.folder)
        assert app.follower is not None
        app._poll()
        app._look()
        await pilot.press("3", "1")
        await until_text(pilot, "step 470")


async def test_a_run_that_cannot_be_opened_is_said_and_the_one_before_stays(store):
    run, broken = make_run(store, whole_story()), make_run(store, whole_story())
    broken.config_file.write_text("{")
    app = app_for(run=run.folder, at=START + 500)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until_text(pilot, "step 470")
        app.follow(broken)
        app.overlay(broken)
        await until(pilot, lambda: len(said(app)) == 2)
        assert [str(broken.config_file) in text for text in said(app)] == [True, True]
        assert app.follower is not None
        assert app.follower.run.id == run.id
        assert app.overlaid is None


async def test_where_nothing_trains_the_run_that_was_last_at_work_is_shown(store):
    older, newer = (make_run(store, whole_story(), name=name) for name in ("older", "newer"))
    os.utime(newer.events_file, (1, 1))
    app = app_for(at=START + 500)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.follower)
        assert app.follower.run.folder == older.folder


@pytest.mark.parametrize("screen", ["train", "runs"])
async def test_a_long_journal_is_read_and_on_train_not_before_the_chart_is_there(store, monkeypatch, screen):
    make_run(store, whole_story()).series()
    read, was_ready = following.Follower.catch_up, []

    def catch_up(follower: following.Follower) -> None:
        was_ready.extend(chart.is_ready for chart in app.screen.query(LossChart))
        read(follower)

    monkeypatch.setattr(following, "_SOON", 1000)
    monkeypatch.setattr(following.Follower, "catch_up", catch_up)
    app = app_for(screen=screen, at=START + 500)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.follower and app.follower.is_caught_up)
        assert screen != "train" or was_ready == [True]
