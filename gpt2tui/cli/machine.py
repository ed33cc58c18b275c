"""What ``gpt2tui doctor`` finds out about the machine. torch is imported in the bodies only."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

_NEEDED = ("torch", "tiktoken", "numpy", "safetensors", "msgspec", "rich", "typer", "plotext", "psutil", "filelock")
_OPTIONAL = ("matplotlib",)
_ROWS = 2_048


def cpu_model() -> str:
    """The processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def processor() -> dict[str, Any]:
    """Model, cores this process may use, and the matrix units that torch sees."""
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "model": cpu_model(),
        "cores": usable,
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "amx": bool(torch.cpu._is_amx_tile_supported()),
        "avx512_bf16": bool(torch.cpu._is_avx512_bf16_supported()),
    }


def memory() -> dict[str, int]:
    """Bytes of memory, all and free to use."""
    import psutil

    found = psutil.virtual_memory()
    return {"total": found.total, "available": found.available}


def device_memory(device: str) -> dict[str, int]:
    """Bytes of the memory that a device computes in, all and free to use."""
    if device != "cuda":
        return memory()
    import torch

    available, total = torch.cuda.mem_get_info()
    return {"total": total, "available": available}


def free_disk(path: Path) -> int:
    """Bytes free where a folder is or will be."""
    return shutil.disk_usage(next(parent for parent in (path, *path.parents) if parent.exists())).free


def matrix_rates(device: str) -> dict[str, float]:
    """FLOP a second of one matrix product in float32 and bfloat16."""
    return {dtype: matrix_rate(device, dtype) for dtype in ("float32", "bfloat16")}


def matrix_rate(device: str, dtype: str, *, width: int = 768, seconds: float = 0.6) -> float:
    """FLOP a second of the first product of an MLP over 16 x 128 tokens, the best of what fits in ``seconds``."""
    import torch

    from gpt2tui.model.products import times

    left = torch.randn(_ROWS, width, device=device, dtype=getattr(torch, dtype))
    right = torch.randn(4 * width, width, device=device, dtype=left.dtype)
    best, until = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < until:
        began = time.perf_counter()
        times(left, right)[0, 0].item()  # an accelerator answers only when it is done
        best = min(best, time.perf_counter() - began)
    return 2 * left.numel() * len(right) / best


def versions() -> dict[str, str | None]:
    """Python's and the libraries' versions; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("gpt2tui", *_NEEDED, *_OPTIONAL):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def missing_packages(found: dict[str, str | None]) -> list[str]:
    """Packages that have to be there and are not."""
    return [name for name in _NEEDED if found[name] is None]


def place(path: Path) -> dict[str, Any]:
    """Whether a folder, or what will become its parent, can be written, and the bytes free there."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    problem = None
    try:
        # Tried and not asked: permission bits say nothing of read-only mounts and quotas.
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        problem = error.strerror or str(error)
    return {
        "path": str(path),
        "exists": path.exists(),
        "problem": problem,
        "free": free_disk(path),
    }


def terminal() -> dict[str, Any]:
    """What the terminal can show, by the environment and by what it says."""
    from gpt2tui.cli.output import is_unicode, stdout_console

    console = stdout_console()
    is_terminal = sys.stdout.isatty()
    return {
        "is_terminal": is_terminal,
        "term": os.environ.get("TERM", ""),
        "colour": console.color_system,
        "no_color": console.no_color,
        "unicode": is_unicode(sys.stdout),
        "width": console.width if is_terminal else None,
        "height": console.height if is_terminal else None,
    }
