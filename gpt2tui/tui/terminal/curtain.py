"""The app's first line and its ground, drawn before anything is imported that takes time.

Textual alone needs a third of a second before it can draw, and seconds where its files come from a cold disk. The
curtain is on the alternate screen already, so the driver finds it there and the first frame is drawn over it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from gpt2tui.tui.options import SCREENS, ScreenName
from gpt2tui.tui.palettes import Palette

ALTERNATE_SCREEN, NORMAL_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
LEAVING = f"\x1b[0m\x1b[2J\x1b[1;1H{NORMAL_SCREEN}"
"""Wiped before it is left: where there is one screen alone, as in GNU screen by default, what is said next would else
stand amid the app's last picture."""

_DRAW = "{on}\x1b[?25l{ground}\x1b[2J\x1b[1;1H{bar}\x1b[0m"
_LIFT = f"{LEAVING}\x1b[?25h".encode()
_ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_before: dict[int, Any] = {}
"""How signals were answered before the curtain was drawn."""
_drawn: list[int] = []
"""The file descriptor that it is drawn on, if it is."""


def terminal_stream() -> IO[str] | None:
    """What the app draws on: stderr, so that stdout can be elsewhere, or stdout where stderr is."""
    for stream in (sys.__stderr__, sys.__stdout__):
        if stream and stream.isatty():
            return stream
    return None


def draw(palette: Palette | None, present: ScreenName, prefix: str) -> None:
    """Draw it, where this process has the terminal. ``present`` is the screen that opens, ``prefix`` that of the keys.

    Without a palette the colours are the terminal's own.
    """
    stream = terminal_stream()
    if not stream or not _has_terminal(stream):
        return
    for number in _ENDS:
        if (handler := signal.getsignal(number)) != signal.SIG_IGN:
            _before[number] = handler
            signal.signal(number, _end)
    descriptor, ground = stream.fileno(), _sgr(48, palette.ground) if palette else ""
    with suppress(OSError):  # a terminal that is gone is the driver's to find
        bar = _bar(palette, present, prefix, os.get_terminal_size(descriptor).columns)
        _drawn.append(descriptor)
        os.write(descriptor, _DRAW.format(on=ALTERNATE_SCREEN, ground=ground, bar=bar).encode())


def hand_over() -> int | None:
    """The app takes the terminal and answers signals now; what the curtain was drawn on, if it was."""
    drawn = _drawn.pop() if _drawn else None
    for number, handler in _before.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)
    _before.clear()
    return drawn


def lift() -> None:
    """Take it away, where the app did not get as far as the terminal."""
    if (descriptor := hand_over()) is not None:
        with suppress(OSError):  # the terminal may be gone
            os.write(descriptor, _LIFT)  # past the stream, which a signal may have found at its own write


def has_true_colour(environment: Mapping[str, str]) -> bool:
    """Whether a terminal says that it takes 24 bits of colour, and the person wants any."""
    return environment.get("COLORTERM") in ("truecolor", "24bit") and not environment.get("NO_COLOR")


def _end(number: int, frame: FrameType | None) -> None:
    lift()
    # Not as Python would: an exception in the middle of an import may come out of it as another one.
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _has_terminal(stream: IO[str]) -> bool:
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return False


def _bar(palette: Palette | None, present: ScreenName, prefix: str, columns: int) -> str:
    """The first line of every screen, as ``widgets/top_bar.py`` draws it."""
    left, parts = columns, []
    for number, name in enumerate(SCREENS, 1):
        words = f"{prefix}{number} {name.capitalize()}"
        style = ""
        if palette:
            style = f"\x1b[1m{_sgr(38, palette.primary)}" if name == present else f"\x1b[22m{_sgr(38, palette.muted)}"
        parts.append(f"{style}{' ' if number == 1 else '  '}{words}"[: left + len(style)])
        left -= len(words) + 2
    ground = f"{_sgr(48, palette.panel)}\x1b[2K" if palette else ""
    return ground + "".join(parts)


def _sgr(kind: int, colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"\x1b[{kind};2;{red};{green};{blue}m"
