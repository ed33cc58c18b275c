"""The ``reference`` recipe against the original's published log: the mean of the last 100 losses.

python -m tests.benchmarks.reference_curve TEXT LOG [--steps 200] [--json FILE]
python -m tests.benchmarks.reference_curve TEXT LOG --events RUN/events.jsonl
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

from tests.benchmarks.machine import train_events
from tests.benchmarks.table import Table, keep, parser

WINDOW = 100


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("log", type=Path)
    arguments.add_argument("--steps", type=int, default=200)
    arguments.add_argument("--events", type=Path, help="a journal there is already, instead of a new run")
    options = arguments.parse_args()
    if options.events:
        events = [json.loads(line) for line in options.events.read_text().splitlines()]
    else:
        limits = ["--max-steps", str(options.steps), "--sample-every", "never"]
        with tempfile.TemporaryDirectory() as home:
            events = list(train_events("--recipe", "reference", *limits, str(options.text), home=home))
    losses = [event["loss"] for event in events if event["type"] == "step"]
    table = Table({"original": ".4f", "ours": ".4f", "difference": "+.1%"}, title="loss after so many steps")
    with options.log.open() as file:
        for row in csv.DictReader(file):
            # The original counts from 0: its line of step n has seen n + 1 losses.
            seen = losses[: int(row["step"]) + 1]
            if len(seen) <= int(row["step"]):
                break
            ours, theirs = sum(seen[-WINDOW:]) / len(seen[-WINDOW:]), float(row["mean_100"])
            table.row(row["step"], theirs, ours, ours / theirs - 1)
    keep(options.json, "losses: no machine's", table)


if __name__ == "__main__":
    main()
