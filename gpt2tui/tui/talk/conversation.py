"""Talks to the generation child: one checkpoint loaded, one turn under way, and no end that leaves it locked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from gpt2tui.runs.checkpoint_names import chosen_step
from gpt2tui.runs.dialogue import AnyReply, Failed, Loaded, Loading, Stage
from gpt2tui.runs.run import Run
from gpt2tui.tui.processes.speaker import Speaker
from gpt2tui.tui.talk.live_turn import LiveTurn

STAGES: dict[Stage, str] = {
    "libraries": "loading the libraries",
    "device": "looking at the device",
    "weights": "loading the weights",
    "tokenizer": "loading the tokenizer",
    "first_token": "reading the weights",
}


@dataclass(frozen=True)
class Place:
    """What is to be asked: a checkpoint of the run in a directory, with so many threads (None: as many as help).

    With another number of threads it is the same model, which need not be loaded again.
    """

    run: Path
    step: int
    threads: int | None = field(default=None, compare=False)


class Conversation:
    """What the screen knows of the child. ``on_change`` is called when there is something to draw, ``on_end``
    with a turn that is over, whatever ended it, ``on_problem`` with what went wrong beside any turn.
    """

    def __init__(
        self,
        log: Path,
        *,
        now: Callable[[], float],
        on_change: Callable[[], None],
        on_end: Callable[[LiveTurn], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self.turn: LiveTurn | None = None
        """The turn under way."""
        self.loaded: Loaded | None = None
        self.loading: Loading | None = None
        self._speaker = Speaker(log, self._take, self._child_died)
        self._now, self._on_change, self._on_end, self._on_problem = now, on_change, on_end, on_problem
        self._place: Place | None = None
        """What is loaded, or being loaded."""
        self._order = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_id = 0
        self._outdated_id: float = 0
        """Replies to this request and those before it are to what nobody waits for any more."""

    @property
    def pid(self) -> int | None:
        """The child's process, where there is one."""
        return self._speaker.pid

    @property
    def place(self) -> Place | None:
        """What is loaded, or being loaded."""
        return self._place

    @property
    def held(self) -> Place | None:
        """What is loaded."""
        return self._place if self.loaded else None

    def prepare(self, place: Place) -> None:
        """Load a checkpoint in the background, unless it is loaded or a turn is under way."""
        if self.turn is None and self._place != place:
            self._load(place)

    def speak(self, turn: LiveTurn, place: Place) -> None:
        """Let a turn be written; one under way is stopped."""
        self.stop()
        self.turn = turn
        if self._place != place:
            self._load(place)
        if self.loaded:
            self._generate(turn)
        else:
            turn.news = self.progress()
        self._on_change()

    def stop(self) -> bool:
        """End the turn under way at once, if there is one; whether there was."""
        if (turn := self.turn) is None:
            return False
        turn.stop(now=self._now())
        self._end()
        if self.loaded:  # else it has not been asked for yet, and loading may go on
            self._outdated_id = math.inf
            self._in_turn(self._speaker.stop)
        return True

    def progress(self) -> str:
        """How far loading is, in words; empty when nothing is loaded."""
        if self._place is None or self.loaded:
            return ""
        stage, share = (self.loading.stage, self.loading.share) if self.loading else ("libraries", 0.0)
        return f"{STAGES[stage]}, {100 * share:.0f} %"

    async def close(self) -> None:
        """End the child; nothing is told any more."""
        self.turn = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._speaker.close()

    def _load(self, place: Place) -> None:
        self._place, self.loaded, self.loading = place, None, None
        self._outdated_id = math.inf

        async def load() -> None:
            if place == self._place:
                self._outdated_id = self._last_id
                self._last_id = await self._speaker.load(place.run, str(place.step), threads=place.threads)

        self._in_turn(load)

    def _generate(self, turn: LiveTurn) -> None:
        assert self.loaded is not None
        turn.ask(self.loaded, now=self._now())
        self._outdated_id = math.inf

        async def generate() -> None:
            if turn is self.turn:
                self._outdated_id = self._last_id
                self._last_id = await self._speaker.generate(
                    turn.prompt, tokens=turn.asked_tokens, settings=turn.settings
                )

        self._in_turn(generate)

    def _in_turn(self, ask: Callable[[], Awaitable[None]]) -> None:
        async def asked() -> None:
            async with self._order:
                try:
                    await ask()
                except OSError as error:
                    self._died(f"no generation process could be started: {error.strerror or error}; try again")

        task = asyncio.get_running_loop().create_task(asked())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self, reply: AnyReply) -> None:
        if reply.id <= self._outdated_id:
            return
        turn = self.turn
        match reply:
            case Loading():
                self.loading = reply
                if turn:
                    turn.news = self.progress()
            case Loaded():
                self.loaded, self.loading = reply, None
                if turn:
                    self._generate(turn)
            case Failed() if self.loaded is None:
                self._place = self.loading = None
                self._fail(reply.text)
            case _ if turn:
                turn.take(reply, now=self._now())
                if turn.is_over:
                    self._end()
        self._on_change()

    def _child_died(self, why: str) -> None:
        """What was loaded may be nowhere else by now."""
        lost = self.loaded and self._place
        if lost and chosen_step(Run(lost.run), str(lost.step)) is None:
            if self.turn:
                self.turn.can_be_repeated = False
            self._died(f"{why}; step {lost.step:,} was only in its memory: m chooses another checkpoint")
        else:
            self._died(f"{why}; the next prompt loads the checkpoint again")

    def _died(self, why: str) -> None:
        self._place = self.loaded = self.loading = None
        self._fail(why)
        self._on_change()

    def _fail(self, text: str) -> None:
        if self.turn:
            self.turn.fail(text)
            self._end()
        else:
            self._on_problem(text)

    def _end(self) -> None:
        turn, self.turn = self.turn, None
        if turn:
            self._on_end(turn)
