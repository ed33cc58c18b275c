"""Following a run whose files are long, odd, or cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gpt2tui.runs import follower as following
from gpt2tui.runs.events import Evaluated, PhaseChanged, RunFinished
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.ledger import Ledger
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import START, append, make_run, started, step, whole_story


def unreadable(path: Path) -> None:
    """Put something in a file's place that no user, not even root, can open as one."""
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


@pytest.fixture
def long_run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose journal is taken for one that is too long to be read at once."""
    monkeypatch.setattr(following, "_SOON", 1000)
    return make_run(store, [started(), PhaseChanged(time=START, phase="training"), *map(step, range(1, 400))])


def test_a_long_run_shows_its_state_before_it_is_read(long_run: Run) -> None:
    long_run.series()
    append(long_run, [PhaseChanged(time=START + 400, phase="paused")])
    follower = Follower(long_run)
    follower.is_alive = True
    follower.open()
    assert not follower.is_caught_up
    assert follower.state(START + 10_000) == "paused"
    assert follower.view.step is not None
    assert follower.view.step.step == 399


def test_a_long_run_that_has_ended_is_known_to_have_ended_at_once(long_run: Run) -> None:
    append(long_run, [RunFinished(time=START + 400, reason="stopped", step=399, loss=1.0, seconds=399.0)])
    follower = Follower(long_run)
    follower.open()
    assert follower.state(START + 10_000) == "finished"


def test_a_glance_at_steps_alone_says_that_they_go_on(long_run: Run) -> None:
    append(long_run, map(step, range(400, 1500)))
    follower = Follower(long_run)
    follower.is_alive = True
    follower.open()
    assert follower.state(START + 1500) == "training"


def test_a_glance_makes_no_series(long_run: Run) -> None:
    long_run.series_file.unlink(missing_ok=True)
    Follower(long_run).open()
    assert not long_run.series_file.exists()


def test_one_poll_takes_only_so_much_of_what_came_meanwhile(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(store, [started()])
    follower = Follower(run)
    follower.open()
    monkeypatch.setattr(following, "_AT_ONCE", 2000)
    append(run, map(step, range(1, 101)))
    taken = []
    while events := follower.poll():
        taken.append(len(events))
    assert sum(taken) == 100
    assert max(taken) < 20


def test_files_that_cannot_be_read_cost_no_viewer_more_than_what_they_say(store: RunStore) -> None:
    run = make_run(store, whole_story())
    follower = Follower(run)
    follower.open()
    follower.is_alive = True
    for path in (run.lock_file, run.label_file, run.events_file, run.log_file):
        unreadable(path)
    assert follower.poll() == []
    assert not follower.look()
    assert follower.is_alive
    assert follower.log_tail(3) == []
    assert run.label().name is None
    assert str(run.events_file) in follower.problem()
    assert not follower.is_gone()
    assert follower.view.step is not None
    assert follower.view.step.step == 470


def test_a_run_that_was_deleted_is_gone(store: RunStore) -> None:
    run = make_run(store, whole_story())
    follower = Follower(run)
    follower.open()
    shutil.rmtree(run.folder)
    assert follower.is_gone()
    assert follower.poll() == []
    assert follower.problem() == ""


def test_a_store_that_cannot_be_listed_loses_no_run(store: RunStore, tmp_path: Path) -> None:
    run = make_run(store, whole_story())
    ledger = Ledger(store)
    list(ledger.scan(START + 500))
    store.folder.rename(tmp_path / "elsewhere")
    unreadable(store.folder)
    list(ledger.scan(START + 501))
    assert [entry.id for entry in ledger.entries] == [run.id]


def test_more_void_steps_than_are_kept_leave_the_last_that_counts(store: RunStore) -> None:
    run = make_run(store, [started(), *map(step, range(1, 9000)), started(2000)])
    follower = Follower(run)
    follower.open()
    assert follower.view.step is not None
    assert follower.view.step.step <= 2000


def test_an_evaluation_near_the_end_does_not_hide_that_a_run_trains(long_run: Run) -> None:
    evaluated = Evaluated(
        time=START + 400, step=399, split="train", loss=1.0, tokens=1, seconds=1.0, dtype="float32", device="cpu"
    )
    append(long_run, [evaluated, *map(step, range(400, 1500))])
    follower = Follower(long_run)
    follower.is_alive = True
    follower.open()
    assert follower.state(START + 1500) == "training"
