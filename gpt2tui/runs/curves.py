"""The loss curves of a run, thinned to what a picture can show."""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

from gpt2tui.runs.events import Evaluated, Rewound, RunStarted, SettingChanged
from gpt2tui.runs.journal import skim_events
from gpt2tui.runs.run import Run

XAxis = Literal["steps", "tokens", "passes", "time"]
COLUMNS: dict[XAxis, str] = {"steps": "step", "tokens": "tokens", "passes": "passes", "time": "elapsed"}

Points = tuple[list[float], list[float]]


class Curves:
    """x and y of a run's raw and running loss, at most ``most`` points each, and of all its evaluations."""

    def __init__(self, run: Run, x: XAxis, *, most: int) -> None:
        series = run.series()
        self.name = run.name()
        self.target = run.config().limits.target_loss
        along, steps = series[COLUMNS[x]], series["step"]
        stride = max(1, -(-len(series) // most))
        thinned = list(along[::stride])
        self.raw: Points = (thinned, list(series["loss"][::stride]))
        self.running: Points = (thinned, list(series["running_loss"][::stride]))
        found: list[Evaluated] = []
        for event in skim_events(run.events_file, recent=1):
            match event:
                case Evaluated(partial=False):
                    found.append(event)
                case RunStarted(from_step=step) | Rewound(to_step=step):
                    found = [one for one in found if one.step <= step]
                case SettingChanged(name="target_loss"):
                    self.target = event.value
        self.corpus: Points = ([], [])
        self.validation: Points = ([], [])
        for one in found:
            place = min(bisect_left(steps, one.step), len(series) - 1)
            points = self.corpus if one.split == "train" else self.validation
            points[0].append(along[place] if len(series) else 0.0)
            points[1].append(one.loss)

    def __bool__(self) -> bool:
        return bool(self.raw[0] or self.corpus[0])
