"""When an app in a test rests: by what its loop has to do, not by the clock."""

from __future__ import annotations

import asyncio
import time

from textual._context import active_app

QUIET_ROUNDS = 3
"""So many rounds of the loop in turn with nothing to do: what was due on a timer or a pipe came to the fore in them."""


async def rest(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Wait until nothing in this loop is ready to run: the messages of a key and all that they set off are answered.

    It takes the place of ``textual._wait.wait_for_idle``, which sleeps for a fiftieth of a second, twice a key, until
    the process has taken little of it: half the time of all tests, and on a busy machine too short. Where something
    always moves, as while a text streams, it ends after ``max_sleep`` seconds.
    """
    loop = asyncio.get_running_loop()
    until = time.monotonic() + max_sleep
    quiet = 0
    while quiet < QUIET_ROUNDS and time.monotonic() < until:
        await asyncio.sleep(0)
        quiet = 0 if loop._ready or _draw() else quiet + 1  # type: ignore[attr-defined]


def _draw() -> bool:
    """Do at once what timers would have done within some hundredths of a second; whether there was anything."""
    app = active_app.get()
    screens = [screen for screen in app.screen_stack if screen._update_timer._active.is_set()]
    for screen in screens:
        screen._on_timer_update()
    return bool(screens) or app._resize_event is not None
