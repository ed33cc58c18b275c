"""``gpt2tui runs follow``: a run's events as they come."""

from __future__ import annotations

import json
import os
import subprocess

from gpt2tui.runs.events import Notice, RunFinished
from gpt2tui.runs.store import RunStore
from tests.cli.program import call, gpt2tui_command
from tests.runs.synthetic import (
    append,
    held,
    make_run,
    started,
    step,
    whole_story,
)


def test_follow_prints_what_was_and_ends_with_a_finished_run(store: RunStore) -> None:
    run = make_run(store, whole_story(30), name="hamlet")
    found = call(store, "runs", "follow", "--from-start")
    lines = found.out.splitlines()
    assert len(lines) == len(whole_story(30))
    assert "cat walked [over] the keyboard" in found.out
    assert "\x1b" not in found.out
    assert "^[[31m" in found.out
    assert lines[-1].endswith("target reached at step 30, after 30 s")
    raw = call(store, "runs", "follow", "--from-start", "--jsonl")
    assert raw.out.encode() == run.events_file.read_bytes()
    assert len(call(store, "runs", "follow").out.splitlines()) == 10


def test_follow_says_what_an_end_left_unsaved(store: RunStore) -> None:
    run = make_run(store, [started(), step(1), RunFinished(reason="stopped", step=1, loss=1.0, seconds=1.0)])
    found = call(store, "runs", "follow")
    assert found.code == 0
    assert found.err == f"nothing was saved; gpt2tui resume {run.id} --headless goes back to the beginning\n"


def test_follow_shows_what_the_terminal_cannot_encode(store: RunStore) -> None:
    make_run(store, [started(), Notice(level="info", text="the café is full")])
    found = call(store, "runs", "follow", PYTHONIOENCODING="ascii")
    assert found.code == 0, found.err
    assert "the caf\\xe9 is full" in found.out


def test_follow_goes_on_as_events_come_and_ends_when_the_trainer_dies(store: RunStore) -> None:
    run = make_run(store, [started()])
    environment = os.environ | {"GPT2TUI_HOME": str(store.folder.parent.parent)}
    with (
        held(run) as trainer,
        subprocess.Popen(
            [*gpt2tui_command(), "runs", "follow", "--jsonl"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as follower,
    ):
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["type"] == "run_started"
        append(run, [step(1)])
        assert json.loads(follower.stdout.readline())["step"] == 1
        append(run, [step(2)])
        assert json.loads(follower.stdout.readline())["step"] == 2
        trainer.kill()
        out, err = follower.communicate(timeout=20)
    assert (follower.returncode, out) == (0, "")
    assert err.startswith(f"nobody trains run {run.id}; go on with: gpt2tui resume")


def test_without_a_run_the_one_that_trains_is_meant_though_it_is_not_the_newest(store: RunStore) -> None:
    trains, newest = (make_run(store, whole_story()[:40], name=name) for name in ("trains", "newest"))
    with held(trains):
        assert trains.id in call(store, "watch", "--once").out
        assert newest.id in call(store, "watch", "--once", "latest").out
    append(trains, [RunFinished(reason="stopped", step=39, loss=1.0, seconds=1.0)])
    assert "run_finished" in call(store, "runs", "follow", "--jsonl").out, "it was the last at work"
