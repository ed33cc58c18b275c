"""The Generate screen in a test, with a real child and a tiny model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.transcript import Transcripts, Turn
from gpt2tui.tui.screens.generate import GenerateScreen
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.prompt import PromptArea
from gpt2tui.tui.widgets.transcript import Transcript
from tests.tui.apps import FixedApp, app_for, until

WIDE = (140, 40)
ENDLESS = 99_000


class Talk:
    """What a test does on the screen, and what it finds there."""

    def __init__(self, app: FixedApp, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> GenerateScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, GenerateScreen)
        return screen

    @property
    def conversation(self) -> Any:
        return self.screen._conversation

    @property
    def transcript(self) -> Transcript:
        return self.screen.query_one(Transcript)

    @property
    def prompt(self) -> PromptArea:
        return self.screen.query_one(PromptArea)

    @property
    def turns(self) -> list[LiveTurn]:
        return [view.turn for view in self.transcript.views]

    async def set(self, **settings: object) -> None:
        """Type settings into their fields."""
        for name, value in settings.items():
            self.screen.query_one(f"#{name}").value = str(value)
        await self.pilot.pause()

    async def send(self, text: str) -> LiveTurn:
        """Type a prompt and send it; its turn."""
        before = self.turns
        self.prompt.focus()
        self.prompt.put(text)
        await self.pilot.press("enter")
        return await until(
            self.pilot, lambda: next((turn for turn in self.turns if turn not in before), None), "a turn"
        )

    async def over(self, turn: LiveTurn) -> None:
        await until(self.pilot, lambda: turn.is_over and not self.screen._unkept, "the end of the turn")
        await self.pilot.pause()

    async def drawn(self, turn: LiveTurn, number: int) -> None:
        await until(self.pilot, lambda: turn.drawn >= number, f"{number} tokens")

    async def tell(self, text: str, **settings: object) -> LiveTurn:
        """Send a prompt and wait for the end of its turn."""
        await self.set(**settings)
        turn = await self.send(text)
        await self.over(turn)
        return turn

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)


@asynccontextmanager
async def talking(*, size: tuple[int, int] = WIDE, **options: Any) -> AsyncIterator[Talk]:
    """The app on its Generate screen."""
    app = app_for(screen="generate", **options)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, GenerateScreen) and app.screen.is_mounted)
        yield Talk(app, pilot)


def kept(run: Run) -> list[Turn]:
    """What the transcripts of a run hold."""
    return Transcripts(run).read()


def record(prompt: str, texts: list[str], **changes: object) -> Turn:
    """A turn as a transcript keeps it."""
    fields = {
        "checkpoint": "step-00000004",
        "step": 4,
        "device": "cpu",
        "dtype": "float32",
        "prompt": prompt,
        "prompt_tokens": [1, 2],
        "settings": SamplingSettings(seed=1),
        "tokens": list(range(len(texts))),
        "texts": texts,
        "probabilities": [0.01 + 0.9 * index / max(1, len(texts)) for index in range(len(texts))],
        "text": "".join(texts),
        "finish": "length",
        "seconds": 1.0,
    }
    return Turn(**fields | changes)


def keep(run: Run, *records: Turn) -> None:
    """Write turns into the transcripts of a run."""
    transcripts = Transcripts(run)
    for one in records:
        transcripts.append(one)


def told(talk: Talk) -> str:
    """The notifications so far."""
    return " ".join(notification.message for notification in talk.app._notifications)
