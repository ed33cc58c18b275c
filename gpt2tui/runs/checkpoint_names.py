"""Which checkpoints a run has, by their names on disk; nothing of what is in them is read."""

from __future__ import annotations

from typing import Literal

import msgspec

from gpt2tui.runs.run import Run

PointerName = Literal["best", "last"]


class _Pointer(msgspec.Struct, frozen=True):
    checkpoint: str
    step: int


def checkpoint_steps(run: Run) -> list[int]:
    """The steps of the complete checkpoints, the newest first."""
    names = (path.name.removeprefix("step-") for path in run.checkpoints.glob("step-*"))
    return sorted((int(name) for name in names if name.isdigit()), reverse=True)


def pointed_step(run: Run, name: PointerName) -> int | None:
    """The step of the checkpoint that ``best`` or ``last`` points to, where both exist."""
    try:
        pointer = msgspec.json.decode((run.checkpoints / f"{name}.json").read_bytes(), type=_Pointer)
    except (OSError, ValueError):
        return None
    return pointer.step if (run.checkpoints / pointer.checkpoint).is_dir() else None


def chosen_step(run: Run, reference: str | None = None) -> int | None:
    """The step that ``best``, ``last`` or a number means, by default best, else last; None where there is none."""
    if reference is not None and reference.isdigit():
        return int(reference) if int(reference) in checkpoint_steps(run) else None
    for name in ("best", "last"):
        if reference in (None, name) and (step := pointed_step(run, name)) is not None:
            return step
    if reference == "best":
        return None
    return next(iter(checkpoint_steps(run)), None)
