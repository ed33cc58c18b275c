"""SIGINT, SIGTERM and SIGHUP save and end a run; each ending is told once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import CheckpointSaved, Evaluated, PhaseChanged, RunFinished, Step
from gpt2tui.runs.run import Run
from gpt2tui.training.session import train
from tests.training.small import (
    ending,
    finished,
    of_type,
    only,
    seen,
    small_config,
    small_run,
    training,
    until,
)


def assert_saved_at_the_end(run: Run, number: int) -> None:
    last = ending(run)
    assert (last.reason, last.signal) == ("interrupted", number)
    assert isinstance(list(run.events())[-1], RunFinished)
    checkpoint = CheckpointFolder(run.checkpoints).find("last")
    assert checkpoint.state().step == last.step
    assert checkpoint.damage(hashes=True) is None
    assert not run.is_alive()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_ends(tmp_path: Path, number: int) -> None:
    run = small_run(tmp_path, small_config())
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        process.send_signal(number)
        code, _, err = finished(process)
    assert code == 128 + number
    assert "Traceback" not in err
    assert_saved_at_the_end(run, number)


def test_a_signal_ends_a_pause(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        run.send(commands.Pause())
        until(lambda: seen(run, PhaseChanged, lambda event: event.phase == "paused"), "the pause")
        process.send_signal(signal.SIGTERM)
        assert finished(process)[0] == 143
    assert_saved_at_the_end(run, signal.SIGTERM)


def test_a_signal_abandons_an_evaluation(tmp_path: Path) -> None:
    config = small_config(tokens=60_000, micro_batch=1, evaluate_every=Every(steps=3))
    run = small_run(tmp_path, config)
    with training(run) as process:
        until(lambda: seen(run, PhaseChanged, lambda event: event.phase == "evaluating"), "the evaluation")
        process.send_signal(signal.SIGINT)
        assert finished(process)[0] == 130
    assert_saved_at_the_end(run, signal.SIGINT)
    assert not of_type(run.events(), Evaluated)


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    """The first is taken while a sample is drawn, which takes long and is not left for it."""
    run = small_run(tmp_path, small_config(checkpoint_every=Every(steps=1)))
    settings = commands.SamplingSettings(max_new_tokens=10_000_000, temperature=0)
    with training(run) as process:
        until(lambda: seen(run, Step), "a step")
        run.send(commands.Sample(prompt="!", settings=settings))
        size = -1

        def is_silent() -> bool:
            nonlocal size
            before, size = size, run.events_file.stat().st_size
            return before == size

        until(lambda: is_silent() and is_silent(), "no more steps")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        code, _, err = finished(process)
    assert code == 130
    assert "Traceback" not in err
    last = ending(run)
    assert last.reason == "interrupted"
    assert of_type(run.events(), CheckpointSaved)[-1].step == last.step, "it was written meanwhile"
    way_on = f"gpt2tui resume {run.id} --headless goes on from step {last.step:,}"
    assert err.splitlines()[-1] == f"gpt2tui: run {run.id} ended at once; {way_on}"


def test_a_hangup_that_was_ignored_at_the_start_stays_ignored(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    ignoring = subprocess.Popen(
        ["nohup", sys.executable, "-m", "gpt2tui", "resume", "--headless", str(run.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = until(lambda: seen(run, Step), "a step")
        os.kill(ignoring.pid, signal.SIGHUP)
        until(lambda: seen(run, Step, lambda step: step.step > first.step + 20), "twenty more steps")
        os.kill(ignoring.pid, signal.SIGTERM)
        assert finished(ignoring)[0] == 143
    finally:
        ignoring.kill()
    assert_saved_at_the_end(run, signal.SIGTERM)


def test_signal_handlers_are_as_before_afterwards(tmp_path: Path) -> None:
    def mine(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    try:
        list(train(small_run(tmp_path, small_config(limits=Limits(target_loss=None, max_steps=1)))))
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_unexpected_error_is_told_once_and_frees_the_run(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    told = []
    with pytest.raises(Gpt2TuiError, match="checkpoint of step 3 cannot be written"):  # noqa: PT012
        for event in train(run):
            told.append(event)
            if isinstance(event, Step) and event.step == 3:
                run.checkpoints.rmdir()
                run.checkpoints.write_text("in the way")
                run.send(commands.Stop())
    last = only(told, RunFinished)
    assert (last.reason, last.step) == ("failed", 3)
    assert ending(run) == last
    assert not run.is_alive()


def test_a_consumer_that_turns_away_ends_the_run_in_order(tmp_path: Path) -> None:
    run = small_run(tmp_path, small_config())
    events = train(run)
    while not isinstance(next(events), Step):
        pass
    events.close()
    assert ending(run).reason == "interrupted"
    assert not run.is_alive()
