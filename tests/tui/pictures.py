"""Draws the screens of the documents from the real app: ``python -m tests.tui.pictures`` writes docs/images."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from rich.color import Color
from rich.style import Style
from textual.app import App

from gpt2tui.runs.store import RunStore
from gpt2tui.tui.screens.generate import GenerateScreen
from tests.tui.apps import until
from tests.tui.generate_albums import speaker
from tests.tui.run_states import many_runs, whole
from tests.tui.runs_albums import when_complete
from tests.tui.scenes import (
    START,
    VERSE,
    configuration,
    fixed_surroundings,
    keep_turns,
    opened,
    place_run,
    settled,
    steps_of,
    story_of,
    trained,
)

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = (120, 34)
_COLUMN, _ROW, _MARGIN = 8.4, 17, 10
_FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
_FRAMES = "─━│╭╮╰╯┤├┬┴┼┌┐└┘"
_REACHES = ("lr", "lr", "ud", "rd", "ld", "ru", "lu", "udl", "udr", "lrd", "lru", "lrud", "rd", "ld", "ru", "lu")
_ARMS = dict(zip(_FRAMES, _REACHES, strict=True))
"""Frames and axes: to which sides of its cell a sign reaches."""
_LOWER, _LEFT = "▁▂▃▄▅▆▇", "█▉▊▋▌▍▎▏"
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
_DRAWN = f"{''.join(_ARMS)}┄{_LOWER}{_LEFT}\u2800-\u28ff"


async def pictures(store: RunStore) -> AsyncIterator[tuple[str, str]]:
    """The name of each picture and its SVG; ``store`` has no runs."""
    async with opened(SIZE) as pilot:
        await settled(pilot, "124,439,808 parameters")
        yield "form", svg_of(pilot.app)

    config, steps = configuration(name="the bell"), steps_of("gpt2-bundled", last=58)
    run = place_run(store, "20260101-120000-the-bell", config, story_of(config, steps))
    with trained(run):
        async with opened(SIZE, at=steps[-1].time + 2, run=run.folder) as pilot:
            await settled(pilot, "● training")
            yield "train", svg_of(pilot.app)
    store.delete(run)

    run = place_run(store, "20260101-120000-the-bell", *whole(), checkpoints=[63])
    keep_turns(run)
    async with opened(SIZE, screen="generate", at=START + 900) as pilot:
        screen = await until(pilot, lambda: pilot.app.screen if isinstance(pilot.app.screen, GenerateScreen) else None)
        await until(pilot, lambda: speaker().last("load"))
        await settled(pilot)
        speaker().tell_loaded()
        screen.query_one("#prompt").put("JORY:")
        await pilot.press("enter")
        await until(pilot, lambda: speaker().last("generate"))
        speaker().tell_prompt(["JORY", ":"])
        speaker().tell_tokens(VERSE)
        speaker().tell_end(len(VERSE))
        await pilot.press("escape", "t", "c", "home", *["right"] * 11)
        await settled(pilot, "Instead of this token", "length reached")
        yield "generate", svg_of(pilot.app)
    store.delete(run)

    runs = many_runs(store)
    with trained(runs["the bell"], runs["letters"]):
        async with opened(SIZE, screen="runs", at=START + 86_400, run=runs["the bell"].folder) as pilot:
            await when_complete(pilot)
            await pilot.press("down")
            await settled(pilot, "2 alive", "20260102-the-bell")
            yield "runs", svg_of(pilot.app)


def svg_of(app: App[Any]) -> str:
    """What is on the screen, with nothing in it that comes from elsewhere.

    Frames, curves and bars are drawn as shapes, since fonts differ in how they draw them, or have none.
    """
    theme = app.current_theme
    ground, foreground = theme.background or "#000000", theme.foreground or "#ffffff"
    strips = app.screen._compositor.render_strips()
    width, height = app.size.width * _COLUMN + 2 * _MARGIN, len(strips) * _ROW + 2 * _MARGIN
    grounds: dict[str, list[str]] = {}
    shapes: dict[str, list[str]] = {}
    texts: list[str] = []
    for row, strip in enumerate(strips):
        column, top = 0, _MARGIN + row * _ROW
        for segment in strip.simplify():
            style = segment.style or Style()
            colour, behind = _hex(style.color, foreground), _hex(style.bgcolor, ground)
            if style.reverse:
                colour, behind = behind, colour
            left = _MARGIN + column * _COLUMN
            if behind != ground:
                # A little too large, so that nothing shines through between two of one colour.
                grounds.setdefault(behind, []).append(_box(left, top, segment.cell_length * _COLUMN + 0.3, _ROW + 0.3))
            for index, sign in enumerate(segment.text):
                if drawn := shape(sign, left + index * _COLUMN, top):
                    shapes.setdefault(colour, []).append(drawn)
            marks = ' font-weight="bold"' * bool(style.bold) + ' text-decoration="underline"' * bool(style.underline)
            for word in re.finditer(rf"[^\s{_DRAWN}]+(?: [^\s{_DRAWN}]+)*", segment.text):
                place = f'x="{left + word.start() * _COLUMN:.1f}" y="{top + 13}"'
                across = f'textLength="{len(word[0]) * _COLUMN:.1f}"'
                texts.append(f'<text {place} fill="{colour}"{marks} {across}>{escape(word[0])}</text>')
            column += segment.cell_length
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'font-family="{_FONTS}" font-size="14">',
        f'<rect width="100%" height="100%" rx="8" fill="{ground}"/>',
        *(f'<path fill="{colour}" d="{"".join(paths)}"/>' for colour, paths in grounds.items()),
        *(f'<path fill="{colour}" d="{"".join(paths)}"/>' for colour, paths in shapes.items()),
        *texts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def shape(sign: str, x: float, y: float) -> str:
    """The path of a sign that is drawn, in the cell whose upper left corner is at (x, y); empty for all others."""
    middle, centre, thin = x + _COLUMN / 2, y + _ROW / 2, 1.2
    if arms := _ARMS.get(sign):
        heavy = 2.6 if sign == "━" else thin
        reach = {
            "l": (x, centre - heavy / 2, _COLUMN / 2 + thin / 2, heavy),
            "r": (middle - thin / 2, centre - heavy / 2, _COLUMN / 2 + thin / 2, heavy),
            "u": (middle - thin / 2, y, thin, _ROW / 2 + thin / 2),
            "d": (middle - thin / 2, centre - thin / 2, thin, _ROW / 2 + thin / 2),
        }
        return "".join(_box(*reach[arm]) for arm in arms)
    if sign == "┄":
        return "".join(_box(x + part * _COLUMN / 3, centre - thin / 2, _COLUMN / 5, thin) for part in range(3))
    if sign in _LOWER:
        part = (_LOWER.index(sign) + 1) / 8 * _ROW
        return _box(x, y + _ROW - part, _COLUMN, part)
    if sign in _LEFT:
        return _box(x, y, (8 - _LEFT.index(sign)) / 8 * _COLUMN, _ROW)
    if "\u2800" < sign <= "\u28ff":
        dots = ord(sign) - 0x2800
        return "".join(
            _box(x + 1 + across * _COLUMN / 2, y + 1 + down * _ROW / 4, 2.4, 2.4)
            for bit, (across, down) in enumerate(_DOTS)
            if dots >> bit & 1
        )
    return ""


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def words_of(svg: str) -> list[str]:
    """The texts of a picture with their places, and its shapes, without their colours."""
    elements = list(ElementTree.fromstring(svg).iter())
    texts = [f"{element.get('x')} {element.get('y')} {element.text}" for element in elements if element.text]
    return texts + sorted(element.get("d", "") for element in elements)


def _hex(colour: Color | None, default: str) -> str:
    return default if colour is None or colour.is_default else colour.get_truecolor().hex


async def draw_all(folder: Path) -> dict[str, str]:
    """All pictures by their names, made below a folder that is empty."""
    with pytest.MonkeyPatch.context() as patch, fixed_surroundings(patch, folder) as store:
        return {name: svg async for name, svg in pictures(store)}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for drawn, image in asyncio.run(draw_all(Path(home))).items():
            (FOLDER / f"{drawn}.svg").write_text(image, encoding="utf-8")
