"""Pictures of the screen as text: taken, written, read and compared."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from rich.color import Color as RichColor
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.pilot import Pilot

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.palettes import PALETTES

FOLDER = Path(__file__).with_name("snapshots")
ACCEPT = "GPT2TUI_ACCEPT"
"""Set to 1, it writes the pictures anew instead of comparing them. Look at each of them then."""

_IS_ACCEPTING = os.environ.get(ACCEPT) == "1"
"""Read here, since tests have nothing of the caller's settings."""

WIDE, SMALL, TINY = (140, 40), (80, 24), (40, 10)
SIZES = (WIDE, SMALL)


class Shoot(Protocol):
    """Takes a picture at each of these sizes, once these texts are there and nothing moves."""

    async def __call__(
        self, pilot: Pilot[Any], name: str, *texts: str, sizes: tuple[tuple[int, int], ...] = SIZES
    ) -> None: ...


Album = Callable[[RunStore, Shoot], Awaitable[None]]


def difference(name: str, picture: str) -> str:
    """A unified diff from the accepted picture to this one; empty where they are the same."""
    picture, path = _without_thumbs(picture.rstrip()), FOLDER / f"{name}.txt"
    if _IS_ACCEPTING:
        path.parent.mkdir(exist_ok=True)
        path.write_text(picture + "\n", encoding="utf-8")
    accepted = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = difflib.unified_diff(
        accepted.splitlines(), picture.splitlines(), f"snapshots/{name}.txt", "now", lineterm=""
    )
    return "\n".join(lines)


def _without_thumbs(picture: str) -> str:
    """A scroll bar's end within a cell may be of the moment before: it is left out."""
    without = re.sub(r"(?<=[ │])[▁▂▃▄▅▆▇](?= *│|$)", " ", picture, flags=re.M)
    return "\n".join(line.rstrip() for line in without.splitlines())


def styles_of(app: App[Any]) -> str:
    """How the screen is coloured, a line a row: from which column on in what, by the names of the theme's colours."""
    names = {
        Color.parse(getattr(PALETTES[app.theme], field)).hex.lower(): field
        for field in PALETTES[app.theme].__struct_fields__
        if field != "is_dark"
    }
    rows = []
    for number, strip in enumerate(app.screen._compositor.render_strips()):
        column, last, runs = 0, "", []
        for segment in strip:
            look = _look(segment.style, names)
            is_thumb = segment.text in tuple("▁▂▃▄▅▆▇")
            if look != last and segment.text.strip() and not is_thumb:
                runs.append(f"{column} {look}")
                last = look
            column += segment.cell_length
        if runs:
            rows.append(f"{number:2}  {', '.join(runs)}")
    return "\n".join(rows)


def _look(style: Style | None, names: dict[str, str]) -> str:
    if style is None:
        return "plain"
    marks = [mark for mark in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, mark)]
    ground = _name(style.bgcolor, names)
    return " ".join([_name(style.color, names), *marks, *([] if ground == "ground" else [f"on {ground}"])])


def _name(colour: RichColor | None, names: dict[str, str]) -> str:
    if colour is None or colour.is_default:
        return "default"
    spelled = colour.get_truecolor().hex.lower()
    return names.get(spelled, spelled)
