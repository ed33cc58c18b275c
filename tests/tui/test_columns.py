"""Columns tell the truth about their steps, and cost the same however long the run is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gpt2tui.runs.events import Rewound
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.series import SeriesWriter
from gpt2tui.tui.chart.columns import BLOCK, History
from tests.runs.synthetic import loss_at, started, step
from tests.tui.series_files import append_steps, falling, history_of

LENGTHS = (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK**2 + 7, 70_001)


def check(history: History, losses: np.ndarray, unit: str, edges: np.ndarray) -> None:
    """Each column against its steps, found one by one."""
    x = np.array(history.values(unit))
    found = history.columns(unit, edges)
    seen = 0
    for column, (left, right) in enumerate(pairwise(edges)):
        is_last = column == len(edges) - 2
        inside = (x >= left) & ((x <= right) if is_last else (x < right)) & np.isfinite(losses)
        seen += int(inside.sum())
        if not inside.any():
            assert np.isnan([found.lowest[column], found.highest[column], found.mean[column]]).all()
            continue
        assert found.lowest[column] == losses[inside].min()
        assert found.highest[column] == losses[inside].max()
        assert found.mean[column] == pytest.approx(losses[inside].mean())
    assert seen == int((np.isfinite(losses) & (x >= edges[0]) & (x <= edges[-1])).sum())


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("unit", ["step", "tokens", "passes", "elapsed"])
def test_columns_hold_the_true_lowest_highest_and_mean(tmp_path: Path, length: int, unit: str) -> None:
    losses = falling(length)
    history = history_of(tmp_path / "series.bin", losses)
    random = np.random.default_rng(length)
    end = history.last(unit)
    check(history, losses, unit, np.linspace(0, end, 51))
    for _ in range(5):
        left, right = np.sort(random.uniform(-0.1 * end, 1.2 * end, 2))
        check(history, losses, unit, np.linspace(left, right, int(random.integers(2, 80))))


def test_losses_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    losses = falling(5_000)
    losses[::7] = np.nan
    losses[100:200] = np.inf
    losses[300:400] = -np.inf
    check(history_of(tmp_path / "series.bin", losses), losses, "step", np.linspace(0, 5_000, 101))


def test_the_mean_line_is_the_mean_of_the_running_loss(tmp_path: Path) -> None:
    running = np.linspace(9, 1, 1_000)
    history = history_of(tmp_path / "series.bin", falling(1_000), running)
    found = history.columns("step", np.array([0.5, 500.5, 1000.5]))
    assert found.running == pytest.approx([running[:500].mean(), running[500:].mean()])


def test_what_a_picture_reads_does_not_grow_with_the_run(tmp_path: Path) -> None:
    columns, read = 260, {}
    for length in (20_000, 200_000, 1_000_000):
        history = history_of(tmp_path / f"{length}.bin", falling(length))
        history.touched = 0
        history.columns("step", np.linspace(0, length, columns + 1))
        read[length] = history.touched
        for span in (length / 3, 1_000.0, 10.0):
            history.touched = 0
            history.columns("step", np.linspace(length / 2, length / 2 + span, columns + 1))
            levels = 1 + int(np.log(length) / np.log(BLOCK))
            assert history.touched <= columns * (2 * BLOCK * levels + 25)
    assert read[1_000_000] <= 2 * read[20_000]


def test_columns_are_views_of_the_file(tmp_path: Path) -> None:
    history = history_of(tmp_path / "series.bin", falling(1_000))
    loss, steps = history.values("loss"), history.values("step")
    assert not loss.flags.owndata
    assert not loss.flags.writeable
    assert loss.strides == (80,)
    assert loss.ctypes.data - steps.ctypes.data == 3 * 8


def test_only_what_is_new_is_read_as_a_run_grows(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path / "series.bin")
    append_steps(writer, 1, 5_000)
    history = History(tmp_path / "series.bin")
    assert history.refresh()
    assert not history.refresh()
    for last in range(5_001, 5_200, 7):
        history.touched = 0
        append_steps(writer, len(history) + 1, last)
        assert history.refresh()
        assert len(history) == last
        assert history.touched <= 3 * BLOCK
    writer.close()
    losses = np.array([loss_at(number) for number in range(1, len(history) + 1)])
    check(history, losses, "step", np.linspace(0, 5_200, 61))


def test_a_rewind_shortens_it_and_what_came_after_counts(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path / "series.bin")
    append_steps(writer, 1, 3_000)
    history = History(tmp_path / "series.bin")
    history.refresh()
    writer.append([Rewound(to_step=1_000, why="the loss was not finite")])
    assert history.refresh()
    assert history.last("step") == 1_000
    writer.append([step(number, loss=42.0) for number in range(1_001, 3_001)])
    assert history.refresh()
    losses = np.array([loss_at(number) if number <= 1_000 else 42.0 for number in range(1, 3_001)])
    check(history, losses, "step", np.linspace(0, 3_000, 61))
    # As long as before, by another file: the same size must not look like the same steps.
    writer.append([Rewound(to_step=2_000, why=""), *(step(number, loss=43.0) for number in range(2_001, 3_001))])
    writer.close()
    assert history.refresh()
    losses[2_000:] = 43.0
    check(history, losses, "step", np.linspace(0, 3_000, 61))


def test_a_missing_series_is_made_from_the_journal_and_no_run_is_no_error(tmp_path: Path) -> None:
    nowhere = History(tmp_path / "gone" / "series.bin")
    assert not nowhere.refresh()
    assert not len(nowhere)
    assert not nowhere.refresh()
    assert np.isnan(nowhere.columns("step", np.array([0.0, 1.0])).lowest).all()
    journal = JournalWriter(tmp_path / "events.jsonl")
    journal.append([started(), *map(step, range(1, 41))])
    journal.close()
    history = History(tmp_path / "series.bin")
    assert history.refresh()
    assert len(history) == 40
    (tmp_path / "series.bin").unlink()
    assert not history.refresh()
    assert len(history) == 40, "what was read is not forgotten"


@pytest.mark.parametrize(("x", "record"), [(-5.0, 0), (0.0, 0), (1.0, 0), (1.9, 0), (2.0, 1), (99.0, 9)])
def test_a_place_is_the_last_step_before_it(tmp_path: Path, x: float, record: int) -> None:
    history = history_of(tmp_path / "series.bin", falling(10))
    assert int(history.place_of("step", x)) == record
