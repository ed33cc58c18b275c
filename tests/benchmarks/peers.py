"""Steps of the 124M: ours beside the original script, nanoGPT and the Trainer of transformers, taking turns.

    git clone https://github.com/SXD390/ERA-v4-decoder-only-GPT2-T original
    git clone https://github.com/karpathy/nanoGPT nanogpt
    pip install accelerate            # for the Trainer; without it that one is left out
    python -m tests.benchmarks.peers --original original --nanogpt nanogpt [--batch 16] [--block 128]
                                     [--rounds 2] [--steps 5] [--compile] [--json FILE]

All on the bundled text, each in a process of its own with the allocator and the threads that its users have. The
original runs as it was published, but for the batch; nanoGPT's model and optimiser run in the loop of its ``train.py``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch

from tests.benchmarks.machine import describe, matrix_rate, step_seconds

PARAMETERS = 124_439_808
_LINE = "| {name} | {median:.2f} | {min:.2f} | {max:.2f} | {rate:,.0f} | {ratio:.2f} | {share:.0%} |"
Timer = Callable[[], list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--original", type=Path)
    parser.add_argument("--nanogpt", type=Path)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--block", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="nanoGPT compiled too; it takes minutes to begin")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    timers = _timers(options)
    taken: dict[str, list[float]] = {name: [] for name in timers}
    rates = []
    for _ in range(options.rounds):
        rates.append(matrix_rate(torch.bfloat16))
        for name, timer in timers.items():
            taken[name] += timer()
    print(describe())
    rows = _rows(taken, options.batch * options.block, statistics.median(rates))
    print("| | s a step | min | max | tokens/s | against the first | of the bfloat16 matrix rate |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(_LINE.format(**row))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def _timers(options: argparse.Namespace) -> dict[str, Timer]:
    shape = ["--batch-size", str(options.batch), "--block-size", str(options.block)]

    def ours(*arguments: str) -> Timer:
        return lambda: step_seconds(*shape, *arguments, steps=options.steps)

    def peer(*words: str) -> Timer:
        return lambda: _peer_seconds(words, options)

    timers: dict[str, Timer] = {}
    if options.original:
        timers["original, as published (float32)"] = peer("original", str(options.original))
    timers["ours, `reference`, float32"] = ours("--recipe", "reference", "--dtype", "float32")
    timers["ours, `reference`, bfloat16"] = ours("--recipe", "reference", "--dtype", "bfloat16")
    timers["ours, `fast`, bfloat16"] = ours("--dtype", "bfloat16")
    if options.nanogpt:
        timers["nanoGPT, bfloat16"] = peer("nanogpt", str(options.nanogpt))
        if options.compile:
            timers["nanoGPT, bfloat16, compiled"] = peer("nanogpt", str(options.nanogpt), "--compile")
    if importlib.util.find_spec("accelerate"):
        timers["transformers Trainer, bfloat16"] = peer("trainer", "-")
    return timers


def _peer_seconds(words: tuple[str, ...], options: argparse.Namespace) -> list[float]:
    kind, folder, *flags = words
    shape = ["--batch", str(options.batch), "--block", str(options.block), "--steps", str(options.steps)]
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "times.json")
        command = [sys.executable, "-m", "tests.benchmarks.peer", kind, folder, *flags, *shape, "--out", str(out)]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        times = json.loads(out.read_text())
    return [after - before for before, after in pairwise(times[1:])]


def _rows(taken: dict[str, list[float]], tokens: int, rate: float) -> list[dict[str, float | str]]:
    first = statistics.median(next(iter(taken.values())))
    rows: list[dict[str, float | str]] = []
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        share = 6 * PARAMETERS * tokens / median / rate
        rows.append(
            {
                "name": name,
                "median": median,
                "min": min(seconds),
                "max": max(seconds),
                "rate": tokens / median,
                "ratio": first / median,
                "share": share,
            }
        )
    return rows


if __name__ == "__main__":
    main()
