"""What the device does: load, memory, temperature, read now and then."""

from __future__ import annotations

import time

import psutil
import torch

from gpt2tui.runs.events import DeviceReading

SECONDS_BETWEEN = 2.0


class Telemetry:
    """Reads the device that trains at most every :data:`SECONDS_BETWEEN`."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._process = psutil.Process()
        self._last = time.monotonic()
        psutil.cpu_percent()

    def poll(self) -> DeviceReading | None:
        """A reading, when it is time for one.

        On the CPU the load is that of all cores and the memory this process's resident set; on a GPU they are the
        device's own.
        """
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN:
            return None
        self._last = now
        if self._device == "cuda":
            return _read_cuda()
        return DeviceReading(load=psutil.cpu_percent(), memory=self._memory())

    def _memory(self) -> int:
        if self._device == "mps":
            return int(torch.mps.driver_allocated_memory())
        return int(self._process.memory_info().rss)


def _read_cuda() -> DeviceReading:
    memory = torch.cuda.memory_reserved()
    try:
        return DeviceReading(load=torch.cuda.utilization(), memory=memory, temperature=float(torch.cuda.temperature()))
    except Exception:  # noqa: BLE001 - NVML may be absent, refuse, or raise errors of its own: no reason to end a run
        return DeviceReading(load=None, memory=memory)
