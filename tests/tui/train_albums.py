"""The albums of the screen Train: each state of a run, its layers, and the form."""

from __future__ import annotations

from typing import Any

from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from tests.tui.apps import until, until_text
from tests.tui.run_states import ended_states, half_way, living_states
from tests.tui.scenes import configuration, form_of, opened, place_run, settled, steps_of, story_of, trained
from tests.tui.snapshot import WIDE, Shoot


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
