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
from pathlib import Path

from gpt2tui.runs.events import AnyEvent, Rewound, RunStarted, Step
from gpt2tui.runs.journal import event_reader

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


class SeriesWriter:
    """Appends steps; drops those that a resume or a rewind made void."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._descriptor).st_size
        if size < len(_HEADER) or os.pread(self._descriptor, len(_HEADER), 0) != _HEADER:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, _HEADER, 0)
            size = len(_HEADER)
        self._count = (size - len(_HEADER)) // _RECORD.size

    def append(self, events: Iterable[AnyEvent]) -> None:
        """Take the steps among ``events``, and drop records as the others ask."""
        records = bytearray()
        for event in events:
            if isinstance(event, Step):
                records += _RECORD.pack(*(getattr(event, column) for column in COLUMNS))
            elif isinstance(event, RunStarted | Rewound):
                self._write(records)
                records.clear()
                self._drop_after(event.from_step if isinstance(event, RunStarted) else event.to_step)
        self._write(records)

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, records: bytes | bytearray) -> None:
        os.pwrite(self._descriptor, records, len(_HEADER) + self._count * _RECORD.size)
        self._count += len(records) // _RECORD.size

    def _drop_after(self, step: int) -> None:
        while self._count and self._step(self._count - 1) > step:
            self._count -= 1
        os.ftruncate(self._descriptor, len(_HEADER) + self._count * _RECORD.size)

    def _step(self, index: int) -> float:
        record = os.pread(self._descriptor, _RECORD.size, len(_HEADER) + index * _RECORD.size)
        return float(_RECORD.unpack(record)[1])


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

    def __getitem__(self, column: str) -> memoryview:
        body = memoryview(self._map)[len(_HEADER) : len(_HEADER) + self._count * _RECORD.size]
        return body.cast("d")[COLUMNS.index(column) :: len(COLUMNS)]


def open_series(path: Path, journal: Path) -> Series:
    """The series at ``path``, rebuilt from the journal when it is missing or of another version."""
    if sys.byteorder != "little":
        raise OSError("series.bin is little-endian; this machine is not")
    try:
        return Series(path)
    except (FileNotFoundError, ValueError):
        building = path.with_name(f"{path.name}.{os.getpid()}")
        writer = SeriesWriter(building)
        try:
            bunch: list[AnyEvent] = []
            for event in event_reader(journal).poll():
                bunch.append(event)
                if len(bunch) == 1024:
                    writer.append(bunch)
                    bunch.clear()
            writer.append(bunch)
        finally:
            writer.close()
        building.replace(path)
        return Series(path)
