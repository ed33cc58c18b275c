"""Runs and screens that are the same at every time and on every machine: what pictures of the app are taken of.

The curves are those of recorded runs (``tests/benchmarks/curves``), the texts those of the bundled play.
"""

from __future__ import annotations

import asyncio
import csv
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from gpt2tui.checkpoints.state import Pointer
from gpt2tui.runs.config import CorpusRecord, Limits, RunConfig
from gpt2tui.runs.dialogue import Alternative, AnyReply, Loaded, Loading, Prompted, Token
from gpt2tui.runs.dialogue import Finished as TextFinished
from gpt2tui.runs.events import (
    AnyEvent,
    CheckpointSaved,
    DeviceReading,
    Evaluated,
    Notice,
    PhaseChanged,
    RunFinished,
    RunStarted,
    Sampled,
    Step,
)
from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.series import SeriesWriter
from gpt2tui.runs.store import RunStore
from gpt2tui.runs.transcript import Transcripts, Turn
from gpt2tui.tui.processes.corpora import NamedCorpus
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.run_detail import RunDetail
from gpt2tui.tui.widgets.run_pane import RunPane
from gpt2tui.tui.widgets.start_form import StartForm
from tests.runs.synthetic import append
from tests.tui.apps import PATIENCE, FixedApp, app_for, text_of

START = 1_767_268_800.0
"""Noon of the first day of 2026, in UTC."""

CURVES = Path(__file__).parents[1] / "benchmarks" / "curves"
TOKENS = 7_183
_WINDOW = 128
_SAMPLE = (
    "JORY:",
    "\nWho comes on iron tyres with a limping wheel?\nThe left one wants a pin. You're out of the hills:\n"
    "There's clover in your axle. I can smell it.\n\nFLINT:\nA founder, sir. Your mayor wrote for a bell.",
)


@contextmanager
def fixed_zone() -> Iterator[None]:
    """Clock times are those of UTC, wherever the test runs."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


@contextmanager
def fixed_surroundings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[RunStore]:
    """One home in this folder, one time zone, one terminal, and nobody who answers otherwise on another machine."""
    import gpt2tui.tui.talk.conversation

    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GPT2TUI_HOME", str(folder / "gpt2tui"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(gpt2tui.tui.talk.conversation, "Speaker", ScriptedSpeaker)
    with fixed_zone(), fixed_estimates(monkeypatch):
        yield RunStore(Paths.from_environment().runs)


# Runs


def configuration(preset: str = "gpt2", **changes: Any) -> RunConfig:
    """A run over the bundled play with the recipe ``fast``."""
    base = RunConfig(
        model=PRESETS[preset],
        corpus=CorpusRecord(
            name="bundled", sources=["bundled"], bytes=28_000, sha256="0" * 64, tokens=TOKENS, train_tokens=TOKENS
        ),
        # Its story was drawn when passes of fast began by chance.
        recipe=msgspec.structs.replace(load_recipe("fast"), aligned_every=None, aligned_share=0.5),
        limits=Limits(),
        block_size=_WINDOW,
        device="cpu",
        dtype="bfloat16",
        threads=2,
        preset=preset,
        created=START,
    )
    return msgspec.structs.replace(base, **changes)


def steps_of(curve: str, *, last: int | None = None, start: float = START) -> list[Step]:
    """The steps of a recorded run, or its first ones, as its trainer would have told them."""
    with (CURVES / f"{curve}.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)][:last]
    steps, mean, weight = [], 0.0, 0.0
    rates = [0.0, *((after["elapsed"] - before["elapsed"]) for before, after in pairwise(rows))]
    for row, seconds in zip(rows, rates, strict=True):
        number = int(row["step"])
        mean, weight = 0.7 * mean + 0.3 * row["loss"], 0.7 * weight + 0.3
        steps.append(
            Step(
                time=start + row["elapsed"],
                step=number,
                tokens=round(row["passes"] * (TOKENS - 1)),
                passes=row["passes"],
                loss=row["loss"],
                running_loss=mean / weight,
                learning_rate=2.5e-3 * min(1.0, number / 5, (row["loss"] + 0.6) / 3),
                gradient_norm=0.4 + row["loss"] / 4 + 0.2 * math.sin(number),
                tokens_per_second=16 * _WINDOW / (seconds or row["elapsed"]),
                elapsed=row["elapsed"],
            )
        )
    return steps


def started(config: RunConfig, at: float = START) -> list[AnyEvent]:
    """What a trainer tells first."""
    begun = RunStarted(
        time=at,
        from_step=0,
        config="c",
        device="cpu",
        dtype="bfloat16",
        threads=2,
        micro_batch=16,
        parameters=config.model.parameters,
        corpus_tokens=TOKENS,
        pid=1,
    )
    notice = Notice(time=at, level="info", text="cpu bfloat16: the CPU has AVX-512 bfloat16")
    return [begun, notice, PhaseChanged(time=at, phase="starting")]


def story_of(config: RunConfig, steps: list[Step], *, phase: str = "training", at: float = START) -> list[AnyEvent]:
    """A run that goes through these steps, with readings, samples, checkpoints and corpus losses on its way."""
    story: list[AnyEvent] = [*started(config, at), PhaseChanged(time=at + 1, phase="training")]
    for step in steps:
        story.append(step)
        if step.step % 2 == 0:
            wave = math.sin(step.step / 3)
            load = min(100.0, 97 + 4 * wave)
            story.append(DeviceReading(time=step.time, load=load, memory=2_900_000_000 + round(60_000_000 * wave)))
        if step.step % 20 == 0:
            prompt, text = _SAMPLE
            story.append(Sampled(time=step.time, step=step.step, prompt=prompt, text=text, settings=SamplingSettings()))
            story.append(saved(step, "asked"))
            story.append(evaluated(step, step.running_loss * 0.94))
    if phase != "training":
        story.append(PhaseChanged(time=steps[-1].time if steps else at, phase=phase))  # type: ignore[arg-type]
    return story


def evaluated(step: Step, loss: float) -> Evaluated:
    return Evaluated(
        time=step.time,
        step=step.step,
        split="train",
        loss=loss,
        tokens=TOKENS - 1,
        seconds=3.2,
        dtype="bfloat16",
        device="cpu",
    )


def saved(step: Step, reason: str) -> CheckpointSaved:
    return CheckpointSaved(
        time=step.time,
        step=step.step,
        path=f"checkpoints/step-{step.step:08d}",
        bytes=1_240_000_000,
        seconds=1.9,
        reason=reason,
    )


def finished(step: Step, reason: str, loss: float | None = None, problem: str = "") -> list[AnyEvent]:
    """The end of a run, with what went wrong."""
    end: list[AnyEvent] = [Notice(time=step.time, level="error", text=problem)] if problem else []
    return [
        *end,
        RunFinished(
            time=step.time,
            reason=reason,  # type: ignore[arg-type]
            step=step.step,
            loss=step.running_loss if loss is None else loss,
            seconds=step.elapsed,
        ),
    ]


def place_run(
    store: RunStore, identity: str, config: RunConfig, events: Iterable[AnyEvent], *, checkpoints: Iterable[int] = ()
) -> Run:
    """A run of this id on the disk. Its checkpoints have the sizes of real ones and nothing in them."""
    store.folder.mkdir(parents=True, exist_ok=True)
    tokens = store.folder.parent / "tokens.bin"
    tokens.write_bytes(bytes(2 * config.corpus.tokens))
    made = store.create(config, tokens)
    run = Run(store.folder / identity)
    made.folder.rename(run.folder)
    append(run, events)
    SeriesWriter(run.series_file).close()  # from the journal
    for step in checkpoints:
        name = f"step-{step:08d}"
        folder = run.checkpoints / name
        folder.mkdir()
        with (folder / "model.safetensors").open("wb") as file:
            file.truncate(4 * config.model.parameters)
        (folder / "trainer.json").write_bytes(b"{}")
        for pointer in ("last", "best"):
            (run.checkpoints / f"{pointer}.json").write_bytes(msgspec.json.encode(Pointer(checkpoint=name, step=step)))
    return run


@contextmanager
def trained(*runs: Run) -> Iterator[None]:
    """While the block runs, these runs are held as a trainer holds them."""
    locks = [run.lock() for run in runs]
    try:
        yield
    finally:
        for lock in locks:
            lock.release()


# Screens


@contextmanager
def without_colours() -> Iterator[None]:
    """An app that is made in the block has no colours."""
    os.environ["NO_COLOR"] = "1"
    try:
        yield
    finally:
        del os.environ["NO_COLOR"]


@asynccontextmanager
async def opened(
    size: tuple[int, int], *, at: float = START, theme: str | None = "dark", **options: Any
) -> AsyncIterator[Pilot[Any]]:
    """The app, at a time that does not pass."""
    app = app_for(at=at, theme=theme, has_animation=False, **options)
    async with app.run_test(size=size) as pilot:
        yield pilot


async def settled(pilot: Pilot[Any], *texts: str) -> str:
    """Wait until these texts are on the screen and nothing on it moves any more; what is on it."""
    app = pilot.app
    assert isinstance(app, FixedApp)
    deadline = time.monotonic() + PATIENCE
    before, still = "", 0
    while still < 2:
        assert time.monotonic() < deadline, f"{texts} did not come to rest; on the screen:\n{before}"
        _draw_what_waits(app)
        await pilot.pause()
        now = text_of(app)
        is_there = (
            "estimating" not in now
            and all(text in now for text in texts)
            and all(chart.is_ready for chart in app.screen.query(LossChart) if chart.region)
        )
        still = still + 1 if is_there and now == before else 0
        before = now
        if not is_there:
            await asyncio.sleep(0.005)
    return before


def _draw_what_waits(app: FixedApp) -> None:
    """Draw at once what is drawn once a second, or when a key has rested."""
    for screen in app.screen_stack:
        if isinstance(screen, TrainScreen):
            screen._draw_pictures()
        for pane in screen.query(RunPane):
            if pane.display:
                pane._draw()
                pane.query_one(RunDetail).refresh(layout=True)  # its scroll bar may be of a moment before


# The form: what children would tell it, with the numbers of one machine


CORPORA = [
    NamedCorpus(
        name="bundled",
        title="The Bell of Gannet Quay, a short verse play",
        tokens=TOKENS,
        bytes=28_000,
        present=True,
    )
]
ESTIMATE: dict[str, Any] = {
    "parameters": PRESETS["gpt2"].parameters,
    "corpus": "bundled",
    "tokens": TOKENS,
    "tokens_per_pass": TOKENS - 1,
    "batch_size": 16,
    "block_size": _WINDOW,
    "recipe": "fast",
    "device": "cpu",
    "dtype": "bfloat16",
    "memory": 3_000_000_000,
    "memory_free": 12_000_000_000,
    "memory_total": 16_000_000_000,
    "disk": 2_500_000_000,
    "disk_free": 90_000_000_000,
    "checkpoint": 1_240_000_000,
    "flops_per_token": PRESETS["gpt2"].flops_per_token(_WINDOW),
    "matrix_rate": 1e12,
    "notices": [],
}


@contextmanager
def fixed_estimates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The form asks no children, whose answers differ from machine to machine."""
    import gpt2tui.tui.widgets.estimated_form as module

    async def estimate(words: object) -> dict[str, Any]:
        return ESTIMATE

    async def corpora() -> list[NamedCorpus]:
        return CORPORA

    with monkeypatch.context() as patch:
        patch.setattr(module, "estimate", estimate)
        patch.setattr(module, "named_corpora", corpora)
        yield


def form_of(pilot: Pilot[Any]) -> StartForm:
    return pilot.app.screen.query_one(StartForm)


# Generation: a child's replies, told in place of a child


class ScriptedSpeaker:
    """Stands where the generation child's client stands; the test tells what the child would tell."""

    newest: ScriptedSpeaker | None = None

    def __init__(self, log: Path, on_reply: Callable[[AnyReply], None], on_death: Callable[[str], None]) -> None:
        self.tell, self.die = on_reply, on_death
        self.pid: int | None = None
        self.asked: list[tuple[str, int]] = []
        ScriptedSpeaker.newest = self

    async def load(self, run: Path, checkpoint: str | None = None, **options: Any) -> int:
        return self._note("load")

    async def generate(self, prompt: str = "", **options: Any) -> int:
        return self._note("generate")

    async def stop(self) -> None:
        self._note("stop")

    async def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> int:
        self.asked.append((what, len(self.asked) + 1))
        return len(self.asked)

    def last(self, what: str) -> int:
        """The id of the newest request of a kind, 0 where there was none."""
        return next((number for asked, number in reversed(self.asked) if asked == what), 0)

    def tell_loading(self) -> None:
        self.tell(Loading.at(self.last("load"), "weights"))

    def tell_loaded(self) -> None:
        self.tell(
            Loaded(
                id=self.last("load"),
                run="r",
                checkpoint="step-00000063",
                step=63,
                device="cpu",
                dtype="bfloat16",
                threads=2,
                parameters=PRESETS["gpt2"].parameters,
                context=_WINDOW,
                seconds=1.4,
            )
        )

    def tell_prompt(self, texts: list[str]) -> None:
        request = self.last("generate")
        self.tell(Prompted(id=request, tokens=list(range(len(texts))), texts=texts, dropped=0, seed=7))

    def tell_tokens(self, tokens: Iterable[tuple[str, float]]) -> None:
        request = self.last("generate")
        for index, (text, odds) in enumerate(tokens):
            self.tell(
                Token(
                    id=request,
                    index=index,
                    token=1_000 + index,
                    text=text,
                    probability=odds,
                    drawn=min(1.0, odds * 1.15),
                    alternatives=alternatives(1_000 + index, text, odds),
                )
            )

    def tell_end(self, tokens: int) -> None:
        self.tell(
            TextFinished(
                id=self.last("generate"),
                finish="length",
                text="",
                tokens=tokens,
                seconds=1.9,
                seconds_to_first_token=0.084,
                tokens_per_second=24.6,
            )
        )


_OTHERS = (" bell", " town", ",", " the", " harbour", "\n", " sea", " founder", " clapper")


def alternatives(token: int, text: str, odds: float) -> list[Alternative]:
    """A token among nine others, each half as likely as the one before."""
    rest = 1 - odds
    found = [Alternative(token=token, text=text, drawn=min(1.0, odds * 1.15), plain=odds)]
    for index, other in enumerate(_OTHERS):
        share = rest / 2 ** (index + 1)
        drawn = max(0.0, 1 - odds * 1.15) / 2 ** (index + 1) if index < 6 else 0.0
        found.append(Alternative(token=index, text=other, drawn=drawn, plain=share))
    return sorted(found, key=lambda one: (-one.drawn, -one.plain))


VERSE: list[tuple[str, float]] = [
    ("\n", 0.97),
    ("Who", 0.91),
    (" comes", 0.99),
    (" on", 0.98),
    (" iron", 0.62),
    (" ty", 0.93),
    ("res", 0.99),
    (" with", 0.95),
    (" a", 0.88),
    (" limp", 0.31),
    ("ing", 0.99),
    (" wheel", 0.04),
    ("?", 0.97),
    ("\n", 0.99),
    ("The", 0.86),
    (" left", 0.44),
    (" one", 0.97),
    (" wants", 0.12),
    (" a", 0.96),
    (" pin", 0.91),
    (".", 0.98),
    (" You", 0.55),
    ("'re", 0.83),
    (" out", 0.95),
    (" of", 0.99),
    (" the", 0.99),
    (" hills", 0.71),
    (":", 0.92),
    ("\n", 0.99),
    ("There", 0.94),
    ("'s", 0.97),
    (" cl", 0.18),
    ("over", 0.99),
    (" in", 0.98),
    (" your", 0.93),
    (" ax", 0.38),
    ("le", 0.99),
    (".", 0.95),
]


def turn(prompt: str, tokens: list[tuple[str, float]], *, at: float, **changes: Any) -> Turn:
    """A turn as a transcript keeps it."""
    fields: dict[str, Any] = {
        "id": f"turn-{at:.0f}",
        "time": at,
        "checkpoint": "step-00000063",
        "step": 63,
        "device": "cpu",
        "dtype": "bfloat16",
        "prompt": prompt,
        "prompt_tokens": [1, 2],
        "settings": SamplingSettings(temperature=0.8, seed=7),
        "tokens": list(range(len(tokens))),
        "texts": [text for text, _ in tokens],
        "probabilities": [odds for _, odds in tokens],
        "text": "".join(text for text, _ in tokens),
        "finish": "length",
        "seconds": 1.9,
        "seconds_to_first_token": 0.084,
        "tokens_per_second": 24.6,
    }
    return Turn(**fields | changes)


def keep_turns(run: Run) -> None:
    """Two turns of an earlier session."""
    transcripts = Transcripts(run)
    first = [("\n", 0.9), ("Hot", 0.6), (" c", 0.9), ("obs", 0.95), ("!", 0.9), (" A", 0.5), (" farthing", 0.7)]
    first += [(",", 0.9), (" and", 0.95), (" no", 0.6), (" stones", 0.9), ("!", 0.9)]
    transcripts.append(turn("PRUE:", first, at=START - 90))
    transcripts.append(turn("JORY:", VERSE, at=START - 60, finish="stopped"))
