"""A run whose disk is full: how that is seen from outside, and how much is lacking."""

from __future__ import annotations

import shutil

from gpt2tui.runs.estimate import estimate
from gpt2tui.runs.events import Notice, PhaseChanged
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView


def waits_for_room(view: RunView) -> str:
    """The trainer's words for what a paused run has no room for; none where a person paused it."""
    for event in reversed(view.news):
        if isinstance(event, PhaseChanged) and event.phase != "paused":
            break
        if isinstance(event, Notice) and event.level == "error":
            return event.text
    return ""


def lacking_bytes(run: Run, view: RunView) -> int:
    """What the disk of a run lacks for its next checkpoint; 0 where it has room, or cannot be asked.

    A trainer whose journal cannot be written waits for so much, and cannot say so.
    """
    needed = view.checkpoint.bytes if view.checkpoint else estimate(view.config).checkpoint
    try:
        return max(0, needed - shutil.disk_usage(run.folder).free)
    except OSError:
        return 0
