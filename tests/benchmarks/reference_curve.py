"""The ``reference`` recipe against the original's published log: the mean of the last 100 losses.

python -m tests.benchmarks.reference_curve TEXT LOG [--steps 200]
python -m tests.benchmarks.reference_curve TEXT LOG --events RUN/events.jsonl
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

from tests.benchmarks.machine import train_events

WINDOW = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--events", type=Path, help="a journal there is already, instead of a new run")
    options = parser.parse_args()
    if options.events:
        events = [json.loads(line) for line in options.events.read_text().splitlines()]
    else:
        limits = ["--max-steps", str(options.steps), "--sample-every", "never"]
        with tempfile.TemporaryDirectory() as home:
            events = list(train_events("--recipe", "reference", *limits, str(options.text), home=home))
    losses = [event["loss"] for event in events if event["type"] == "step"]
    print("| step | original | ours | difference |\n|---|---|---|---|")
    with options.log.open() as file:
        for row in csv.DictReader(file):
            # The original counts from 0: its line of step n has seen n + 1 losses.
            seen = losses[: int(row["step"]) + 1]
            if len(seen) <= int(row["step"]):
                break
            ours, theirs = sum(seen[-WINDOW:]) / len(seen[-WINDOW:]), float(row["mean_100"])
            print(f"| {row['step']} | {theirs:.4f} | {ours:.4f} | {100 * (ours / theirs - 1):+.1f} % |")


if __name__ == "__main__":
    main()
