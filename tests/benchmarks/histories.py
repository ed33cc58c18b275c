"""The same made-up history as a run of ours and as one of wandb's, and trainers that go on with either on request.

wandb is no dependency: ``pip install wandb`` beside gpt2tui, and what is measured against it is measured.
"""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpt2tui.runs.events import PhaseChanged, RunFinished, Step
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.run import Run
from gpt2tui.runs.series import SeriesWriter
from gpt2tui.runs.store import RunStore
from tests.runs.synthetic import append, held, make_run, started

_BUNCH = 20_000
SETTLED_STEPS = 64


def loss_at(step: int, of: int) -> float:
    """A loss that falls from 11 to 0.2, noisy as that of single batches, the same each time."""
    noise = math.sin(step * 12.9898) * 43758.5453
    return (11 * math.exp(-6 * step / of) + 0.2) * (0.9 + 0.2 * (noise - math.floor(noise)))


def made_step(number: int, of: int, *, at: float | None = None) -> Step:
    """One update of the made-up history; half a second each."""
    loss = loss_at(number, of)
    return Step(
        time=time.time() if at is None else at,
        step=number,
        tokens=number * 2048,
        passes=number / 165,
        loss=loss,
        running_loss=11 * math.exp(-6 * number / of) + 0.2,
        learning_rate=2e-4 * min(1.0, number / 100),
        gradient_norm=1 + 10 / (number + 10),
        tokens_per_second=4096.0 + 100 * math.sin(number / 50),
        elapsed=number / 2,
    )


def our_history(home: Path, steps: int, *, is_finished: bool) -> Run:
    """A run of so many steps, journal and series, in the store below ``home`` (``GPT2TUI_HOME``)."""
    began = time.time() - steps / 2
    run = make_run(RunStore(home / "data" / "runs"), [started(at=began), PhaseChanged(time=began, phase="training")])
    journal, series = JournalWriter(run.events_file), SeriesWriter(run.series_file)
    for first in range(1, steps + 1, _BUNCH):
        last = min(first + _BUNCH, steps + 1)
        bunch = [made_step(number, steps, at=began + number / 2) for number in range(first, last)]
        journal.append(bunch)
        series.append(bunch)
    journal.close()
    series.close()
    if is_finished:
        append(run, [RunFinished(reason="limit", step=steps, loss=0.2, seconds=steps / 2)])
    return run


class OurTrainer:
    """Stands in for a trainer: the run's lock is held, and steps are written as a recorder writes them."""

    def __init__(self, run: Run, *, last: int) -> None:
        self._journal, self._series = JournalWriter(run.events_file, is_only_writer=True), SeriesWriter(run.series_file)
        self.last, self._of = last, max(last, SETTLED_STEPS)

    def write(self, count: int = 1) -> float:
        """Write the next steps in one bunch; when they were in the journal."""
        bunch = [made_step(self.last + index, self._of) for index in range(1, count + 1)]
        self.last += count
        self._journal.append(bunch)
        at = time.perf_counter()
        self._series.append(bunch)
        return at

    def close(self) -> None:
        self._journal.close()
        self._series.close()


@contextmanager
def our_trainer(run: Run, *, last: int) -> Iterator[OurTrainer]:
    """A living run, whose steps are written on request."""
    with held(run):
        trainer = OurTrainer(run, last=last)
        try:
            yield trainer
        finally:
            trainer.close()


# wandb's

_WANDB = """
import os, sys, time
import wandb
from tests.benchmarks.histories import loss_at, made_step
folder, steps, is_live = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "live"
# By default what is logged reaches the file every 15 s only.
settings = wandb.Settings(
    x_transaction_log_flush_interval=0.02 if is_live else 15.0,
    mode="offline", silent=True, console="off", x_disable_stats=True, x_disable_meta=True,
    x_disable_machine_info=True, save_code=False, disable_git=True, disable_code=True,
)
run = wandb.init(project="gpt2tui", dir=folder, settings=settings)
def log(number, of):
    step = made_step(number, of)
    run.log({name: getattr(step, name) for name in
        ("loss", "running_loss", "learning_rate", "gradient_norm", "tokens_per_second")}, step=number, commit=True)
for number in range(1, steps + 1):
    log(number, steps)
if is_live:
    file = run.settings.sync_file
    def settle():
        # What is logged is written by another process, in bunches; wait until it writes no more.
        size, since = -1, time.perf_counter()
        while time.perf_counter() - since < 1:
            if (now := os.path.getsize(file) if os.path.exists(file) else -1) != size:
                size, since = now, time.perf_counter()
            time.sleep(0.01)
        return size
    size = settle()
    print("ready", file, flush=True)
    for line in sys.stdin:
        number = steps = steps + 1
        logged = time.perf_counter()
        log(number, number)
        while time.perf_counter() - logged < 30 and (now := os.path.getsize(file)) == size:
            time.sleep(0.0005)
        print(number, logged, time.perf_counter(), flush=True)
        size = os.path.getsize(file)
run.finish()
"""


def has_wandb() -> bool:
    """Whether wandb is installed beside us."""
    return importlib.util.find_spec("wandb") is not None


def wandb_environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's, and no way out."""
    nowhere = "http://127.0.0.1:9"
    return {
        "HOME": str(folder),
        "WANDB_CONFIG_DIR": str(folder / "config"),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_MODE": "offline",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_BASE_URL": nowhere,
        "http_proxy": nowhere,
        "https_proxy": nowhere,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


def wandb_history(folder: Path, steps: int) -> Path:
    """The same history as a finished offline run of wandb's; its file."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", _WANDB, str(folder), str(steps), "whole"]
    subprocess.run(command, check=True, env=os.environ | wandb_environment(folder), stdout=subprocess.DEVNULL)
    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return file


class WandbTrainer:
    """A process that logs to an offline run of wandb's on request."""

    def __init__(self, process: subprocess.Popen[str], file: Path) -> None:
        self._process, self.file = process, file

    def write(self) -> tuple[int, float, float]:
        """Log the next step: its number, when it was logged, and when its file had grown."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        number, logged, written = self._process.stdout.readline().split()
        return int(number), float(logged), float(written)


@contextmanager
def wandb_trainer(folder: Path, *, steps: int) -> Iterator[WandbTrainer]:
    """A living offline run of wandb's."""
    folder.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-c", _WANDB, str(folder), str(steps), "live"],
        env=os.environ | wandb_environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        word, _, file = process.stdout.readline().strip().partition(" ")
        assert word == "ready", "wandb did not begin its run"
        yield WandbTrainer(process, Path(file))
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="gpt2tui-bench-") as folder:
        yield Path(folder)
