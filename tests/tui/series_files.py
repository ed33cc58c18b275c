"""Series of any length, written at once in the trainer's format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gpt2tui.runs.events import Evaluated
from gpt2tui.runs.series import COLUMNS, Series, SeriesWriter
from gpt2tui.tui.chart.columns import History
from tests.runs.synthetic import step

TOKENS_A_STEP, STEPS_A_PASS, SECONDS_A_STEP = 200, 10, 0.5


def write_series(path: Path, losses: Sequence[float] | np.ndarray, running: np.ndarray | None = None) -> Path:
    """One record a loss, steps from 1; the running loss is the loss where none is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    SeriesWriter(path).close()
    extend_series(path, losses, running)
    return path


def extend_series(path: Path, losses: Sequence[float] | np.ndarray, running: np.ndarray | None = None) -> None:
    """Write more steps after those that are there."""
    loss = np.asarray(losses, dtype="<f8")
    steps = np.arange(1.0, len(loss) + 1) + len(Series(path))
    columns = {
        "step": steps,
        "tokens": steps * TOKENS_A_STEP,
        "passes": steps / STEPS_A_PASS,
        "elapsed": steps * SECONDS_A_STEP,
        "loss": loss,
        "running_loss": loss if running is None else running,
    }
    records = np.stack([columns.get(name, np.ones(len(loss))) for name in COLUMNS], axis=1)
    with path.open("ab") as file:
        file.write(records.astype("<f8").tobytes())


def history_of(path: Path, losses: Sequence[float] | np.ndarray, running: np.ndarray | None = None) -> History:
    """A history of such a series, read."""
    history = History(write_series(path, losses, running))
    history.refresh()
    return history


def falling(steps: int, *, seed: int = 0) -> np.ndarray:
    """Losses from 10 towards 0.1 with the noise of single batches."""
    noise = np.random.default_rng(seed).normal(0, 0.1, steps)
    return (0.1 + 10 * np.exp(-5 * np.arange(steps) / steps)) * np.exp(noise)


class Run:
    """A run as the chart takes it, all of it in the open."""

    def __init__(self, path: Path, *, name: str = "a run", target: float | None = 0.099999) -> None:
        self.path, self.name, self.target_loss = path, name, target
        self.evaluations: list[Evaluated] = []


def append_steps(writer: SeriesWriter, first: int, last: int) -> None:
    """Write the synthetic run's steps from ``first`` to ``last``."""
    writer.append([step(number) for number in range(first, last + 1)])
