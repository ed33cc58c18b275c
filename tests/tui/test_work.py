"""How much the app does for what it shows: work is counted, not timed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.series import SeriesWriter
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.app import Gpt2TuiApp
from gpt2tui.tui.screens.train import TrainScreen
from gpt2tui.tui.widgets.chart import LossChart
from gpt2tui.tui.widgets.threshold import Threshold
from tests.runs.synthetic import append, held, make_run, started, step, whole_story
from tests.tui.apps import app_for, until, until_text
from tests.tui.terminal import Terminal

WIDE = (140, 40)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often some methods were called since the test began; they do what they do."""
    counted: Counter[str] = Counter()

    def count(kind: type, name: str) -> None:
        method: Callable[..., Any] = getattr(kind, name)

        def counting(self: Any, *arguments: Any, **options: Any) -> Any:
            counted[f"{kind.__name__}.{name}"] += 1
            return method(self, *arguments, **options)

        monkeypatch.setattr(kind, name, counting)

    count(Run, "label")
    count(Run, "config")
    count(LossChart, "_draw")
    count(Threshold, "show")
    count(Gpt2TuiApp, "_poll")
    count(TrainScreen, "_draw_pictures")
    count(Screen, "_refresh_layout")
    return counted


async def drawn_once_more(pilot: Pilot[Any], calls: Counter[str]) -> None:
    """Let the app come to rest: all that there was when it started is read, and in pictures of which no more come."""
    await until(pilot, lambda: pilot.app.screen.query_one(LossChart).is_ready, "a chart")
    seen = calls["TrainScreen._draw_pictures"]
    await until(pilot, lambda: calls["TrainScreen._draw_pictures"] >= seen + 2, "two rounds of pictures")


def living_run(store: RunStore, steps: int) -> Run:
    """A run of so many steps, its series beside the journal; nobody holds it yet."""
    run = make_run(store, [started()])
    append(run, (step(number) for number in range(1, steps + 1)))
    SeriesWriter(run.series_file).close()
    return run


async def test_a_thousand_events_cost_a_few_pictures_and_no_more_numbers_than_looks(store, calls):
    run = living_run(store, 100)
    journal, series = JournalWriter(run.events_file), SeriesWriter(run.series_file)
    app = app_for(run=run.folder)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "step 100")
            await drawn_once_more(pilot, calls)
            calls.clear()
            began = time.monotonic()
            for number in range(101, 1_101):
                journal.append([step(number)])
                series.append([step(number)])
                if number % 10 == 0:
                    await asyncio.sleep(0.01)
            await until_text(pilot, "step 1,100")
            seconds = time.monotonic() - began
    assert 1 <= calls["LossChart._draw"] <= seconds + 2
    # A look finds all that was written since the last one; pictures once a second bring their own numbers.
    assert 1 <= calls["Threshold.show"] <= calls["Gpt2TuiApp._poll"] + 2 * seconds + 4
    assert calls["Threshold.show"] < 500
    journal.close()
    series.close()


async def test_events_that_change_numbers_only_lay_out_nothing(store, calls):
    run = living_run(store, 2_000)
    app = app_for(run=run.folder)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "step 2,000")
            await drawn_once_more(pilot, calls)
            laid_out = _layouts(app)
            calls.clear()
            for number in range(2_001, 2_041):
                append(run, [step(number)])
                await until_text(pilot, f"step {number:,}")
    assert calls["Threshold.show"] >= 40
    assert len(laid_out) <= calls["Threshold.show"] / 2


async def test_the_title_of_a_run_is_read_again_when_its_label_is_another_and_drawn_when_it_says_so(store, calls):
    run = living_run(store, 100)
    app = app_for(run=run.folder)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "step 100")
            await drawn_once_more(pilot, calls)
            title = app.screen.query_one("#about", Static)
            update, drawn = title.update, []
            title.update = lambda *content, **options: drawn.append(content) or update(*content, **options)
            calls.clear()
            await drawn_once_more(pilot, calls)
            assert (calls["Run.label"], calls["Run.config"], drawn) == (0, 0, [])
            run.set_label(Label(pinned=True))
            await until(pilot, lambda: calls["Run.label"], "a look at the label")
            await drawn_once_more(pilot, calls)
            assert (calls["Run.label"], drawn) == (1, [])
            run.set_label(Label(name="nightingale"))
            await until_text(pilot, "nightingale")
            assert (calls["Run.label"], len(drawn)) == (2, 1)


def _layouts(app: App[Any]) -> list[None]:
    """Grows by one whenever the places of widgets are worked out anew."""
    found: list[None] = []
    compositor = app.screen._compositor
    reflow = compositor.reflow

    def counting(*arguments: Any) -> Any:
        found.append(None)
        return reflow(*arguments)

    compositor.reflow = counting  # type: ignore[method-assign]
    return found


@pytest.mark.skipif(not hasattr(psutil.Process, "io_counters"), reason="this system does not count what is read")
async def test_a_look_reads_what_is_new_and_not_the_journal(store, calls):
    run = living_run(store, 40_000)
    size = run.events_file.stat().st_size
    assert size > 8 << 20
    app = app_for(run=run.folder)
    with held(run):
        async with app.run_test(size=WIDE) as pilot:
            await until_text(pilot, "step 40,000")
            await until(pilot, lambda: app.follower and app.follower.is_caught_up, "the journal read")
            await drawn_once_more(pilot, calls)
            process = psutil.Process()
            before = process.io_counters().read_chars
            for number in range(40_001, 40_031):
                append(run, [step(number)])
                await until_text(pilot, f"step {number:,}")
            read = process.io_counters().read_chars - before
    assert read < size / 2


def test_an_event_costs_the_terminal_little(store):
    run = living_run(store, 2_000)
    with held(run), Terminal([sys.executable, "-m", "gpt2tui", "watch", run.id], size=WIDE) as terminal:
        terminal.wait_for("step 2,000")
        for _ in range(20):
            terminal.read(0.1)
        written, began, events = len(terminal.output), time.monotonic(), 60
        for number in range(2_001, 2_001 + events):
            append(run, [step(number)])
            terminal.wait_for(f"step {number:,}")
        per_event, per_second = 3_000, 30_000
        assert len(terminal.output) - written < per_event * events + per_second * (time.monotonic() - began + 1)


_FIRST_FRAME = """
import json, sys
from pathlib import Path
from textual.app import App
from textual.css.stylesheet import Stylesheet
told, sys.argv = Path(sys.argv[1]), ["gpt2tui"]
display, apply = App._display, Stylesheet.apply
styled = []

def first_display(self, screen, renderable):
    if renderable is not None and not self._batch_count:
        widgets = [screen, *screen.walk_children()]
        sheets = [Path(path).name for path, _ in self.stylesheet.source if path.endswith(".tcss")]
        screens = [type(screen).__name__ for stack in self._screen_stacks.values() for screen in stack]
        counts = {"styled": sum(node in widgets for node in styled), "widgets": len(widgets)}
        told.write_text(json.dumps({"modules": sorted(sys.modules), "sheets": sheets, "screens": screens} | counts))
        App._display, Stylesheet.apply = display, apply
    display(self, screen, renderable)

def counted_apply(self, node, **options):
    styled.append(node)
    apply(self, node, **options)

App._display, Stylesheet.apply = first_display, counted_apply
from gpt2tui.__main__ import main
main()
"""


@pytest.mark.parametrize("has_run", [False, True], ids=["the form", "a run"])
def test_the_first_frame_waits_for_nothing_that_it_does_not_show(store, tmp_path: Path, has_run: bool):
    if has_run:
        make_run(store, whole_story())
    told = tmp_path / "told.json"
    with Terminal([sys.executable, "-c", _FIRST_FRAME, told], size=WIDE) as terminal:
        terminal.wait_for("Below the target" if has_run else "A new run")
    frame = json.loads(told.read_text())
    assert frame["screens"] == ["TrainScreen"]
    assert frame["sheets"] == ["app.tcss", "train.tcss"]
    assert frame["styled"] < 1.3 * frame["widgets"], "a widget's look is worked out once, when it is made"
    loaded = set(frame["modules"])
    assert "gpt2tui.tui.screens.train" in loaded
    heavy = {"numpy", "torch", "tiktoken", "psutil", "pygments", "markdown_it", "matplotlib", "plotext", "filelock"}
    words = {"typer", "tomllib", "secrets"}
    screens = {
        "gpt2tui.tui.screens.generate",
        "gpt2tui.tui.screens.runs",
        "gpt2tui.tui.chart.plot",
        "gpt2tui.tui.processes.speaker",
    }
    widgets = {"textual.widgets._data_table", "textual.widgets._text_area", "textual.widgets._markdown"}
    assert loaded & (heavy | words | screens | widgets) == set()
