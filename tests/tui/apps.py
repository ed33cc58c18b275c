"""The app in a test: its options, a fixed clock, and what stands on its screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from gpt2tui.runs.paths import Paths
from gpt2tui.tui.app import Gpt2TuiApp
from gpt2tui.tui.options import AppOptions

PATIENCE = 30.0


class FixedApp(Gpt2TuiApp):
    """The app at a time that does not pass, where one is given."""

    def __init__(self, options: AppOptions, *, at: float | None = None) -> None:
        super().__init__(options)
        self._at = at

    def now(self) -> float:
        return time.time() if self._at is None else self._at


def app_for(*, at: float | None = None, **options: Any) -> FixedApp:
    """The app of the test's home; ``options`` are fields of AppOptions."""
    return FixedApp(AppOptions(paths=Paths.from_environment(), **options), at=at)


def text_of(app: Gpt2TuiApp) -> str:
    """What stands on the screen, a line a row, without what follows the last sign of a row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[Any], condition: Callable[[], Any], what: str = "") -> Any:
    """Let the app go on until the condition holds; its value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what or 'it'} did not happen; on the screen:\n{text_of(pilot.app)}"  # type: ignore[arg-type]
        await pilot.pause(0.01)  # without it, it waits for the app to rest: up to a second where something moves
    return value


async def until_text(pilot: Pilot[Any], text: str) -> None:
    """Let the app go on until a text is on the screen."""
    await until(pilot, lambda: text in text_of(pilot.app), repr(text))  # type: ignore[arg-type]
