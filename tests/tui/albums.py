"""Every screen in every state, one album after another: what ``test_snapshots`` holds and ``pictures`` draws.

An album opens the app once and shows one state after the other; ``shoot`` takes a picture of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from gpt2tui.runs.config import CorpusRecord, Limits
from gpt2tui.runs.events import AnyEvent, PhaseChanged
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.screens.generate import GenerateScreen
from gpt2tui.tui.screens.runs import RunsScreen
from gpt2tui.tui.widgets.run_table import RunTable
from tests.tui.apps import until, until_text
from tests.tui.scenes import (
    START,
    VERSE,
    ScriptedSpeaker,
    configuration,
    evaluated,
    finished,
    form_of,
    keep_turns,
    opened,
    place_run,
    saved,
    settled,
    started,
    steps_of,
    story_of,
    trained,
    without_colours,
)

WIDE, SMALL, TINY = (140, 40), (80, 24), (40, 10)
SIZES = (WIDE, SMALL)
DAY = 86_400.0


class Shoot(Protocol):
    """Takes a picture at each of these sizes, once these texts are there and nothing moves."""

    async def __call__(
        self, pilot: Pilot[Any], name: str, *texts: str, sizes: tuple[tuple[int, int], ...] = SIZES
    ) -> None: ...


Album = Callable[[RunStore, Shoot], Awaitable[None]]


def half_way() -> tuple[Any, list[AnyEvent]]:
    """The run that most pictures are of: two thirds of the way to its target."""
    config = configuration(name="the bell")
    return config, story_of(config, steps_of("gpt2-bundled", last=46))


def whole() -> tuple[Any, list[AnyEvent]]:
    """The same, at its target."""
    config = configuration(name="the bell")
    steps = steps_of("gpt2-bundled")
    end = [saved(steps[-1], "target"), evaluated(steps[-1], 0.0948), *finished(steps[-1], "target_reached", 0.0948)]
    return config, [*story_of(config, steps), *end]


def living_states(store: RunStore) -> dict[str, tuple[Run, float, str]]:
    """A run in each state of one that lives, the time at which it is seen, and a text that says so."""
    config, story = half_way()
    steps = steps_of("gpt2-bundled", last=46)
    now = steps[-1].time + 2

    def placed(state: str, events: list[AnyEvent]) -> Run:
        return place_run(store, f"20260101-120000-{state}", config, events)

    def phase(name: str) -> PhaseChanged:
        return PhaseChanged(time=now - 2, phase=name)  # type: ignore[arg-type]

    first = steps[:3]
    return {
        "starting": (placed("starting", started(config)), START + 2, "● starting"),
        "compiling": (
            placed("compiling", [*started(config), PhaseChanged(time=START + 1, phase="compiling")]),
            START + 9,
            "the first step takes a while",
        ),
        "beginning": (placed("beginning", story_of(config, first)), first[-1].time + 1, "no forecast yet"),
        "training": (placed("training", story), now, "● training"),
        "evaluating": (placed("evaluating", [*story, phase("evaluating")]), now, "● evaluating"),
        "saving": (placed("saving", [*story, phase("saving")]), now, "● saving"),
        "paused": (placed("paused", [*story, phase("paused")]), now + 60, "space goes on"),
        "stalled": (placed("stalled", story), now + 1_200, "No sign of life for 20 min"),
    }


def ended_states(store: RunStore) -> dict[str, tuple[Run, float, str]]:
    """The same for runs that have ended."""
    config, story = half_way()
    last = steps_of("gpt2-bundled", last=46)[-1]
    now = last.time + 600
    tail = 'Traceback (most recent call last):\n  File "trainer.py", line 7, in step\nRuntimeError: the cat sat down\n'
    found = {"target": (place_run(store, "20260101-120000-target", *whole()), now, "Below the target: corpus loss")}
    limited = configuration(name="the bell", limits=Limits(max_steps=46))
    ends = {
        "limit": ("limit", limited, "", "Ended at its limit"),
        "stopped": ("stopped", config, "", "Stopped and saved"),
        "interrupted": ("interrupted", config, "", "Interrupted and saved"),
        "diverged": ("diverged", config, "the loss was not finite at step 46, three times in a row", "Diverged:"),
        "memory": ("out_of_memory", config, "1.2 GB asked for, 0.3 GB free", "Out of memory:"),
        "failed": ("failed", config, "the disk is gone", "Failed: the disk is gone"),
    }
    for name, (reason, chosen, problem, text) in ends.items():
        events = [*story, *finished(last, reason, problem=problem)]
        run = place_run(store, f"20260101-120000-{name}", chosen, events)
        if name == "failed":
            run.log_file.write_text(tail)
        found[name] = run, now, text
    crashed = place_run(store, "20260101-120000-crashed", config, story)
    crashed.log_file.write_text("loading 7,183 tokens\nstep 46\nKilled: [/red] \x1b[31mout of memory\n")
    found["crashed"] = crashed, now, "Its process ended without a word"
    found["new"] = place_run(store, "20260101-120000-new", config, []), now, "It has not begun yet"
    return found


async def _follow(pilot: Pilot[Any], run: Run, at: float) -> None:
    pilot.app._at = at  # type: ignore[attr-defined]
    pilot.app.follow(run)  # type: ignore[attr-defined]
    await pilot.pause()


async def train_alive(store: RunStore, shoot: Shoot, **options: Any) -> None:
    """Train: each state of a run that lives."""
    states = living_states(store)
    with trained(*(run for run, _, _ in states.values())):
        run, at, _ = states["training"]
        async with opened(WIDE, at=at, run=run.folder, **options) as pilot:
            for name, (run, at, text) in states.items():
                await _follow(pilot, run, at)
                await shoot(pilot, f"train-{name}", text)


async def train_ended(store: RunStore, shoot: Shoot, **options: Any) -> None:
    """Train: each end of a run."""
    states = ended_states(store)
    async with opened(WIDE, run=states["target"][0].folder, **options) as pilot:
        for name, (run, at, text) in states.items():
            await _follow(pilot, run, at)
            await shoot(pilot, f"train-{name}", text)


async def train_layers(store: RunStore, shoot: Shoot) -> None:
    """Train: its questions, the chart's other looks, help and palette."""
    config, story = half_way()
    last = steps_of("gpt2-bundled", last=46)[-1]
    run = place_run(store, "20260101-120000-the-bell", config, story)
    other = configuration("mini", name="a smaller one")
    place_run(store, "20260101-110000-smaller", other, story_of(other, steps_of("mini-bundled")))
    with trained(run):
        async with opened(WIDE, at=last.time + 2, run=run.folder) as pilot:
            await settled(pilot, "● training")
            for key, name, text in (
                ("s", "sample", "A sample from the weights"),
                ("x", "stop", "Stop this training?"),
                ("e", "change", "learning rate"),
                ("question_mark", "help", "This screen"),
            ):
                await pilot.press(key)
                await shoot(pilot, f"train-{name}", text)
                await pilot.press("escape")
            await pilot.press("ctrl+p")
            await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
            await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count > 10)
            await shoot(pilot, "palette", "Pause")
            await pilot.press("escape")
            pilot.app.overlay(store.find("20260101-110000-smaller"))  # type: ignore[attr-defined]
            await pilot.press("y", "u", "v", "left", "left", "left")
            await shoot(pilot, "train-chart", "linear")


async def form_first(store: RunStore, shoot: Shoot) -> None:
    """The form, as it is seen first by somebody without runs."""
    async with opened(WIDE) as pilot:
        await until_text(pilot, "124,439,808 parameters")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input), "the first field")
        await shoot(pilot, "form", "124,439,808 parameters")
        form = form_of(pilot)
        form.field("target_loss").value = "low"
        await shoot(pilot, "form-wrong", "no estimate: see")
        form.field("target_loss").value = ""
        await pilot.press("ctrl+l")
        await until_text(pilot, "Block size")
        await shoot(pilot, "form-more", "Block size")
        form.show_busy(True)
        await pilot.press("ctrl+l")
        await shoot(pilot, "form-busy", "Starting")


async def generate_empty(store: RunStore, shoot: Shoot) -> None:
    """Generate: nothing to talk to."""
    async with opened(WIDE, screen="generate") as pilot:
        await shoot(pilot, "generate-no-runs", "There is no model to talk to yet")
        place_run(store, "20260101-120000-the-bell", *half_way())
        await shoot(pilot, "generate-no-checkpoint", "has no checkpoint")


def speaker() -> ScriptedSpeaker:
    """The newest app's."""
    assert ScriptedSpeaker.newest is not None
    return ScriptedSpeaker.newest


async def generate_talk(store: RunStore, shoot: Shoot) -> None:
    """Generate: a model is loaded, writes, is read; its child dies."""
    run = place_run(store, "20260101-120000-the-bell", *whole(), checkpoints=[63])
    keep_turns(run)
    async with opened(WIDE, screen="generate", at=START + 900) as pilot:
        screen = await until(pilot, lambda: pilot.app.screen if isinstance(pilot.app.screen, GenerateScreen) else None)
        await until(pilot, lambda: speaker().last("load"))
        speaker().tell_loading()
        await shoot(pilot, "generate-loading", "loading the weights", "Hot cobs")
        speaker().tell_loaded()
        screen.query_one("#prompt").put("JORY:")
        await shoot(pilot, "generate-prompt", "Hot cobs")
        await pilot.press("enter")
        await until(pilot, lambda: speaker().last("generate"))
        speaker().tell_prompt(["JORY", ":"])
        screen._conversation.turn._asked = screen._conversation._now()
        await shoot(pilot, "generate-waiting", "JORY:")
        screen._conversation._now = lambda: screen._conversation.turn._asked + 0.084 if screen._conversation.turn else 0
        speaker().tell_tokens(VERSE)
        await shoot(pilot, "generate-streaming", "There's clover in your axle.")
        speaker().tell_end(len(VERSE))
        await pilot.press("escape", "t")
        await shoot(pilot, "generate-tinted", "below 5 %")
        await pilot.press("c", "home", *["right"] * 11)
        await shoot(pilot, "generate-cursor", "Instead of this token")
        await pilot.press("enter")
        await shoot(pilot, "generate-alternatives", "Instead of this token")
        await pilot.press("escape", "escape", "t")
        await pilot.press("o")
        await shoot(pilot, "generate-runs", "Which run?")
        await pilot.press("escape", "m")
        await shoot(pilot, "generate-checkpoints", "Which checkpoint?")
        await pilot.press("escape", "w")
        await shoot(pilot, "generate-save", "Save the turns as Markdown")
        await pilot.press("escape", "question_mark")
        await shoot(pilot, "generate-help", "This screen")
        await pilot.press("escape")
        speaker().die("the generation process was killed (SIGKILL): the next prompt starts another")
        screen._prepare()  # as it does by itself some time after the layer was closed
        await shoot(pilot, "generate-died", "was killed (SIGKILL)")


async def generate_panel(store: RunStore, shoot: Shoot) -> None:
    """Generate: the settings, also where they are asked for, and a wrong one."""
    run = place_run(store, "20260101-120000-the-bell", *whole(), checkpoints=[63])
    keep_turns(run)
    async with opened(SMALL, screen="generate", at=START + 900) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, GenerateScreen))
        await until(pilot, lambda: speaker().last("load"))
        speaker().tell_loaded()
        await settled(pilot, "Hot cobs")
        await pilot.press("escape", "p")
        pilot.app.screen.query_one("#top_p", Input).value = "2"
        await shoot(pilot, "generate-settings", "top-p must lie in")


def corpus(name: str, tokens: int) -> CorpusRecord:
    return CorpusRecord(
        name=name, sources=[name], bytes=4 * tokens, sha256="0" * 64, tokens=tokens, train_tokens=tokens
    )


def many_runs(store: RunStore) -> dict[str, Run]:
    """Runs in every state that a table can show."""
    now = START + DAY
    steps = steps_of("gpt2-bundled", last=46, start=now - 230)
    mini, nano = steps_of("mini-bundled", start=now - 7_200), steps_of("nano-bundled", start=now - 14_400)
    sea = {"corpus": corpus("harbour-letters", 48_006)}

    def placed(name: str, config: Any, events: list[AnyEvent], *checkpoints: int) -> Run:
        return place_run(store, f"20260102-{name}", config, events, checkpoints=checkpoints)

    one = configuration(name="the bell", created=now - 230)
    two = configuration("mini", name="letters", created=now - 7_200, **sea)
    three = configuration("nano", name="first try", created=now - 14_400)
    four = configuration("nano", name="hot rate", created=now - 20_000, seed=7)
    five = configuration(name="overnight", created=now - 40_000, **sea)
    six = configuration("mini", name="a rather long name for a small run", created=now - 3 * DAY, **sea)
    seven = configuration("nano", name="lost", created=now - 4 * DAY)
    story = story_of(one, steps, at=now - 230)
    found = {
        "the bell": placed("the-bell", one, story, 40),
        "letters": placed(
            "letters",
            two,
            [*story_of(two, mini[:50], at=now - 7_200), PhaseChanged(time=now - 60, phase="paused")],
            40,
        ),
        "first try": placed(
            "first-try",
            three,
            [
                *story_of(three, nano, at=now - 14_400),
                evaluated(nano[-1], 0.0981),
                *finished(nano[-1], "target_reached", 0.0981),
            ],
            141,
        ),
        "hot rate": placed(
            "hot-rate", four, [*story_of(four, nano[:30]), *finished(nano[29], "diverged", problem="not finite")]
        ),
        "overnight": placed("overnight", five, [*story_of(five, steps), *finished(steps[-1], "stopped")], 46),
        "long": placed("long", six, [*story_of(six, mini[:60]), *finished(mini[59], "limit")], 60),
        "lost": placed("lost", seven, story_of(seven, nano[:90]), 80),
    }
    found["first try"].set_label(Label(name="first try", pinned=True, notes="the one to beat"))
    return found


async def runs_empty(store: RunStore, shoot: Shoot) -> None:
    """Runs: none."""
    async with opened(WIDE, screen="runs") as pilot:
        await shoot(pilot, "runs-none", "No runs yet.")


async def runs_many(store: RunStore, shoot: Shoot) -> None:
    """Runs: the table in its states, and what lies over it."""
    runs = many_runs(store)
    with trained(runs["the bell"], runs["letters"]):
        async with opened(WIDE, screen="runs", at=START + DAY, run=runs["the bell"].folder) as pilot:
            await when_complete(pilot)
            await shoot(pilot, "runs", "target reached", "2 alive")
            await pilot.press("down", "d")
            await shoot(pilot, "runs-refused", "first")
            await pilot.press("down", "down", "space", "down", "o")
            await shoot(pilot, "runs-marked", "1 marked")
            await pilot.press("c")
            await shoot(pilot, "runs-compare", "Side by side")
            await pilot.press("escape", "d")
            await shoot(pilot, "runs-delete", "delete it")
            await pilot.press("escape", "n")
            await shoot(pilot, "runs-rename", "Rename")
            await pilot.press("escape", "w")
            await shoot(pilot, "runs-export", "GGUF")
            await pilot.press("escape", "escape", "s", "i")
            await shoot(pilot, "runs-details", "7 runs")
            await pilot.press("i", "slash", *"letters")
            await shoot(pilot, "runs-filter", "of 7 runs")
            await pilot.press(*"zz")
            await shoot(pilot, "runs-nothing-fits", "No run fits")
            await pilot.press("escape", "escape", "question_mark")
            await shoot(pilot, "runs-help", "This screen")


async def when_complete(pilot: Pilot[Any]) -> None:
    """Wait until the table holds all that is known of many runs, and go to the first of them."""
    screen = await until(pilot, lambda: pilot.app.screen if isinstance(pilot.app.screen, RunsScreen) else None)
    await until(pilot, lambda: _is_complete(screen))
    await pilot.press("home")


def _is_complete(screen: RunsScreen) -> bool:
    entries = screen.query_one(RunTable).entries
    return len(entries) == 7 and all(entry.size is not None and entry.state != "reading" for entry in entries)


async def _round(store: RunStore, shoot: Shoot, kind: str, *sizes: tuple[int, int], **options: Any) -> None:
    """The main screens once, in another terminal."""
    runs = many_runs(store)
    keep_turns(runs["first try"])
    talked_to = runs["first try"].folder
    with trained(runs["the bell"], runs["letters"]):
        async with opened(WIDE, at=START + DAY, run=runs["the bell"].folder, **options) as pilot:
            await shoot(pilot, f"{kind}-train", "training", sizes=sizes)
            await pilot.resize_terminal(*WIDE)
            await pilot.press("n")
            await until(pilot, lambda: isinstance(pilot.app.focused, Input), "the first field")
            await shoot(pilot, f"{kind}-form", "124,439,808 parameters", sizes=(WIDE, *sizes))
            await pilot.press("escape", "escape", "question_mark")
            await shoot(pilot, f"{kind}-help", "Keys", sizes=sizes)
            await pilot.press("escape", "3")
            await when_complete(pilot)
            await shoot(pilot, f"{kind}-runs", "overnight", sizes=sizes)
        async with opened(WIDE, at=START + DAY, run=talked_to, screen="generate", **options) as pilot:
            await until(pilot, lambda: speaker().last("load"))
            speaker().tell_loaded()
            await pilot.resize_terminal(*SMALL)
            await settled(pilot, "clover")
            await pilot.press("escape", "t", "c", "left", "left")
            await shoot(pilot, f"{kind}-generate", "Instead of this token", sizes=(SMALL,))
            if TINY in sizes:
                await pilot.resize_terminal(*TINY)
                await pilot.press("escape", "end")
                await shoot(pilot, f"{kind}-generate", sizes=(TINY,))


async def ascii_only(store: RunStore, shoot: Shoot) -> None:
    """The main screens in ASCII."""
    await _round(store, shoot, "ascii", SMALL, is_ascii=True)


async def tiny_and_colourless(store: RunStore, shoot: Shoot) -> None:
    """The main screens without colours, on a terminal that is far too small."""
    with without_colours():
        await _round(store, shoot, "colourless", SMALL, TINY)


ALBUMS: dict[str, Album] = {
    album.__name__: album
    for album in (
        train_alive,
        train_ended,
        train_layers,
        form_first,
        generate_empty,
        generate_talk,
        generate_panel,
        runs_empty,
        runs_many,
        ascii_only,
        tiny_and_colourless,
    )
}
