"""What stops a training between its steps: checkpoints, and the trainer's own work.

    python -m tests.benchmarks.pauses [--steps 24] [--every 6] [--rounds 4] [--only checkpoints,work] [--json FILE]

The first part trains the 124M in a process of its own and looks at its journal and its peak memory (Linux); the second
times, in this process, all that the loop does outside ``Learner.update``, and its steps against bare updates.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import Step
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.training.learner import Learner
from gpt2tui.training.session import train
from tests.benchmarks.machine import describe, train_events
from tests.benchmarks.table import Table, keep, parser

QUIET = ["--no-target", "--sample-every", "never"]


class Peak:
    """The most memory a process had resident since the last look."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")

    def look(self) -> float:
        """GB; counting starts anew."""
        line = next(line for line in (self._folder / "status").read_text().splitlines() if line.startswith("VmHWM"))
        (self._folder / "clear_refs").write_text("5")
        return int(line.split()[1]) * 1024 / 1e9


def checkpoints(steps: int, every: int, *arguments: str) -> Table:
    """The 124M: how long a checkpoint stops it, how long its steps take meanwhile, and what memory it has."""
    limits = ["--max-steps", str(steps), "--checkpoint-every", str(every), *arguments]
    stops: list[float] = []
    sizes: list[int] = []
    took: list[float] = []
    between: list[float] = []
    during: list[float] = []
    step_times: list[tuple[float, bool]] = []
    is_beside, began, peak = False, 0.0, None
    with tempfile.TemporaryDirectory() as home:
        for event in train_events(*limits, *QUIET, home=home):
            match event["type"]:
                case "run_started":
                    peak = Peak(event["pid"])
                case "phase_changed" if event["phase"] == "saving":
                    began = event["time"]
                    between.append(peak.look() if peak else 0.0)
                case "phase_changed" if event["phase"] == "training" and began:
                    stops.append(event["time"] - began)
                    is_beside, began = True, 0.0
                case "checkpoint_saved" if event["reason"] == "checkpoint-every":
                    is_beside = False
                    took.append(event["seconds"])
                    sizes.append(event["bytes"])
                    during.append(peak.look() if peak else 0.0)
                case "step":
                    step_times.append((event["elapsed"], is_beside))
    pairs = [(after - before, was_beside) for (before, was_beside), (after, _) in pairwise(step_times[1:])]
    quiet = [seconds for (seconds, _), (_, next_beside) in zip(pairs, step_times[2:], strict=True) if not next_beside]
    beside = [seconds for (seconds, _), (_, next_beside) in zip(pairs, step_times[2:], strict=True) if next_beside]
    title = f"{' '.join(['the 124M', *arguments])}: {len(took)} checkpoints of {sizes[0] / 1e9:.2f} GB"
    table = Table({"median": ".2f", "least": ".2f", "most": ".2f"}, title=title)
    for name, values in (
        ("a checkpoint stops the training for, s", stops),
        ("until it is whole and told of, s", took),
        ("a step, s", quiet),
        ("a step in which a checkpoint was begun or written, s", beside),
        ("peak resident memory between checkpoints, GB", between),
        ("peak resident memory while one is written, GB", during),
    ):
        if values:
            table.row(name, statistics.median(values), min(values), max(values))
    return table


@contextmanager
def timed_updates() -> Iterator[list[float]]:
    """The seconds of every update that is made inside."""
    seconds: list[float] = []
    update = Learner.update

    def timed(self: Learner, factor: float) -> Any:
        began = time.perf_counter()
        outcome = update(self, factor)
        seconds.append(time.perf_counter() - began)
        return outcome

    Learner.update = timed  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        Learner.update = update  # type: ignore[method-assign]


def work(table: Table, rounds: int, steps: int, *arguments: str) -> None:
    """The loop's own work, and its steps a second against those of bare updates; by turns."""
    whole: list[float] = []
    own: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        list(train_events(*arguments, "--max-steps", "1", *QUIET, home=home))
        (first,) = RunStore(Path(home) / "data" / "runs").all()
        config = msgspec.structs.replace(first.config(), limits=Limits(target_loss=None, max_steps=steps))
        for number in range(rounds):
            run = RunStore(Path(home) / f"round-{number}").create(config, first.tokens_file)
            loop, outside = _loop(run)
            whole += loop
            own += outside
            bare += _bare(run, steps)
    step, update = statistics.median(whole), statistics.median(bare)
    of_its_own = statistics.median(own)
    table.row(" ".join(arguments) or "the 124M", step, update, update / step, of_its_own * 1e3, of_its_own / step)


def _loop(run: Run) -> tuple[list[float], list[float]]:
    """From step to step: all seconds, and those outside the update; the first three not counted."""
    with timed_updates() as updates:
        moments = [time.perf_counter() for event in train(run) if isinstance(event, Step)]
    whole = [after - before for before, after in pairwise(moments)]
    own = [seconds - update for seconds, update in zip(whole, updates[1:], strict=True)]
    return whole[2:], own[2:]


def _bare(run: Run, steps: int) -> list[float]:
    learner = Learner(run.config(), open_tokens(run.tokens_file)[: run.config().corpus.train_tokens])
    learner.reset()
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        outcome, _ = learner.update(1.0)
        float(outcome.loss), float(outcome.gradient_norm)
        seconds.append(time.perf_counter() - began)
    return seconds[3:]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--steps", type=int, default=24)
    arguments.add_argument("--every", type=int, default=6)
    arguments.add_argument("--rounds", type=int, default=4)
    arguments.add_argument("--only", default="checkpoints,work")
    options = arguments.parse_args()
    machine = f"{describe()}; load average {os.getloadavg()[0]:.1f}"
    tables: list[Table] = []
    print(machine)
    if "checkpoints" in options.only:
        tables += [checkpoints(options.steps, options.every, "--recipe", recipe) for recipe in ("fast", "reference")]
    if "work" in options.only:
        columns = {"step, s": ".4f", "bare update, s": ".4f", "steps/s to bare": ".3f", "own work, ms": ".2f"}
        tables.append(Table(columns | {"share": ".2%"}, title="the loop's own work"))
        work(tables[-1], options.rounds, 40, "--preset", "nano")
        work(tables[-1], 1, 7)
    print(f"\nload average afterwards {os.getloadavg()[0]:.1f}")
    keep(options.json, machine, *tables)


if __name__ == "__main__":
    main()
