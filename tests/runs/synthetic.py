"""Runs without a trainer: real directories and journals, written as a trainer writes them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from gpt2tui.runs.config import CorpusRecord, Limits, RunConfig
from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    Evaluated,
    Notice,
    PhaseChanged,
    RunFinished,
    RunStarted,
    Sampled,
    Step,
)
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.store import RunStore

START = 1_700_000_000.0
TOKENS = 2_001
TINY = ModelConfig(layers=2, heads=2, width=16, block_size=32, vocabulary_size=300)


def configuration(**changes: Any) -> RunConfig:
    """A tiny run's configuration: ten steps are one pass."""
    recipe = msgspec.structs.replace(load_recipe("reference"), batch_size=10, block_size=20)
    base = RunConfig(
        model=TINY,
        corpus=CorpusRecord(
            name="a-play", sources=["a.txt"], bytes=8_000, sha256="0" * 64, tokens=TOKENS, train_tokens=TOKENS
        ),
        recipe=recipe,
        limits=Limits(),
        block_size=20,
        device="cpu",
        dtype="float32",
        threads=1,
        preset="nano",
        created=START,
    )
    return msgspec.structs.replace(base, **changes)


def loss_at(step: int) -> float:
    """Falls from 10 through the target of 0.099999, which it crosses after step 461."""
    return 10 * math.exp(-step / 100)


def started(from_step: int = 0, *, at: float = START, pid: int = 1) -> RunStarted:
    return RunStarted(
        time=at,
        from_step=from_step,
        config="c",
        device="cpu",
        dtype="float32",
        threads=1,
        micro_batch=10,
        parameters=TINY.parameters,
        corpus_tokens=TOKENS,
        pid=pid,
    )


def step(number: int, **changes: Any) -> Step:
    loss = loss_at(number)
    base = Step(
        time=START + number,
        step=number,
        tokens=number * 200,
        passes=number / 10,
        loss=loss,
        running_loss=loss * 1.05,
        learning_rate=2e-4,
        gradient_norm=1 + 1 / number,
        tokens_per_second=200.0,
        elapsed=float(number),
    )
    return msgspec.structs.replace(base, **changes)


def evaluated(number: int, loss: float, **changes: Any) -> Evaluated:
    base = Evaluated(
        time=START + number,
        step=number,
        split="train",
        loss=loss,
        tokens=TOKENS - 1,
        seconds=1.5,
        dtype="float32",
        device="cpu",
    )
    return msgspec.structs.replace(base, **changes)


def saved(number: int, reason: str = "end") -> CheckpointSaved:
    path = f"checkpoints/step-{number:08d}"
    return CheckpointSaved(time=START + number, step=number, path=path, bytes=1_000, seconds=0.1, reason=reason)


def whole_story(last: int = 470) -> list[AnyEvent]:
    """A run from its start to its target, with one of everything."""
    story: list[AnyEvent] = [started(), PhaseChanged(time=START, phase="training")]
    story += [step(number) for number in range(1, last + 1)]
    story.append(
        Sampled(
            time=START + last,
            step=last,
            prompt="Once",
            text=" upon\x1b[31m a time",
            settings=SamplingSettings(),
        )
    )
    story.append(Notice(time=START + last, level="warning", text="the cat walked [over] the keyboard"))
    story.append(
        CheckpointSaved(
            time=START + last,
            step=last,
            path=f"checkpoints/step-{last:08d}",
            bytes=1_000,
            seconds=0.1,
            reason="target",
        )
    )
    story.append(evaluated(last, loss_at(last)))
    story.append(
        RunFinished(time=START + last, reason="target_reached", step=last, loss=loss_at(last), seconds=float(last))
    )
    return story


def append(run: Run, events: Iterable[msgspec.Struct]) -> None:
    """Write events to a run's journal."""
    writer = JournalWriter(run.events_file)
    writer.append(events)
    writer.close()


def make_run(store: RunStore, events: Iterable[AnyEvent] = (), **changes: Any) -> Run:
    """A run in a store, with a journal of these events."""
    store.folder.mkdir(parents=True, exist_ok=True)
    tokens = store.folder.parent / "tokens.bin"
    tokens.write_bytes(bytes(2 * TOKENS))
    run = store.create(configuration(**changes), tokens)
    append(run, events)
    return run


_HOLDER = """
import sys
from pathlib import Path
from gpt2tui.runs.run import Run
lock = Run(Path(sys.argv[1])).lock()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(run: Run) -> Iterator[subprocess.Popen[str]]:
    """While the block runs, another process holds the run's lock as a trainer does."""
    with python(_HOLDER, str(run.folder)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


@contextmanager
def python(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python with this source tree, its pipes open; it is gone after the block."""
    tree = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": tree},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Any, *, seconds: float = 10.0) -> None:
    """Return as soon as ``condition()`` holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
