"""Runs in every state that the screens tell of."""

from __future__ import annotations

from typing import Any

from gpt2tui.runs.config import CorpusRecord, Limits
from gpt2tui.runs.events import AnyEvent, PhaseChanged
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.store import RunStore
from tests.tui.scenes import START, configuration, evaluated, finished, place_run, saved, started, steps_of, story_of

DAY = 86_400.0


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
        end = [] if problem else [saved(last, "end")]
        events = [*story, *end, *finished(last, reason, problem=problem)]
        run = place_run(store, f"20260101-120000-{name}", chosen, events)
        if name == "failed":
            run.log_file.write_text(tail)
        found[name] = run, now, text
    crashed = place_run(store, "20260101-120000-crashed", config, story)
    crashed.log_file.write_text("loading 7,183 tokens\nstep 46\nKilled: [/red] \x1b[31mout of memory\n")
    found["crashed"] = crashed, now, "Its process ended without a word"
    found["new"] = place_run(store, "20260101-120000-new", config, []), now, "It has not begun yet"
    return found


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
