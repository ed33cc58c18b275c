"""How well the forecasts of the crossing fare on recorded runs: from half-way on, at 24 moments of each.

python -m tests.benchmarks.forecasts [RUN …] [--log LOG] [--json FILE]

It scores the runs in tests/benchmarks/curves, the run folders that are named, and the original's published log for
several targets. What is foretold is the end of the run, where a corpus loss was below its target; of the log, which
has none, the moment when its mean of 100 losses crossed. A forecast that is missing, or says "not on this course",
counts as infinitely wrong and outside of its interval.

Each run is scored twice: by its clock, and as if each of its steps had taken the same time, since other work on a
machine changes the pace of a run in ways that no fit foresees.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from gpt2tui.runs.config import CorpusRecord, Limits, RunConfig
from gpt2tui.runs.events import RunFinished, Step
from gpt2tui.runs.forecast import ABOVE
from gpt2tui.runs.journal import event_reader
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.recipe import Recipe, load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.view import RunView
from tests.benchmarks.table import Table, keep, parser

CURVES = Path(__file__).parent / "curves"
MOMENTS = 24
ORIGINAL = "the original's log"
EARLY = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Between these shares of a run its first forecasts are scored, by steps."""
LOG_TARGETS = (2.0, 1.0, 0.5, 0.2, 0.15)
_LOG_TOKENS = 338_026
_MODEL = ModelConfig(layers=3, heads=4, width=128, block_size=128)


class Curve(NamedTuple):
    """A run that came to its target after ``seconds`` of training."""

    name: str
    group: str
    config: RunConfig
    steps: list[Step]
    seconds: float


class Judged(NamedTuple):
    """One forecast: what was left in truth, and what it said, ``inf`` where there was none."""

    left: float
    said: float
    is_inside: bool
    is_off_course: bool

    @property
    def error(self) -> float:
        """As a share of the time left."""
        return abs(self.said - self.left) / self.left


def evened(curve: Curve) -> Curve:
    """The same run with a clock that goes by steps."""
    pace = curve.seconds / curve.steps[-1].step
    return curve._replace(steps=[msgspec.structs.replace(step, elapsed=step.step * pace) for step in curve.steps])


def judge(curve: Curve, *, start: float = 0.5, end: float = 1.0, moments: int = MOMENTS) -> list[Judged]:
    """The forecasts at evenly spaced moments from ``start`` of the run to before ``end``."""
    view, judged = RunView(curve.config), []
    steps = iter(curve.steps)
    coming = next(steps, None)
    for moment in range(moments):
        now = curve.seconds * (start + (end - start) * moment / moments)
        while coming is not None and coming.elapsed <= now:
            view.fold([coming])
            coming = next(steps, None)
        found = view.forecast()
        left = curve.seconds - now
        if found is None or not found.is_on_course:
            judged.append(Judged(left, math.inf, is_inside=False, is_off_course=found is not None))
            continue
        since = now - view.step.elapsed if view.step else 0.0
        said, earliest, latest = (max(0.0, seconds - since) for seconds in found)
        judged.append(Judged(left, said, is_inside=earliest <= left <= latest, is_off_course=False))
    return judged


def recorded_curves() -> list[Curve]:
    """The curves that came with the sources."""
    with (CURVES / "index.csv").open() as file:
        return [_recorded(row) for row in csv.DictReader(file)]


def _recorded(row: dict[str, str]) -> Curve:
    tokens = int(row["tokens"])
    recipe = msgspec.structs.replace(load_recipe(row["recipe"]), batch_size=int(row["batch_size"]))
    if row["phases"] == "drawn":  # as those of `fast` were until 26 November 2026
        recipe = msgspec.structs.replace(recipe, aligned_every=None, aligned_share=0.5)
    config = _config(row["name"], tokens, recipe=recipe, target=float(row["target"]), seed=int(row["seed"]))
    with (CURVES / f"{row['name']}.csv").open() as file:
        steps = [
            _step(int(one["step"]), float(one["passes"]), float(one["elapsed"]), float(one["loss"]))
            for one in csv.DictReader(file)
        ]
    return Curve(row["name"], row["group"], config, steps, float(row["seconds"]))


def curve_of(folder: Path) -> Curve:
    """The curve of a run that came to its target."""
    run = Run(folder)
    events = list(event_reader(run.events_file).poll())
    ends = [event for event in events if isinstance(event, RunFinished) and event.reason == "target_reached"]
    if not ends:
        raise SystemExit(f"{folder} did not come to its target")
    return Curve(
        folder.name, "named", run.config(), [event for event in events if isinstance(event, Step)], ends[-1].seconds
    )


def log_curves(log: Path) -> list[Curve]:
    """The original's log, once for each target that its mean of 100 losses crossed."""
    steps: list[Step] = []
    elapsed, last = 0.0, 0
    with log.open() as file:
        for row in csv.DictReader(file):
            number = int(row["step"])
            elapsed += (number - last) * float(row["seconds_per_step"])
            last = number
            passes = (number + 1) * 2048 / (_LOG_TOKENS - 1)
            steps.append(_step(number + 1, passes, elapsed, float(row["loss"]), running_loss=float(row["mean_100"])))
    recipe = load_recipe("reference")
    return [
        Curve(
            f"original, {target:g}",
            ORIGINAL,
            # Its mean is to cross, which a forecast takes for losses above the corpus loss that is asked for.
            _config("original", _LOG_TOKENS, recipe=recipe, target=target / ABOVE, seed=0),
            steps,
            _crossing(steps, target),
        )
        for target in LOG_TARGETS
    ]


def _crossing(steps: list[Step], target: float) -> float:
    index = next(index for index, step in enumerate(steps) if step.running_loss < target)
    before, after = steps[index - 1], steps[index]
    share = math.log(before.running_loss / target) / math.log(before.running_loss / after.running_loss)
    return before.elapsed + share * (after.elapsed - before.elapsed)


def _config(name: str, tokens: int, *, recipe: Recipe, target: float, seed: int) -> RunConfig:
    corpus = CorpusRecord(name=name, sources=[], bytes=0, sha256="0" * 64, tokens=tokens, train_tokens=tokens)
    return RunConfig(
        model=_MODEL,
        corpus=corpus,
        recipe=recipe,
        limits=Limits(target_loss=target),
        block_size=128,
        device="cpu",
        dtype="bfloat16",
        threads=2,
        seed=seed,
    )


def _step(number: int, passes: float, elapsed: float, loss: float, *, running_loss: float | None = None) -> Step:
    return Step(
        time=elapsed,
        step=number,
        tokens=number * 2048,
        passes=passes,
        loss=loss,
        running_loss=loss if running_loss is None else running_loss,
        learning_rate=1e-3,
        gradient_norm=1.0,
        tokens_per_second=1.0,
        elapsed=elapsed,
    )


class Score(NamedTuple):
    """Of some forecasts: the share whose interval held the truth, the median error, the share there was none of."""

    inside: float
    error: float
    missing: float

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> Score:
        """The score of at least one forecast."""
        all_of_them = list(judged)
        count = len(all_of_them)
        return cls(
            sum(one.is_inside for one in all_of_them) / count,
            statistics.median(one.error for one in all_of_them),
            sum(math.isinf(one.said) for one in all_of_them) / count,
        )


def _shares(by_clock: Iterable[Judged], by_step: Iterable[Judged]) -> tuple[float, ...]:
    clock, step = Score.of(by_clock), Score.of(by_step)
    return clock.inside, clock.error, step.inside, step.error, clock.missing


def _early(start: float, end: float, curves: list[Curve]) -> tuple[float, ...]:
    judged = [one for curve in curves for one in judge(curve, start=start, end=end, moments=6)]
    said = [one for one in judged if math.isfinite(one.said)]
    held = sum(one.is_inside for one in said) / len(said)
    ratio = statistics.median(one.said / one.left for one in said)
    low = sum(one.said < one.left / 2 for one in said) / len(said)
    return 1 - len(said) / len(judged), held, ratio, low


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, nargs="*", help="folders of runs that came to their targets")
    arguments.add_argument("--log", type=Path, help="the original's log")
    options = arguments.parse_args()
    curves = recorded_curves() + [curve_of(folder) for folder in options.runs]
    if options.log:
        curves += log_curves(options.log)
    scored = dict.fromkeys(
        ("held, by the clock", "error by it", "held, by steps", "error by them", "no forecast"), ".0%"
    )
    late = Table({"seconds": ",.0f", **scored}, title="from half-way on; the median error")
    by_clock: dict[str, list[Judged]] = {}
    by_step: dict[str, list[Judged]] = {}
    for curve in curves:
        # The log has a line every hundred steps and ends past its targets: only its own clock tells when it crossed.
        pair = judge(curve), judge(curve if curve.group == ORIGINAL else evened(curve))
        late.row(curve.name, curve.seconds, *_shares(*pair))
        for group in (curve.group, "all"):
            by_clock.setdefault(group, []).extend(pair[0])
            by_step.setdefault(group, []).extend(pair[1])
    for group in sorted(by_clock, key="all".__eq__):
        late.row(f"**{group}**", None, *_shares(by_clock[group], by_step[group]))
    columns = {"none yet": ".0%", "held": ".0%", "said over left, median": ".2f", "said less than half": ".0%"}
    early = Table(columns, title="before, by steps: from which to which share of the run")
    for start, end in pairwise(EARLY):
        ours = [evened(curve) for curve in curves if curve.group != ORIGINAL]
        early.row(f"{start:.0%} to {end:.0%}", *_early(start, end, ours))
    keep(options.json, "no machine: recorded runs", late, early)


if __name__ == "__main__":
    main()
