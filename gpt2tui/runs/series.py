"""``series.bin``: the numbers of every step in fixed width, so that a run of a million steps opens at once.

A header of 16 bytes (``GPT2TUIS``, version, width of a record), then one record a step: ten float64 in the
order of :data:`COLUMNS`, little-endian. It is only a copy; the journal is the truth, and rebuilds it.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

from gpt2tui.runs.events import AnyEvent, Rewound, RunStarted, Step
from gpt2tui.runs.files import write_whole
from gpt2tui.runs.journal import EVENTS_FILE, event_reader

COLUMNS = (
    "time",
    "step",
    "tokens",
    "passes",
    "loss",
    "running_loss",
    "learning_rate",
    "gradient_norm",
    "tokens_per_second",
    "elapsed",
)
_RECORD = struct.Struct(f"<{len(COLUMNS)}d")
_HEADER = struct.pack("<8sII", b"GPT2TUIS", 1, _RECORD.size)
_STEP = COLUMNS.index("step")
_values = attrgetter(*COLUMNS)


class SeriesWriter:
    """Appends steps; drops those that a resume or a rewind made void.

    It starts from the journal beside it, since the file that is there may lack what a power cut took.
    A file that readers may have mapped is never cut short, which would kill them, but replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._replace(series_of(path.with_name(EVENTS_FILE)))

    def append(self, events: Iterable[AnyEvent]) -> None:
        """Take the steps among ``events``, and drop records as the others ask."""
        records = bytearray()
        for event in events:
            if isinstance(event, Step):
                records += _RECORD.pack(*_values(event))
            elif isinstance(event, RunStarted | Rewound):
                self._write(records)
                records.clear()
                self._drop_after(_last_step_kept(event))
        self._write(records)

    def close(self) -> None:
        os.close(self._descriptor)

    def _replace(self, records: bytes | bytearray) -> int:
        write_whole(self._path, _HEADER + records)
        self._count = len(records) // _RECORD.size
        return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)

    def _write(self, records: bytes | bytearray) -> None:
        start = len(_HEADER) + self._count * _RECORD.size
        written = 0
        while written < len(records):
            written += os.pwrite(self._descriptor, records[written:], start + written)
        self._count += len(records) // _RECORD.size

    def _drop_after(self, step: int) -> None:
        kept = self._count
        while kept and self._step(kept - 1) > step:
            kept -= 1
        if kept < self._count:
            records = os.pread(self._descriptor, kept * _RECORD.size, len(_HEADER))
            outdated = self._descriptor
            self._descriptor = self._replace(records)
            os.close(outdated)

    def _step(self, index: int) -> float:
        record = os.pread(self._descriptor, _RECORD.size, len(_HEADER) + index * _RECORD.size)
        return float(_RECORD.unpack(record)[_STEP])


class Series:
    """The columns of a run, mapped and not copied: ``series["loss"]`` is a strided view of float64."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if file.read(len(_HEADER)) != _HEADER:
                raise ValueError(f"{path} is not a series of this version")
            self._count = (size - len(_HEADER)) // _RECORD.size
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._count else b""

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, column: str) -> memoryview[float]:
        body = memoryview(self._map)[len(_HEADER) : len(_HEADER) + self._count * _RECORD.size]
        return body.cast("d")[COLUMNS.index(column) :: len(COLUMNS)]


def open_series(path: Path) -> Series:
    """The series at ``path``, made from the journal beside it when it is missing or of another version."""
    if sys.byteorder != "little":
        raise OSError("series.bin is little-endian; this machine is not")
    try:
        return Series(path)
    except FileNotFoundError:
        pass
    except ValueError:
        path.unlink(missing_ok=True)
    building = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        building.write_bytes(_HEADER + series_of(path.with_name(EVENTS_FILE)))
        # A link and not a rename: a trainer that starts meanwhile goes on writing to its own.
        with suppress(FileExistsError):
            os.link(building, path)
    finally:
        building.unlink(missing_ok=True)
    return Series(path)


def series_of(journal: Path) -> bytearray:
    """The records of all steps that count, as the journal tells them."""
    records = bytearray()
    for event in event_reader(journal).poll():
        if isinstance(event, Step):
            records += _RECORD.pack(*_values(event))
        elif isinstance(event, RunStarted | Rewound):
            step = _last_step_kept(event)
            while records and _RECORD.unpack_from(records, len(records) - _RECORD.size)[_STEP] > step:
                del records[-_RECORD.size :]
    return records


def _last_step_kept(event: RunStarted | Rewound) -> int:
    return event.from_step if isinstance(event, RunStarted) else event.to_step
