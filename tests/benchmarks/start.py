"""How long commands take that should take no time, and what a first token takes beyond torch's own import.

    python -m tests.benchmarks.start [RUN] [--rounds 10] [--json FILE]

Processes of their own, taking turns; RUN adds its first token (``sample -n 1``), the run of a model that was trained.
Each is run once before anything counts, so that files are in memory and byte code is written.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.machine import describe
from tests.benchmarks.table import Table, keep, parser

PROGRAM = [sys.executable, "-m", "gpt2tui"]
BARE = "python -c pass"
TORCH = "python -c 'import torch'"
FIRST = "`sample -n 1`"
GOALS = {"`--version`": 0.15, "`--help`": 0.25}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", nargs="?")
    arguments.add_argument("--rounds", type=int, default=10)
    options = arguments.parse_args()
    commands = {
        BARE: [sys.executable, "-c", "pass"],
        TORCH: [sys.executable, "-c", "import torch"],
        "`--version`": [*PROGRAM, "--version"],
        "`--help`": [*PROGRAM, "--help"],
        "`train --help`": [*PROGRAM, "train", "--help"],
        "`runs`, none there": [*PROGRAM, "runs"],
    }
    if options.run:
        commands[FIRST] = [*PROGRAM, "sample", "--run", options.run, "-n", "1", "The"]
    taken: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home:
        for number in range(options.rounds + 1):
            for name, command in commands.items():
                elsewhere = {} if name == FIRST else {"GPT2TUI_HOME": home}
                began = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=os.environ | elsewhere)
                if number:
                    taken[name].append(time.perf_counter() - began)
    machine = f"{describe()}; load average {os.getloadavg()[0]:.1f}"
    print(machine, end="\n\n")
    table = Table({"median s": ".3f", "95 %": ".3f", "worst": ".3f", "beyond Python alone": ".3f", "goal": ".2f"})
    bare = statistics.median(taken[BARE])
    for name, seconds in taken.items():
        median, high = statistics.median(seconds), statistics.quantiles(seconds, n=20, method="inclusive")[-1]
        table.row(name, median, high, max(seconds), median - bare, GOALS.get(name))
    if options.run:
        beyond = statistics.median(taken[FIRST]) - statistics.median(taken[TORCH])
        table.row("first token beyond `import torch`", beyond, None, None, None, 0.6)
    keep(options.json, machine, table)


if __name__ == "__main__":
    main()
