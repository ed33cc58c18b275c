"""Runs of a model so small (a vocabulary of 300) that a step takes milliseconds, in this process and in others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from gpt2tui.runs.config import Limits, RunConfig
from gpt2tui.runs.events import AnyEvent, Evaluated, Notice, Rewound, RunFinished, RunStarted, Step
from gpt2tui.runs.recipe import Recipe, load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from tests.preloaded import preloaded
from tests.tiny import tiny_model_config, tiny_run_config

VOCABULARY = 300
NO_TARGET = Limits(target_loss=None)
PATIENCE = 60.0
"""Seconds that a condition may take on a busy machine."""

E = TypeVar("E")


def small_recipe(name: str = "reference", **changes: Any) -> Recipe:
    """A recipe with batches of 4."""
    return msgspec.structs.replace(load_recipe(name), **{"batch_size": 4, **changes})


def small_config(*, tokens: int = 401, validation: int = 0, **changes: Any) -> RunConfig:
    """A run over ``tokens`` random tokens in windows of 16."""
    settings: dict[str, Any] = {
        "model": tiny_model_config(vocabulary_size=VOCABULARY),
        "recipe": small_recipe(),
        "limits": NO_TARGET,
        "block_size": 16,
        "sample_prompt": "!",
    }
    config = tiny_run_config(tokens=tokens, **settings | changes)
    return msgspec.structs.replace(config, corpus=msgspec.structs.replace(config.corpus, tokens=tokens + validation))


def small_run(folder: Path, config: RunConfig | None = None, ids: Sequence[int] | None = None) -> Run:
    """A new run below ``folder``; its tokens are drawn where none are given."""
    config = config or small_config()
    if ids is None:
        ids = np.random.default_rng(0).integers(0, VOCABULARY, config.corpus.tokens).tolist()
    folder.mkdir(parents=True, exist_ok=True)
    tokens = folder / ".tokens"
    tokens.write_bytes(np.array(ids, dtype=np.uint16).tobytes())
    run = RunStore(folder / "runs").create(config, tokens)
    tokens.unlink()
    return run


def of_type(events: Iterable[AnyEvent], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def only(events: Iterable[AnyEvent], kind: type[E]) -> E:
    """The one event of a type; fails when there are more or none."""
    (event,) = of_type(events, kind)
    return event


def losses(events: Iterable[AnyEvent]) -> dict[int, float]:
    """The loss of every step that counts."""
    found: dict[int, float] = {}
    for event in events:
        if isinstance(event, Step):
            found[event.step] = event.loss
        elif isinstance(event, RunStarted | Rewound):
            kept = event.from_step if isinstance(event, RunStarted) else event.to_step
            found = {step: loss for step, loss in found.items() if step <= kept}
    return found


def notices(events: Iterable[AnyEvent]) -> str:
    return "\n".join(event.text for event in of_type(events, Notice))


def corpus_losses(events: Iterable[AnyEvent]) -> list[Evaluated]:
    return [event for event in of_type(events, Evaluated) if event.split == "train"]


def until(condition: Callable[[], E | bool | None], what: str) -> E:
    """Wait for something to become true and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value  # type: ignore[return-value]
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE:g} s in vain: {what}")


def seen(run: Run, kind: type[E], matching: Callable[[E], bool] = lambda event: True) -> E | None:
    """The first such event in the journal, where there is one."""
    return next((event for event in of_type(run.events(), kind) if matching(event)), None)


@contextmanager
def training(
    run: Run, *options: str, python: Sequence[str] = (), **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """``gpt2tui resume --headless`` on a run, as a process of its own; killed at the end if it still lives.

    One that is killed has ended when its pipes have: ``communicate`` waits for that, ``wait`` does not.
    """
    program = [sys.executable, *python, "-m", "gpt2tui"] if python else preloaded("gpt2tui")
    process = subprocess.Popen(
        [*program, "resume", "--headless", str(run.folder), *options],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that ends by itself."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def ending(run: Run) -> RunFinished:
    """The one end that the journal tells."""
    return only(run.events(), RunFinished)
