"""Which checkpoints a run has, by their names on disk; nothing of what is in them is read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from gpt2tui.runs.run import Run

PointerName = Literal["best", "last"]
POINTERS: tuple[PointerName, PointerName] = ("best", "last")


class _Pointer(msgspec.Struct, frozen=True):
    checkpoint: str
    step: int
    corpus_loss: float | None = None
    running_loss: float | None = None


def checkpoint_steps(run: Run) -> list[int]:
    """The steps of the complete checkpoints, the newest first."""
    names = (path.name.removeprefix("step-") for path in run.checkpoints.glob("step-*"))
    return sorted((int(name) for name in names if name.isdigit()), reverse=True)


def pointed_step(run: Run, name: PointerName) -> int | None:
    """The step of the checkpoint that ``best`` or ``last`` points to, where both exist."""
    pointer = _pointer(run.checkpoints, name)
    return pointer.step if pointer and (run.checkpoints / pointer.checkpoint).is_dir() else None


def by_default(checkpoints: Path) -> tuple[PointerName, PointerName]:
    """The order in which ``best`` and ``last`` are looked for where none is named: ``last`` comes first where its
    running loss is below what ``best`` was measured at, since the run has learnt more than was measured.
    """
    best, last = _pointer(checkpoints, "best"), _pointer(checkpoints, "last")
    if best and last and best.corpus_loss is not None and last.running_loss is not None and last.step > best.step:
        return ("last", "best") if last.running_loss < best.corpus_loss else POINTERS
    return POINTERS


def _pointer(checkpoints: Path, name: PointerName) -> _Pointer | None:
    try:
        return msgspec.json.decode((checkpoints / f"{name}.json").read_bytes(), type=_Pointer)
    except (OSError, ValueError):
        return None


def chosen_step(run: Run, reference: str | None = None) -> int | None:
    """The step that ``best``, ``last`` or a number means, by default :func:`by_default`; None where there is none."""
    if reference is not None and reference.isdigit():
        return int(reference) if int(reference) in checkpoint_steps(run) else None
    for name in by_default(run.checkpoints) if reference is None else POINTERS:
        if reference in (None, name) and (step := pointed_step(run, name)) is not None:
            return step
    if reference == "best":
        return None
    return next(iter(checkpoint_steps(run)), None)
