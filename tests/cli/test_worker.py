"""Training as the app starts it: a process of its own that announces its run and then writes to the run's log."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs import commands
from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.processes.training import estimate, start_training
from tests.runs.synthetic import wait_until

NANO = ("--preset", "nano", "--block-size", "16", "--batch-size", "4", "--sample-every", "never")


def start(*words: str) -> Run:
    return asyncio.run(start_training(("train", *NANO, *words)))


def pid_of(run: Run) -> int:
    return next(event.pid for event in run.events() if hasattr(event, "pid"))


def end_of(run: Run) -> RunFinished:
    wait_until(lambda: not run.is_alive(), seconds=60)
    last = list(run.events())[-1]
    assert isinstance(last, RunFinished)
    return last


def test_a_started_training_announces_its_run_and_fills_its_log():
    run = start("--max-steps", "2")
    assert end_of(run).reason == "limit"
    log = run.log_file.read_text()
    assert "ended at its limit" in log
    assert run.folder == RunStore(Paths.from_environment().runs).all()[0].folder


def test_what_is_wrong_is_told_in_the_words_of_the_command():
    with pytest.raises(Gpt2TuiError, match="no such file or folder"):
        asyncio.run(start_training(("train", "/no/such/text")))
    with pytest.raises(Gpt2TuiError, match="no preset named 'huge'"):
        asyncio.run(estimate(("--preset", "huge")))
    assert RunStore(Paths.from_environment().runs).all() == []


def test_the_estimate_is_that_of_the_command():
    assert asyncio.run(estimate(("--preset", "nano")))["parameters"] == 7_044_352


def test_resume_is_started_alike_and_a_refusal_is_told():
    run = start("--max-steps", "2")
    end_of(run)
    again = asyncio.run(start_training(("resume", run.id, "--max-steps", "3")))
    assert again.folder == run.folder
    assert end_of(run).step == 3
    with pytest.raises(Gpt2TuiError, match="no run 'nothing'"):
        asyncio.run(start_training(("resume", "nothing")))


_STARTER = """
import asyncio, sys
from gpt2tui.tui.processes.training import start_training
print(asyncio.run(start_training(("train", *sys.argv[1:]))).folder, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_it_outlives_who_started_it(number):
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, *NANO, "--no-target"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert starter.stdout is not None
    run = Run(Path(starter.stdout.readline().strip()))
    trainer = psutil.Process(pid_of(run))
    assert os.getsid(trainer.pid) != os.getsid(starter.pid)
    os.killpg(starter.pid, number)
    starter.wait()
    seen = run.events_file.stat().st_size
    wait_until(lambda: run.events_file.stat().st_size > seen + 1_000, seconds=60)
    run.send(commands.Stop())
    assert end_of(run).reason == "stopped"
    starter.communicate()


_NOISE = """
import os, ctypes, sys
from gpt2tui.cli.worker import moving_in
from gpt2tui.runs.run import Run
from pathlib import Path
events = moving_in(Run(Path(sys.argv[1])), iter(["first", "second"]))
next(events)
print("from python", flush=True)
os.write(1, b"to descriptor 1\\n")
os.write(2, b"to descriptor 2\\n")
libc = ctypes.CDLL(None)
libc.puts(b"from C")
libc.fflush(None)
print(next(events), flush=True)
os.abort()
"""


def test_whatever_it_prints_ends_in_its_log(tmp_path):
    done = subprocess.run([sys.executable, "-c", _NOISE, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == f'{{"run":"{tmp_path}"}}\n'
    assert done.stderr == ""
    log = (tmp_path / "worker.log").read_text()
    for line in (
        "from python",
        "to descriptor 1",
        "to descriptor 2",
        "from C",
        "second",
        "Fatal Python error: Aborted",
    ):
        assert line in log
