"""Disks that are really full: a file size limit, and a small disk in memory where this user may mount one."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.tensors import write_checkpoint
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import AnyEvent, CheckpointSaved, Notice, PhaseChanged, RunFinished, Step
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import state_words, unsaved_words
from gpt2tui.training.session import train
from tests.cli.program import gpt2tui
from tests.tiny import tiny_model_config
from tests.training.small import (
    ending,
    finished,
    losses,
    notices,
    of_type,
    only,
    seen,
    small_config,
    small_run,
    training,
    until,
)

MODEL = tiny_model_config(vocabulary_size=300, width=64)  # a checkpoint of 1.4 MB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leaving: int = 0) -> Path:
    """Take all room on a disk but so many bytes, also while a checkpoint is being written there."""
    ballast = disk / "ballast"
    while True:
        room = os.statvfs(disk)
        try:
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(4096, room.f_bavail * room.f_frsize - leaving))
            return ballast
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_nothing_is_half_written(run: Run) -> None:
    folder = CheckpointFolder(run.checkpoints)
    assert all(checkpoint.damage(hashes=True) is None for checkpoint in folder.all())
    assert not list(run.checkpoints.glob(".*"))
    pointer = folder.pointer("last")
    assert pointer is None or folder.path(pointer.step).is_dir()
    assert all(msgspec.json.decode(line) for line in run.events_file.read_bytes().splitlines())


def test_a_run_that_does_not_fit_is_refused_at_the_start(small_disk: Path) -> None:
    run = small_run(small_disk, small_config(model=MODEL))
    fill(small_disk, leaving=2_000_000)
    words = r"too little space in .*: \S+ MB are free, \S+ MB are needed; free \S+ [kM]B,"
    with pytest.raises(Gpt2TuiError, match=words) as told:
        list(train(run))
    assert "\n" not in str(told.value)
    assert not run.events_file.exists()
    assert not run.is_alive()


@pytest.mark.parametrize("limit", [None, 12])
def test_a_full_disk_pauses_the_run_until_there_is_room(small_disk: Path, limit: int | None) -> None:
    """Also when the run is at its end and only the last checkpoint is wanting."""
    every = Every(steps=5) if limit is None else Every(seconds=1000)
    config = small_config(model=MODEL, checkpoint_every=every, limits=Limits(target_loss=None, max_steps=limit))
    run = small_run(small_disk, config)
    events: list[AnyEvent] = []
    ballast = None
    for event in train(run):
        events.append(event)
        if isinstance(event, Step) and event.step == 7:
            ballast = fill(small_disk, leaving=600_000)  # enough for the journal
        if isinstance(event, PhaseChanged) and event.phase == "paused":
            assert ballast
            assert not list(run.checkpoints.glob(".*"))
            threading.Timer(0.3, ballast.unlink).start()
        if isinstance(event, Step) and event.step == 14:
            run.send(commands.Stop())
    full = [event for event in of_type(events, Notice) if "no room for the checkpoint" in event.text]
    assert len(full) == 1
    assert re.search(r"are free; free .* [kM]B, and it goes on by itself$", full[0].text)
    assert (full[0].level, len(of_type(events, PhaseChanged)) < 20) == ("error", True)
    last = only(events, RunFinished)
    assert (last.reason, last.step) == (("stopped", 14) if limit is None else ("limit", 12))
    assert CheckpointFolder(run.checkpoints).find("last").state().step == last.step
    assert_nothing_is_half_written(run)
    assert losses(run.events()) == losses(events)


def test_a_checkpoint_that_is_neither_best_nor_last_makes_room_for_the_next(small_disk: Path) -> None:
    limits = Limits(target_loss=None, max_steps=10)
    run = small_run(small_disk, small_config(model=MODEL, checkpoint_every=Every(steps=3), limits=limits))
    events: list[AnyEvent] = []
    for event in train(run):
        events.append(event)
        if isinstance(event, CheckpointSaved) and event.step == 6:
            assert [checkpoint.state().step for checkpoint in CheckpointFolder(run.checkpoints).all()] == [6, 3]
            ballast = fill(small_disk, leaving=600_000)
        assert not (isinstance(event, Notice) and event.level == "error"), event
    assert [event.step for event in of_type(events, CheckpointSaved)] == [3, 6, 9, 10]
    assert_nothing_is_half_written(run)
    more = list(train(run, resume=True, changes=[commands.Set(name="max_steps", value=12)]))
    assert only(more, RunFinished).step == 12
    ballast.unlink()


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    run = small_run(small_disk, small_config(model=MODEL, limits=Limits(target_loss=None, max_steps=400)))
    events: list[AnyEvent] = []
    told: list[str] = []
    is_full = False
    for event in train(run):
        events.append(event)
        if isinstance(event, Step) and event.step == 10:
            ballast = fill(small_disk)
            is_full = True
        if is_full and isinstance(event, PhaseChanged) and event.phase == "paused":
            is_full = False
            view = RunView.of(run)
            told.append(state_words(view, view.state(is_alive=True, now=time.time())))
            threading.Timer(0.3, ballast.unlink).start()
    assert told == ["paused, disk full"]  # although not a byte was free
    assert "the disk is full; free 1.4 MB, and it goes on by itself" in notices(events)
    assert not run.reserve_file.exists()
    assert list(run.events()) == events
    assert only(events, RunFinished).step == 400
    assert list(run.series()["step"]) == list(range(1, 401))
    assert list(run.series()["loss"]) == list(losses(events).values())
    assert len([e for e in of_type(events, PhaseChanged) if e.phase == "paused"]) == 1


def test_a_disk_that_fills_beside_a_checkpoint_is_no_quota(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it is free again when it has failed: then as much as it needs."""
    run = small_run(small_disk, small_config(model=MODEL, checkpoint_every=Every(steps=5)))
    ballast: list[Path] = []

    def write_half(path: Path, **parts: object) -> int:
        half = path.with_name(".half")
        if not ballast and path.name.endswith("10"):
            half.write_bytes(bytes(1_600_000))
            ballast.append(fill(small_disk))
        try:
            return write_checkpoint(path, **parts)  # type: ignore[arg-type]
        finally:
            half.unlink(missing_ok=True)

    monkeypatch.setattr("gpt2tui.training.saver.write_checkpoint", write_half)
    events: list[AnyEvent] = []
    for event in train(run):
        events.append(event)
        if isinstance(event, PhaseChanged) and event.phase == "paused":
            threading.Timer(0.3, ballast[0].unlink).start()
        if isinstance(event, Step) and event.step == 16:
            run.send(commands.Stop())
    assert "1.6 MB are free; free 1.0 MB, and it goes on by itself" in notices(events)
    assert only(events, RunFinished).step == 16
    assert_nothing_is_half_written(run)


def test_a_command_that_finds_no_room_fails(small_disk: Path) -> None:
    run = small_run(small_disk, small_config(model=MODEL, checkpoint_every=Every(seconds=1000)))
    with training(run):
        until(lambda: seen(run, Step), "a step")
        ballast = fill(small_disk, leaving=300_000)
        asked = gpt2tui("runs", "checkpoint", str(run.folder))
        assert (asked.code, asked.out) == (1, "")
        assert re.search(r"no room for the checkpoint of step \d+ in .*, and it goes on by itself$", asked.err.strip())
        again = gpt2tui("runs", "resume", str(run.folder))
        assert again.code == 1
        assert re.search(r"there is still no room; free .*B, and it goes on by itself$", again.err.strip())
        ballast.unlink()
        until(lambda: seen(run, CheckpointSaved), "the checkpoint")
        assert gpt2tui("runs", "stop", str(run.folder)).code == 0


def test_a_command_that_comes_while_another_checkpoint_fails_is_answered(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(small_disk, small_config(model=MODEL, checkpoint_every=Every(steps=5)))
    save, is_asked = commands.SaveCheckpoint(), threading.Event()

    def write_late(path: Path, **parts: object) -> int:
        assert path.name.endswith("05") or is_asked.wait(10)
        return write_checkpoint(path, **parts)  # type: ignore[arg-type]

    monkeypatch.setattr("gpt2tui.training.saver.write_checkpoint", write_late)
    events: list[AnyEvent] = []
    for event in train(run):
        events.append(event)
        if isinstance(event, Step) and event.step == 11:
            ballast = fill(small_disk, leaving=300_000)
            run.send(save)
            threading.Timer(0.3, is_asked.set).start()
        if isinstance(event, PhaseChanged) and event.phase == "paused":
            answers = [notice.text for notice in of_type(events, Notice) if notice.command == save.id]
            ballast.unlink()
        if isinstance(event, CheckpointSaved) and event.command == save.id:
            run.send(commands.Stop())
    assert len(answers) == 1
    assert answers[0].startswith("first there must be room for the checkpoint of step 10; free ")


def test_a_stop_ends_a_run_that_waits_for_room(small_disk: Path) -> None:
    run = small_run(small_disk, small_config(model=MODEL, checkpoint_every=Every(steps=5)))
    with training(run) as process:
        until(lambda: seen(run, CheckpointSaved), "a checkpoint")
        fill(small_disk, leaving=300_000)
        until(lambda: seen(run, PhaseChanged, lambda event: event.phase == "paused"), "the pause")
        run.send(commands.Stop())
        code, out, err = finished(process)
    assert code == 4
    assert ending(run).reason == "stopped"
    assert err.count("the run ends without it") == 1
    unsaved = unsaved_words(RunView.of(run))
    assert unsaved.startswith("step")
    assert unsaved in out
    assert_nothing_is_half_written(run)


def test_a_signal_ends_a_run_that_waits_for_room_at_its_limit(small_disk: Path) -> None:
    config = small_config(model=MODEL, limits=Limits(target_loss=None, max_steps=500))
    run = small_run(small_disk, config)
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        fill(small_disk, leaving=1_200_000)
        until(lambda: seen(run, PhaseChanged, lambda event: event.phase == "paused"), "the pause")
        process.terminate()
        code, _, _ = finished(process)
    assert code == 143
    assert (ending(run).reason, ending(run).signal) == ("interrupted", 15)


def train_into_a_limit(run: Run, at_pause: Callable[[], None]) -> list[AnyEvent]:
    """Train a run whose files may not be large from step 4 on; what is done when it pauses is the caller's."""
    events: list[AnyEvent] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with file_size_limit(soft):
        for event in train(run):
            events.append(event)
            if isinstance(event, Step) and event.step == 4:
                resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            if isinstance(event, PhaseChanged) and event.phase == "paused":
                at_pause()
    return events


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
def test_a_file_size_limit_pauses_until_the_resume_command(tmp_path: Path) -> None:
    config = small_config(model=MODEL, checkpoint_every=Every(steps=5), limits=Limits(target_loss=None, max_steps=8))
    run = small_run(tmp_path, config)
    resume = commands.Resume()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def lift_it_and_go_on() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        run.send(resume)

    events = train_into_a_limit(run, lift_it_and_go_on)
    assert "no room for the checkpoint of step 5" in notices(events)
    assert "lift it, then: gpt2tui runs resume" in notices(events)
    answer = only([event for event in events if event.command == resume.id], PhaseChanged)
    assert answer.phase == "training"
    assert of_type(events, CheckpointSaved)[-1].step == 8
    assert only(events, RunFinished).step == 8
    assert_nothing_is_half_written(run)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
def test_a_run_that_never_could_save_says_once_that_nothing_was(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config(model=MODEL, checkpoint_every=Every(steps=5)))
    events = train_into_a_limit(run, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert notices(events).count("the run ends without it") == 1
    assert only(events, RunFinished).reason == "interrupted"
    assert unsaved_words(RunView.of(run)) == "nothing was saved"
