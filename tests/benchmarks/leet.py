"""wandb's LEET and the app on the same histories, taking turns."""

from __future__ import annotations

import random
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gpt2tui.runs.run import Run
from tests.benchmarks.histories import (
    has_wandb,
    our_history,
    our_trainer,
    scratch,
    wandb_environment,
    wandb_history,
    wandb_trainer,
)
from tests.benchmarks.watched_terminal import WatchedTerminal

HISTORIES = (10_000, 100_000, 1_000_000)

Opener = Callable[[], WatchedTerminal]


def compare(rounds: int) -> Iterator[dict[str, Any]]:
    """Time to a complete chart, memory, and freshness, of both; nothing where wandb is absent."""
    if not has_wandb():
        print("\nwandb is not installed beside gpt2tui, so LEET is left out: pip install wandb")
        return
    import wandb

    print(f"\nLEET of wandb {wandb.__version__}; medians, and ratios to ours\n")
    print("| | gpt2tui | LEET | ratio | LEET's program alone | ratio |\n|---|---|---|---|---|---|")
    for steps in HISTORIES:
        # Histories of a million steps take LEET minutes.
        yield from _charts(steps, min(rounds, 5 if steps < 1_000_000 else 2))
    yield from _freshness(rounds)


def _charts(steps: int, rounds: int) -> Iterator[dict[str, Any]]:
    with scratch() as home, scratch() as folder:
        openers = _openers(home, our_history(home, steps, is_finished=True), folder, wandb_history(folder / "w", steps))
        seconds: dict[str, list[float]] = {name: [] for name in openers}
        resident: dict[str, list[float]] = {name: [] for name in openers}
        allocated: dict[str, list[float]] = {name: [] for name in openers}
        for _ in range(rounds):
            for name, opener in openers.items():
                with opener() as terminal:
                    last = rf"step {steps:,}\b" if name == "gpt2tui" else rf"_step +{steps}\b"
                    seconds[name].append(terminal.when_complete(_shows(terminal, last)) - terminal.began)
                    resident[name].append(terminal.memory() / 2**20)
                    allocated[name].append(terminal.own_memory() / 2**20)
    yield _row(f"{steps:,} steps, chart complete, s", seconds)
    yield _row(f"{steps:,} steps, resident memory, MiB", resident)
    yield _row(f"{steps:,} steps, allocated memory, MiB", allocated)


def _freshness(rounds: int) -> Iterator[dict[str, Any]]:
    steps = 1_000
    waits: dict[str, list[float]] = {"gpt2tui": [], "LEET": []}
    with ExitStack() as stack:
        home, folder = stack.enter_context(scratch()), stack.enter_context(scratch())
        run = our_history(home, steps, is_finished=False)
        ours = stack.enter_context(our_trainer(run, last=steps))
        theirs = stack.enter_context(wandb_trainer(folder / "w", steps=steps))
        openers = _openers(home, run, folder, theirs.file)
        mine, leet = (stack.enter_context(openers[name]()) for name in ("gpt2tui", "LEET"))
        mine.when(_shows(mine, rf"step {steps:,}\b"), "our last step")
        leet.when(_shows(leet, rf"_step +{steps}\b"), "LEET's last step")
        for _ in range(3 * rounds):
            _wait(mine, leet)
            at = ours.write()
            waits["gpt2tui"].append(1e3 * (mine.when(_shows(mine, rf"step {ours.last:,}\b"), "the step") - at))
            _wait(mine, leet)
            number, _, at = theirs.write()
            waits["LEET"].append(1e3 * (leet.when(_shows(leet, rf"_step +{number}\b"), "the step") - at))
    yield _row("event in the file to its number on the screen, ms", waits)


def _openers(home: Path, run: Run, folder: Path, file: Path) -> dict[str, Opener]:
    import wandb

    scripts = Path(sys.executable).parent
    core = Path(wandb.__file__).parent / "bin" / "wandb-core"
    alone = [core, "leet", "run", "--no-observability", "--run-file", file, file.parents[1]]
    us = [sys.executable, "-m", "gpt2tui", "watch", run.id]
    return {
        "gpt2tui": lambda: WatchedTerminal(us, environment={"GPT2TUI_HOME": str(home)}),
        "LEET": lambda: WatchedTerminal([scripts / "wandb", "leet", file], environment=wandb_environment(folder)),
        "LEET's program alone": lambda: WatchedTerminal(alone, environment=wandb_environment(folder)),
    }


def _shows(terminal: WatchedTerminal, pattern: str) -> Callable[[], bool]:
    sought = re.compile(pattern)
    return lambda: bool(sought.search(terminal.text))


def _wait(*terminals: WatchedTerminal) -> None:
    for terminal in terminals:
        terminal.drain(random.uniform(0.2, 0.6))


def _row(name: str, values: dict[str, list[float]]) -> dict[str, Any]:
    ours, *others = (statistics.median(taken) for taken in values.values())
    cells = [f"{ours:,.2f}" if ours < 10 else f"{ours:,.0f}"]
    for other in others:
        cells += [f"{other:,.2f}" if other < 10 else f"{other:,.0f}", f"{other / ours:.1f}"]
    print(f"| {name} | {' | '.join(cells)} |{' | |' if len(others) == 1 else ''}", flush=True)
    return {"name": name, **values}
