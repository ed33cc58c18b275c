"""An app that follows a run: it reads what is written of it, and tells its screens."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import work

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.follower import Follower
from gpt2tui.runs.run import Run
from gpt2tui.tui.ordered_app import OrderedApp
from gpt2tui.tui.processes.training import reap

POLL_SECONDS = 0.03
"""How often the journal of the followed run is looked at: events are on the screen within 100 ms."""

_LOOK_SECONDS = 0.5


class FollowingApp(OrderedApp):
    """``follower`` is the run on the Train screen, ``overlaid`` one whose curve is laid over its own.

    Screens that show it have a method ``take_events``, called with the new events (none where only the run's being
    alive changed), and ``change_run``, called when another run is followed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.follower: Follower | None = None
        self.overlaid: Follower | None = None
        self.talk_run: Run | None = None
        """The run that was chosen to be talked to, until another one is followed; None: the followed one."""
        self.handed_prompt: tuple[Run, str] | None = None
        """A prompt for a run that can no longer draw from it itself, to be found on Generate."""
        self._told_problem = ""
        self._has_drawn = asyncio.Event()

    def begin_to_follow(self) -> None:
        """Look from now on; to be called when the app is mounted."""
        self.set_interval(POLL_SECONDS, self._poll)
        self.set_interval(_LOOK_SECONDS, self._look)

    def follow(self, run: Run | None) -> None:
        """Show another run on the Train screen, or none."""
        if self.follower and (run is None or run.folder != self.follower.run.folder):
            self.talk_run = None
        if run is None:
            self.follower = None
            self._tell("change_run")
            return
        if follower := self._opened(run):
            self.follower = follower
            self._told_problem = ""
            self._tell("change_run")
            if not follower.is_caught_up:
                self._catch_up(follower)

    def _opened(self, run: Run) -> Follower | None:
        """A follower that has read what can be read at once; where it cannot be, that is said."""
        try:
            follower = Follower(run)
            follower.open()
        except (Gpt2TuiError, OSError) as error:
            self.notify(str(error), severity="error", markup=False)
            return None
        return follower

    @work
    async def _catch_up(self, follower: Follower) -> None:
        """Read all of a long journal, once the chart is there, which it would hold up."""
        await self._has_drawn.wait()
        try:
            await asyncio.to_thread(follower.catch_up)
        except OSError as error:
            self._tell_problem(str(error))
        self._tell("change_run")

    def on_drawn_chart_ready(self) -> None:
        self._has_drawn.set()

    def overlay(self, run: Run | None) -> None:
        """Lay another run's curve over the followed one's, or take it away."""
        self.overlaid = None
        if run is not None:
            try:
                self.overlaid = Follower(run)
            except Gpt2TuiError as error:
                self.notify(str(error), severity="error", markup=False)
        self._tell("change_run")

    def _poll(self) -> None:
        if not self.follower:
            return
        try:
            events = self.follower.poll()
        except OSError as error:
            self._tell_problem(str(error))
            return
        if events:
            self._tell("take_events", events)

    def _look(self) -> None:
        reap()
        if not self.follower:
            return
        if self.follower.look():
            self._tell("take_events", [])
        self._tell_problem(self.follower.problem())

    def _tell_problem(self, problem: str) -> None:
        """Say once that the followed run cannot be read now; what is known of it stays on the screen."""
        if problem and problem != self._told_problem:
            text = f"{problem}; what is shown is older, and it is tried again"
            self.notify(text, title="the run cannot be read", severity="error", markup=False)
        self._told_problem = problem

    def _tell(self, method: str, *arguments: object) -> None:
        for stack in self._screen_stacks.values():
            for screen in stack:
                if told := getattr(screen, method, None):
                    told(*arguments)
