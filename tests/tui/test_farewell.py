"""What is printed when the app is left works when it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpt2tui.runs.events import PhaseChanged, RunFinished
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.farewell import farewell
from gpt2tui.tui.processes import training
from tests.runs.synthetic import START, held, make_run, saved, started, step, whole_story


def shown(run: Run) -> Follower:
    follower = Follower(run)
    follower.open()
    return follower


def test_a_run_of_the_store_is_named_by_its_id(store: RunStore) -> None:
    run = make_run(store, whole_story())
    assert farewell(store, shown(run))[-1] == f'  talk to it: gpt2tui sample --run {run.id} "..."'


def test_a_run_that_is_being_started_is_not_said_to_have_stopped(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(store, whole_story())
    monkeypatch.setattr(training, "_beginning", [("resume", str(run.folder), "--target-loss", "0.05")])
    first, *rest = farewell(store, shown(run))
    assert ": is being started; step 470" in first
    assert rest == [f"  come back: gpt2tui watch {run.id}"]


def test_a_run_that_lies_elsewhere_is_named_by_its_folder(store: RunStore, tmp_path: Path) -> None:
    run = make_run(RunStore(tmp_path / "other runs"), whole_story())
    lines = farewell(store, shown(run))
    assert lines[-1] == f"  talk to it: gpt2tui sample --run '{run.folder}' \"...\""
    with held(run):
        assert f"  come back: gpt2tui watch '{run.folder}'" in farewell(store, shown(run))


def test_a_paused_run_does_not_go_on_training_and_a_deleted_one_is_not_talked_to(store: RunStore) -> None:
    run = make_run(store, [started(), step(1), PhaseChanged(time=START, phase="paused")])
    with held(run):
        assert ": paused; step 1" in farewell(store, shown(run))[0]
    follower = shown(run)
    run.folder.rename(run.folder.with_name("moved"))
    assert farewell(store, follower) == [f"run {run.id}: folder gone; step 1, running loss {10.3955:.4f}"]


def test_an_end_that_could_not_save_is_told_and_a_run_that_has_no_checkpoint_is_not_talked_to(store: RunStore) -> None:
    end = RunFinished(time=START + 3, reason="stopped", step=3, loss=1.0, seconds=3.0)
    steps = [step(1), step(2), step(3)]
    (told,) = farewell(store, shown(make_run(store, [started(), *steps, end])))
    assert ": stopped, but nothing was saved; step 3" in told
    told, way_on = farewell(store, shown(make_run(store, [started(), *steps, saved(2), end])))
    assert ": stopped, but step 3 was not saved; step 3" in told
    assert way_on.startswith("  talk to it")
