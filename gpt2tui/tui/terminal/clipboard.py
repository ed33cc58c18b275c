"""Text on its way to the clipboard."""

from __future__ import annotations

import asyncio
import unicodedata
from asyncio.subprocess import DEVNULL, PIPE

from gpt2tui.text import visible

_TMUX_SECONDS = 2.0


def harmless(text: str) -> str:
    """The text as it is, but for control characters, which steer the terminal that it is pasted into."""
    return "".join(
        visible(character) if unicodedata.category(character) == "Cc" and character not in "\n\t" else character
        for character in text
    )


async def hand_to_tmux(text: str) -> bool:
    """Put a text into the buffer of the tmux that this runs in, and through it into the terminal's clipboard.

    As it comes, tmux keeps what programs send to the clipboard to itself (its option ``set-clipboard``).
    Whether it took the text.
    """
    for options in (("-w",), ()):  # before tmux 3.2 there was no -w
        try:
            tmux = await asyncio.create_subprocess_exec(
                *("tmux", "load-buffer", *options, "-"), stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
            )
        except OSError:
            return False
        try:
            await asyncio.wait_for(tmux.communicate(text.encode()), _TMUX_SECONDS)
        except TimeoutError:
            tmux.kill()
            return False
        if tmux.returncode == 0:
            return True
    return False
