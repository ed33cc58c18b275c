"""The albums of the screen Generate, with a child that says what it is told to."""

from __future__ import annotations

from textual.widgets import Input

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.screens.generate import GenerateScreen
from tests.tui.apps import until
from tests.tui.run_states import half_way, whole
from tests.tui.scenes import START, VERSE, ScriptedSpeaker, keep_turns, opened, place_run, settled
from tests.tui.snapshot import SMALL, WIDE, Shoot


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
        speaker().die("the generation process was killed (SIGKILL), most often because memory ran out")
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
