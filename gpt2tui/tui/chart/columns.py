"""What the columns of a chart stand for: lowest, highest and mean loss of so many steps, at a price that hardly grows
with the run.

The series is mapped, never copied. Blocks of 32 records are summed up once, then blocks of 32 blocks, and so on; a
column reads the few records at its ends and the blocks between them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from gpt2tui.runs.series import Series, open_series

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Unit = Literal["step", "tokens", "passes", "elapsed"]

BLOCK = 32
_CHUNK = BLOCK * 4096
"""Records that are summed up at a time."""

_LOWEST, _HIGHEST, _SUM, _COUNT, _RUNNING, _RUNNING_COUNT = range(6)
_EMPTY = (np.inf, -np.inf, 0.0, 0.0, 0.0, 0.0)


class Columns(NamedTuple):
    """One value a column: losses in nats, NaN where a column holds no step with a finite one.

    ``first`` and ``last`` are the indices of a column's records, ``last`` not included.
    """

    first: Indices
    last: Indices
    lowest: Floats
    highest: Floats
    mean: Floats
    running: Floats


class History:
    """The steps of a run, summed up. ``touched`` counts the records and blocks that were read, for tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._series: Series | None = None
        self._identity: tuple[int, int] | None = None
        self._size = -1
        self._views: dict[str, Floats] = {}
        self._levels: list[Floats] = []
        self._has_failed = False
        self.touched = 0

    def __len__(self) -> int:
        return len(self._series) if self._series else 0

    def refresh(self) -> bool:
        """Take in what was written since; whether anything was.

        A series that was replaced, as a rewind or a resume does, is read anew; of one that is gone what was read stays.
        """
        try:
            now = self._path.stat()
            identity, size = (now.st_dev, now.st_ino), now.st_size
        except OSError:
            if len(self):
                return False
            identity, size = (0, 0), -1
        if identity == self._identity and (size == self._size or self._has_failed):
            return False
        count = len(self)
        is_replaced = identity != self._identity or size < self._size
        self._identity, self._size = identity, size
        self._open()
        if is_replaced:
            self._levels = []
        self._sum_up()
        return len(self) != count or (is_replaced and count > 0)

    def values(self, column: str) -> Floats:
        """A column of the series as a view of the file, (steps,)."""
        if column not in self._views:
            self._views[column] = np.asarray(self._series[column]) if self._series else np.empty(0)
        return self._views[column]

    def last(self, unit: Unit) -> float:
        """Where the last step stands; 0 before the first."""
        return float(self.values(unit)[-1]) if len(self) else 0.0

    def place_of(self, unit: Unit, values: Floats | float) -> Indices:
        """The index of the last record at or before each value of a unit; at least 0."""
        return np.maximum(np.searchsorted(self.values(unit), values, side="right") - 1, 0)

    def columns(self, unit: Unit, edges: Floats) -> Columns:
        """The steps between each two of the rising ``edges``; what is at the last edge belongs to the last column."""
        x = self.values(unit)
        cuts = np.searchsorted(x, edges, side="left")
        cuts[-1:] = np.searchsorted(x, edges[-1:], side="right")
        self.touched += len(edges) * max(1, len(x)).bit_length()
        first, last = cuts[:-1], cuts[1:]
        found = self._reduce(first, last)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, running = found[_SUM] / found[_COUNT], found[_RUNNING] / found[_RUNNING_COUNT]
        is_empty = found[_COUNT] == 0
        lowest = np.where(is_empty, np.nan, found[_LOWEST])
        highest = np.where(is_empty, np.nan, found[_HIGHEST])
        return Columns(first, last, lowest, highest, mean, running)

    def _open(self) -> None:
        self._views = {}
        try:
            self._series = open_series(self._path)
            self._has_failed = False
        except (OSError, ValueError):
            # Not tried again before there is another file: making a series from its journal can take seconds.
            self._series, self._has_failed = None, True
        else:
            if self._size < 0:
                self._identity = None

    def _records(self, indices: Indices | slice) -> Floats:
        """The summaries of single records, (6, records)."""
        loss, running = self.values("loss")[indices], self.values("running_loss")[indices]
        self.touched += len(loss)
        is_loss, is_running = np.isfinite(loss), np.isfinite(running)
        return np.stack(
            (
                np.where(is_loss, loss, np.inf),
                np.where(is_loss, loss, -np.inf),
                np.where(is_loss, loss, 0.0),
                is_loss,
                np.where(is_running, running, 0.0),
                is_running,
            )
        )

    def _sum_up(self) -> None:
        """Add the blocks that are full by now, on every level."""
        length, level = len(self), 0
        while (full := length // BLOCK) > 0:
            if level == len(self._levels):
                self._levels.append(np.empty((6, 0)))
            blocks = self._levels[level]
            for start in range(blocks.shape[1] * BLOCK, full * BLOCK, _CHUNK):
                part = self._at(level, slice(start, min(start + _CHUNK, full * BLOCK)))
                blocks = np.concatenate((blocks, _sum_of(part.reshape(6, -1, BLOCK))), axis=1)
            self._levels[level] = blocks
            length, level = full, level + 1

    def _at(self, level: int, indices: Indices | slice) -> Floats:
        if level == 0:
            return self._records(indices)
        found = self._levels[level - 1][:, indices]
        self.touched += found.shape[1]
        return found

    def _reduce(self, first: Indices, last: Indices, level: int = 0) -> Floats:
        """The summary of each range of records, or of blocks of a level: (6, ranges)."""
        # Whole blocks inside a range are left to the next level; what is before and after them is read here.
        inner_first, inner_last = -(-first // BLOCK), last // BLOCK
        has_blocks = inner_first < inner_last
        middle = np.where(has_blocks, inner_first * BLOCK, last)
        resumed = np.where(has_blocks, inner_last * BLOCK, last)
        found = _join(self._read(first, middle, level), self._read(resumed, last, level))
        if has_blocks.any():
            blocks = np.where(has_blocks, inner_first, 0), np.where(has_blocks, inner_last, 0)
            found = _join(found, self._reduce(*blocks, level + 1))
        return found

    def _read(self, first: Indices, last: Indices, level: int) -> Floats:
        lengths = np.maximum(last - first, 0)
        total = int(lengths.sum())
        found = np.repeat(np.array(_EMPTY)[:, None], len(first), axis=1)
        if total:
            starts = np.cumsum(lengths) - lengths
            indices = np.arange(total) + np.repeat(first - starts, lengths)
            is_filled = lengths > 0
            found[:, is_filled] = _reduce_at(self._at(level, indices), starts[is_filled])
        return found


def _sum_of(blocks: Floats) -> Floats:
    """(6, blocks, records) as (6, blocks)."""
    found: Floats = blocks.sum(axis=2)
    found[_LOWEST] = blocks[_LOWEST].min(axis=1)
    found[_HIGHEST] = blocks[_HIGHEST].max(axis=1)
    return found


def _reduce_at(values: Floats, starts: Indices) -> Floats:
    return np.concatenate(
        (
            np.minimum.reduceat(values[_LOWEST : _LOWEST + 1], starts, axis=1),
            np.maximum.reduceat(values[_HIGHEST : _HIGHEST + 1], starts, axis=1),
            np.add.reduceat(values[_SUM:], starts, axis=1),
        )
    )


def _join(one: Floats, other: Floats) -> Floats:
    found = one + other
    found[_LOWEST] = np.minimum(one[_LOWEST], other[_LOWEST])
    found[_HIGHEST] = np.maximum(one[_HIGHEST], other[_HIGHEST])
    return found
