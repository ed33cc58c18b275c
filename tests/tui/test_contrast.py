"""What is written on the screens can be read in every theme: computed from the screens themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot
from textual.widgets import OptionList

from gpt2tui.tui.app import Gpt2TuiApp
from gpt2tui.tui.palettes import PALETTES
from gpt2tui.tui.terminal.colourless import contrast
from tests.tui.albums import ALBUMS
from tests.tui.apps import until
from tests.tui.run_states import half_way
from tests.tui.scenes import START, fixed_surroundings, opened, place_run, settled, without_colours
from tests.tui.snapshot import WIDE

ALBUMS_READ = ("form_first", "generate_talk", "generate_panel", "runs_many")


def faint(app: Gpt2TuiApp) -> set[str]:
    """The texts with a contrast below 4.5:1; what lies under a layer is faint on purpose."""
    return {
        f"{text!r} {front.hex6} on {behind.hex6}"
        for text, front, behind in written(app)
        if contrast(front, behind) < 4.5
    }


def written(app: Gpt2TuiApp) -> list[tuple[str, Color, Color]]:
    """All texts with their colours, but for those under a layer, and for frames, curves and signs."""
    found = []
    for row, strip in enumerate(app.screen._compositor.render_strips()):
        column = 0
        for segment in strip:
            left, column = column, column + segment.cell_length
            first = left + len(segment.text) - len(segment.text.lstrip())
            if not any(sign.isalnum() for sign in segment.text) or _is_below(app, first, row):
                continue
            style = segment.style or Style()
            front, behind = _colour(style.color, app), _colour(style.bgcolor, app)
            if style.reverse:
                front, behind = behind, front
            found.append((segment.text.strip(), front, behind))
    return found


def _is_below(app: Gpt2TuiApp, column: int, row: int) -> bool:
    widget = app.screen.get_widget_at(column, row)[0]
    return len(app.screen_stack) > 1 and widget is app.screen


def _colour(colour: RichColor | None, app: Gpt2TuiApp) -> Color:
    assert colour is not None
    assert not colour.is_default
    return Color.from_rich_color(colour, app.ansi_theme)


@pytest.mark.parametrize("album", ALBUMS_READ)
async def test_all_that_is_written_can_be_read(album: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, set[str]] = {}

    async def shoot(pilot: Pilot[Any], picture: str, *texts: str, sizes: object = ()) -> None:
        await pilot.resize_terminal(*WIDE)
        for theme in PALETTES:
            pilot.app.theme = theme
            await settled(pilot, *texts)
            assert written(pilot.app)  # type: ignore[arg-type]
            if faint_ones := faint(pilot.app):  # type: ignore[arg-type]
                found[f"{picture} in {theme}"] = faint_ones

    with fixed_surroundings(monkeypatch, tmp_path) as store:
        await ALBUMS[album](store, shoot)
    assert not found


@pytest.mark.parametrize("name", PALETTES)
async def test_without_colours_the_chosen_command_is_seen(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fixed_surroundings(monkeypatch, tmp_path) as store, without_colours():
        run = place_run(store, "20260101-120000-the-bell", *half_way())
        async with opened(WIDE, at=START, run=run.folder, theme=name) as pilot:
            await settled(pilot)
            await pilot.press("ctrl+p")
            await until(pilot, lambda: pilot.app.screen.query(OptionList))
            options = pilot.app.screen.query_one(OptionList)
            await until(pilot, lambda: options.option_count > 10 and options.highlighted == 0)
            await settled(pilot)
            strips = pilot.app.screen._compositor.render_strips()
            look = {
                segment.text.strip(): bool(segment.style and segment.style.reverse)
                for row in range(options.region.y, options.region.bottom)
                for segment in strips[row]
            }
            first, second = (options.get_option_at_index(index).prompt for index in (0, 1))
            assert [look[str(prompt).splitlines()[0].strip()] for prompt in (first, second)] == [True, False], look
