"""Every screen in every state, one album after another: what ``test_snapshots`` holds and ``pictures`` draws.

An album opens the app once and shows one state after the other; ``shoot`` takes a picture of each.
"""

from __future__ import annotations

from typing import Any

from textual.widgets import Input

from gpt2tui.runs.store import RunStore
from tests.tui.apps import until
from tests.tui.generate_albums import generate_empty, generate_panel, generate_talk, speaker
from tests.tui.run_states import DAY, many_runs
from tests.tui.runs_albums import runs_empty, runs_many, when_complete
from tests.tui.scenes import START, keep_turns, opened, settled, trained, without_colours
from tests.tui.snapshot import SMALL, TINY, WIDE, Album, Shoot
from tests.tui.train_albums import form_first, train_alive, train_ended, train_layers


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
