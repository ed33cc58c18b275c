"""Steps from all of a run, thinned as it grows, so that memory stays the same."""

from __future__ import annotations

from gpt2tui.runs.events import Step

LONGEST = 512


def remember(history: list[Step], step: Step) -> None:
    """Append a step, unless it is too near the last: all are kept at first, then every second, every fourth …"""
    stride = 1 << ((step.step - 1) // LONGEST).bit_length()
    if history and step.step - history[-1].step < stride:
        return
    history.append(step)
    if len(history) > LONGEST:
        kept: list[Step] = []
        for one in history:
            if not kept or one.step - kept[-1].step >= stride:
                kept.append(one)
        history[:] = kept
