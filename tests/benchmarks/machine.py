"""What this machine can do, and children that are measured: shared by the benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch


def matrix_rate(dtype: torch.dtype, *, seconds: float = 1.0) -> float:
    """FLOP/s of a product of 2048 x 768 and 768 x 3072."""
    a, b = torch.randn(2048, 768).to(dtype), torch.randn(768, 3072).to(dtype)
    for _ in range(3):
        a @ b
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        a @ b
        count += 1
    return 2 * 2048 * 768 * 3072 * count / (time.perf_counter() - began)


def describe() -> str:
    """One line on the machine, its matrix rates measured now."""
    rates = ", ".join(
        f"{str(dtype).removeprefix('torch.')} {matrix_rate(dtype) / 1e12:.2f} TFLOP/s"
        for dtype in (torch.float32, torch.bfloat16)
    )
    return f"{torch.get_num_threads()} threads, torch {torch.__version__}; matrix rate: {rates}"


def train_events(*arguments: str, home: str, **environment: str) -> Iterator[dict[str, Any]]:
    """The events of one ``gpt2tui train --headless --jsonl`` in a process of its own."""
    command = [sys.executable, "-m", "gpt2tui", "train", "--headless", "--jsonl", *arguments]
    variables = os.environ | {"GPT2TUI_HOME": home} | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as child:
        assert child.stdout is not None
        for line in child.stdout:
            yield json.loads(line)


def step_seconds(*arguments: str, steps: int, **environment: str) -> list[float]:
    """Seconds of each step but the first two of a run of so many steps."""
    limits = ["--max-steps", str(steps), "--no-target", "--sample-every", "never", "--checkpoint-every", "never"]
    with tempfile.TemporaryDirectory() as home:
        events = train_events(*arguments, *limits, home=home, **environment)
        elapsed = [event["elapsed"] for event in events if event["type"] == "step"]
    return [after - before for before, after in pairwise(elapsed[1:])]
