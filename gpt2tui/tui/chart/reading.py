"""What the reading cursor of a chart says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt2tui.runs.events import Evaluated
from gpt2tui.text import loss_text
from gpt2tui.tui.chart.axes import time_label
from gpt2tui.tui.chart.columns import History, Unit
from gpt2tui.tui.chart.frame import Frame

SPLITS = {"train": "corpus", "validation": "validation"}
"""What the loss of a part of the text is called."""


def reading_words(
    history: History, unit: Unit, frame: Frame, cursor: float, evaluations: Sequence[Evaluated] = ()
) -> list[str]:
    """Step, losses, pass, time and tokens at a place, the most important first.

    Of a column of several steps the batch loss is the mean, with the lowest and highest; the rest is of the last one.
    """
    first, last = _records(history, unit, frame, cursor)
    steps = history.values("step")[[first, last]]
    found = history.columns("step", steps)
    is_range = last > first and np.isfinite(found.lowest[0])
    return [
        f"step {steps[1]:,.0f}" if first == last else f"steps {steps[0]:,.0f} to {steps[1]:,.0f}",
        f"batch loss {_loss(found.mean[0])}",
        f"running loss {_loss(history.values('running_loss')[last])}",
        *_measured(evaluations, *steps),
        *([f"from {_loss(found.lowest[0])} to {_loss(found.highest[0])}"] if is_range else []),
        f"pass {history.values('passes')[last]:,.2f}",
        time_label(float(history.values("elapsed")[last]), 1),
        f"{history.values('tokens')[last]:,.0f} tokens",
    ]


def _measured(evaluations: Sequence[Evaluated], first: float, last: float) -> list[str]:
    """What was measured at these steps, of each part of the text the last."""
    found = {event.split: event.loss for event in evaluations if first <= event.step <= last and not event.partial}
    return [f"{name} loss {_loss(found[split])}" for split, name in SPLITS.items() if split in found]


def overlay_words(history: History, unit: Unit, cursor: float, name: str) -> list[str]:
    """The mean of another run at the same place, if it went so far."""
    if not len(history) or cursor > history.last(unit):
        return []
    record = int(history.place_of(unit, cursor))
    return [f"{name} {_loss(history.values('running_loss')[record])}"]


def _records(history: History, unit: Unit, frame: Frame, cursor: float) -> tuple[int, int]:
    """The first and last record in the cursor's column; the nearest before it where there is none."""
    column = int(frame.columns_of(cursor))
    here = int(history.place_of(unit, cursor))
    if column < 0:
        return here, here
    edges = np.array([frame.x_at(column), frame.x_at(column + 1)])
    first, end = (int(index) for index in np.searchsorted(history.values(unit), edges))
    if column == frame.left + frame.columns - 1:
        end = int(np.searchsorted(history.values(unit), frame.end, side="right"))
    return (first, end - 1) if first < end else (here, here)


def _loss(value: float) -> str:
    return loss_text(float(value)) if np.isfinite(value) else "not finite"
