"""The app from outside: real processes on real terminals of 140x40, and wandb's LEET on the same histories.

    python -m tests.benchmarks.app [--only paint,history,fresh,keys,load,memory,leet] [--rounds 10] [--json FILE]

LEET is measured where wandb is installed beside gpt2tui (``pip install wandb``); gpt2tui itself never needs it.
The goals are those of docs/app.md. A frame counts from when the terminal has it, read by a thread that does
nothing else; "complete" is when the braille of a chart changes no more for two seconds, for both programs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from gpt2tui.runs.store import RunStore
from gpt2tui.runs.view import RunView
from tests.benchmarks import leet
from tests.benchmarks.histories import OurTrainer, our_history, our_trainer, scratch
from tests.benchmarks.watched_terminal import SIZE, WatchedTerminal
from tests.runs.synthetic import wait_until

APP = [sys.executable, "-m", "gpt2tui"]
HEADER = "1 Train"
LONG = 1_000_000
BARE = f"""
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("{HEADER}")
Bare().run()
"""
"""The least that Textual can be asked for: what no app of it can be quicker than."""


class Row(NamedTuple):
    """One measured thing: values in ``unit``, and what the 95th percentile (or the only value) may be at most."""

    name: str
    values: list[float]
    unit: str
    goal: float | None = None

    def table(self) -> str:
        middle, high = statistics.median(self.values), percentile(self.values, 95)
        shown = f"{middle:,.1f}", f"{high:,.1f}", f"{max(self.values):,.1f}"
        goal = "" if self.goal is None else f"{self.goal:g} {'✓' if high <= self.goal else '✗'}"
        return f"| {self.name}, {self.unit} | {' | '.join(shown)} | {len(self.values)} | {goal} |"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent) // 100) - 1)]


def app(home: Path, *arguments: str) -> WatchedTerminal:
    """The app on a terminal of its own."""
    return WatchedTerminal([*APP, *arguments], environment={"GPT2TUI_HOME": str(home)})


def shows_step(terminal: WatchedTerminal, number: int) -> Callable[[], bool]:
    """Whether the number of a step stands on the screen."""
    sought = re.compile(rf"step {number:,}\b")
    return lambda: bool(sought.search(terminal.text))


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def paint(rounds: int) -> Iterator[Row]:
    """From the start of the process to the curtain and to the first frame, by turns: of a line of text by Textual
    alone, and of the app with no runs (the form) and with one of 10,000 steps.
    """
    with scratch() as empty, scratch() as home:
        our_history(home, 10_000, is_finished=True)
        sides = {
            "one line by Textual": ([sys.executable, "-c", BARE], empty, HEADER, None),
            "form": (APP, empty, "A new run", 400),
            "a run": (APP, home, "loss, log", 400),
        }
        drawn: dict[str, list[float]] = {name: [] for name in sides}
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(rounds + 1):
            for name, (command, place, last, _) in sides.items():
                with WatchedTerminal(command, environment={"GPT2TUI_HOME": str(place)}) as terminal:
                    first = terminal.when(lambda seen=terminal: HEADER in seen.text, HEADER) - terminal.began
                    waited = terminal.when(lambda seen=terminal, text=last: text in seen.text, last) - terminal.began
                    if not turn:  # there may be byte code to write
                        continue
                    drawn[name].append(first * 1e3)
                    seconds[name].append(waited * 1e3)
                    spent[name].append(processor_seconds(psutil.Process(terminal.process.pid)) * 1e3)
        for name, (*_, goal) in sides.items():
            yield Row(f"first paint, {name}", drawn[name], "ms", goal)
            yield Row(f"all of the frame, {name}", seconds[name], "ms")
            yield Row(f"of it on the processor, {name}", spent[name], "ms")


def history(rounds: int) -> Iterator[Row]:
    """``watch`` on a run of a million steps: until its chart is complete, and until a zoom is."""
    with scratch() as home:
        run = our_history(home, LONG, is_finished=True)
        whole, zoomed, before, after, all_read = [], [], [], [], []
        for _ in range(rounds):
            with app(home, "watch", run.id) as terminal:
                whole.append(terminal.when_complete(shows_step(terminal, LONG)) - terminal.began)
                all_read.append(terminal.when(lambda: "ended at its limit" in terminal.text.lower(), "the end"))
                all_read[-1] -= terminal.began
                terminal.drain(1)
                before.append(terminal.own_memory() / 2**20)
                for _ in range(5):
                    chart, at = terminal.chart(), terminal.type(b"+")
                    zoomed.append(terminal.when(lambda seen=chart: terminal.chart() != seen, "a zoom") - at)
                    terminal.drain(0.3)
                after.append(terminal.own_memory() / 2**20)
        yield Row("chart of 1,000,000 steps complete", [value * 1e3 for value in whole], "ms", 1000)
        yield Row("its journal read to the end", [value * 1e3 for value in all_read], "ms")
        yield Row("a zoom into it", [value * 1e3 for value in zoomed], "ms")
        yield Row("allocated memory before zooming", before, "MiB")
        yield Row("allocated memory after zooming", after, "MiB")


def fresh(rounds: int) -> Iterator[Row]:
    """From an event in the journal to its number on the screen."""
    with living(10_000) as (terminal, trainer):
        waits = []
        for _ in range(10 * rounds):
            terminal.drain(random.uniform(0.1, 0.4))
            at = trainer.write()
            waits.append(terminal.when(shows_step(terminal, trainer.last), "the step") - at)
        yield Row("event on the screen", [value * 1e3 for value in waits], "ms", 100)
    with living(64) as (terminal, trainer):
        waits = []
        for _ in range(2 * rounds):
            terminal.drain(random.uniform(1.5, 2.5))
            chart, at = terminal.chart(), trainer.write(2)
            waits.append(terminal.when(lambda seen=chart: terminal.chart() != seen, "the chart") - at)
        yield Row("event in the chart", [value * 1e3 for value in waits], "ms")


def load(rounds: int) -> Iterator[Row]:
    """What the app itself takes of one core at ten events a second, and what it writes."""
    with living(10_000) as (terminal, trainer):
        process = psutil.Process(terminal.process.pid)
        shares, written = [], []
        for _ in range(max(3, rounds // 3)):
            spent, sent, began = processor_seconds(process), terminal.bytes, time.perf_counter()
            for tick in range(1, 101):
                terminal.drain(max(0.0, began + tick / 10 - time.perf_counter()))
                trainer.write()
            took = time.perf_counter() - began
            shares.append(100 * (processor_seconds(process) - spent) / took)
            written.append((terminal.bytes - sent) / took / 1024)
        yield Row("load at ten events a second", shares, "% of a core", 5)
        yield Row("written to the terminal then", written, "KiB/s")
        shares = []
        for _ in range(max(3, rounds // 3)):
            spent = processor_seconds(process)
            terminal.drain(10)
            shares.append(100 * (processor_seconds(process) - spent) / 10)
        yield Row("load with nothing to show", shares, "% of a core")


def memory(rounds: int) -> Iterator[Row]:
    """Memory after 10,000 events more, and after 100,000."""
    with living(1_000) as (terminal, trainer):
        at = {}
        for total in (10_000, 50_000, 100_000):
            while trainer.last < 1_000 + total:
                trainer.write(100)
                terminal.drain(0.02)
            terminal.when(shows_step(terminal, trainer.last), "the last step")
            terminal.drain(3)
            at[total] = terminal.own_memory() / 2**20
            yield Row(f"allocated memory after {total:,} events", [at[total]], "MiB")
        yield Row("growth from 10,000 to 100,000", [at[100_000] - at[10_000]], "MiB", 2)


def keys(rounds: int) -> Iterator[Row]:
    """From a key to its frame, while a trainer keeps all cores busy."""
    with scratch() as home, training(home) as run, app(home, "watch", run) as terminal:
        terminal.when(lambda: "training" in terminal.text, "the training")
        terminal.drain(5)
        for name, sequence in CHART_KEYS.items():
            waits, idle = [], []
            for _ in range(4 * rounds):
                for key in sequence:
                    chart, waited, at = terminal.chart(), terminal.waited(), terminal.type(key)
                    waits.append(terminal.when(lambda seen=chart: terminal.chart() != seen, repr(key)) - at)
                    idle.append(terminal.waited() - waited)
                    terminal.drain(random.uniform(0.1, 0.3))
            yield Row(f"key to frame, {name}", [value * 1e3 for value in waits], "ms", 25)
            yield Row(f"of it without a core, {name}", [value * 1e3 for value in idle], "ms")
        terminal.type(b"n")
        terminal.when(lambda: "A new run" in terminal.text, "the form")
        terminal.drain(2)
        waits, typed = [], ""
        for letter in LETTERS[: 4 * rounds]:
            typed, at = typed + letter, terminal.type(letter.encode())
            waits.append(terminal.when(lambda seen=typed: seen in terminal.text, typed) - at)
            terminal.drain(random.uniform(0.1, 0.3))
        yield Row("key to frame, a letter in the form", [value * 1e3 for value in waits], "ms", 25)


LETTERS = "zjxquickbrownfoxjumpsoverthelazydog" * 2
CHART_KEYS = {"log or linear": [b"y"], "zoom": [b"+", b"-"]}


@contextmanager
def living(steps: int) -> Iterator[tuple[WatchedTerminal, OurTrainer]]:
    """The app on a run that lives, all of it on the screen."""
    with scratch() as home:
        run = our_history(home, steps, is_finished=False)
        with our_trainer(run, last=steps) as trainer, app(home, "watch", run.id) as terminal:
            terminal.when(shows_step(terminal, steps), "the last step")
            terminal.drain(2)
            yield terminal, trainer


@contextmanager
def training(home: Path) -> Iterator[str]:
    """A real training of ``mini`` on all cores; the run's id."""
    command = [*APP, "train", "--headless", "--preset", "mini", "--no-target"]
    command += ["--sample-every", "never", "--checkpoint-every", "never"]
    environment = os.environ | {"GPT2TUI_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        store = RunStore(home / "data" / "runs")
        wait_until(lambda: any(RunView.of(run).step for run in store.all()), seconds=120)
        yield store.all()[0].id
    finally:
        process.kill()
        process.wait()


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "paint": paint,
    "history": history,
    "fresh": fresh,
    "keys": keys,
    "load": load,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="paint,history,fresh,keys,load,memory,leet")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = options.only.split(",")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, terminal {SIZE[0]}x{SIZE[1]}\n")
    print("| | median | 95th percentile | worst | n | goal |\n|---|---|---|---|---|---|")
    rows: list[Any] = []
    for name in wanted:
        if name in PARTS:
            for row in PARTS[name](options.rounds):
                rows.append(row._asdict())
                print(row.table(), flush=True)
    if "leet" in wanted:
        rows += leet.compare(options.rounds)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
