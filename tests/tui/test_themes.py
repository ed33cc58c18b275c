"""Text can be read in every theme, at every depth of colour, by everybody."""

from __future__ import annotations

import re
import sys
from itertools import combinations, product

import pytest
from textual.app import App
from textual.color import Color

from gpt2tui.tui.palettes import PALETTES, PALETTES_16, Palette
from gpt2tui.tui.themes import own_variables, register_themes, theme
from tests.tui.terminal import Terminal

STATES = ("success", "warning", "error")
WRITTEN = ("muted", "primary", "secondary", *STATES)
GROUNDS = ("ground", "surface", "panel", "chosen")
TINTS = ("tint_1", "tint_2", "tint_3", "tint_4")

VISIONS = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""Linear RGB as others see it: Machado, Oliveira and Fernandes (2009), severity 1."""


def linear(colour: str) -> list[float]:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(colour: str, vision: str) -> list[float]:
    seen = linear(colour)
    red, green, blue = (
        min(1.0, max(0.0, sum(weight * part for weight, part in zip(row, seen, strict=True))))
        for row in VISIONS[vision]
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    fx, fy, fz = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]


def difference(one: str, other: str, vision: str) -> float:
    """CIE 1976: 2 is just seen; 20 is another colour."""
    return sum((a - b) ** 2 for a, b in zip(lab(one, vision), lab(other, vision), strict=True)) ** 0.5


@pytest.mark.parametrize(("name", "palette"), PALETTES.items())
def test_text_can_be_read_on_every_ground(name: str, palette: Palette) -> None:
    for ground in GROUNDS:
        on = getattr(palette, ground)
        assert contrast(palette.text, on) >= 7, ground
        for colour in WRITTEN:
            least = 7 if name == "high-contrast" and ground != "chosen" else 4.5
            assert contrast(getattr(palette, colour), on) >= least, (colour, ground)
    assert contrast(palette.ground, palette.primary) >= 4.5, "the cursor"
    assert contrast(palette.text, palette.marked) >= 4.5, "the selection"
    assert all(contrast(palette.text, getattr(palette, tint)) >= 4.5 for tint in TINTS)


@pytest.mark.parametrize("palette", PALETTES_16.values(), ids=PALETTES_16)
def test_text_can_be_read_in_16_colours(palette: Palette) -> None:
    colours = [
        value for value in (getattr(palette, name) for name in palette.__struct_fields__) if value != palette.is_dark
    ]
    assert set(colours) <= set(XTERM), "Rich would look for the nearest"
    assert contrast(palette.text, palette.ground) >= 7
    assert all(contrast(getattr(palette, colour), palette.ground) >= 4.5 for colour in WRITTEN)
    assert contrast(palette.ground, palette.primary) >= 4.5
    assert contrast(palette.text, palette.marked) >= 4.5
    assert all(contrast(getattr(palette, colour), palette.chosen) >= 4.2 for colour in WRITTEN)
    tints = [getattr(palette, tint) for tint in TINTS]
    assert len({palette.ground, *tints}) == 5
    assert all(contrast(palette.text, tint) >= 4.5 for tint in tints)


XTERM = {
    "#000000": "#000000",
    "#aa0000": "#cd0000",
    "#00aa00": "#00cd00",
    "#aa5500": "#cdcd00",
    "#0000aa": "#0000ee",
    "#aa00aa": "#cd00cd",
    "#00aaaa": "#00cdcd",
    "#aaaaaa": "#e5e5e5",
    "#555555": "#7f7f7f",
    "#ff5555": "#ff0000",
    "#55ff55": "#00ff00",
    "#ffff55": "#ffff00",
    "#5555ff": "#5c5cff",
    "#ff55ff": "#ff00ff",
    "#55ffff": "#00ffff",
    "#ffffff": "#ffffff",
}
"""What xterm makes of them, and many terminals like it."""


@pytest.mark.parametrize("palette", PALETTES_16.values(), ids=PALETTES_16)
def test_text_can_be_read_in_the_16_colours_of_other_terminals(palette: Palette) -> None:
    seen = {
        name: XTERM[value] for name in palette.__struct_fields__ if isinstance(value := getattr(palette, name), str)
    }
    assert all(contrast(seen[colour], seen["ground"]) >= 4 for colour in WRITTEN)
    assert all(contrast(seen["text"], seen[name]) >= 4 for name in (*TINTS, "marked", "chosen"))


@pytest.mark.parametrize("name", ["colour-blind", "colour-blind-light"])
@pytest.mark.parametrize("vision", VISIONS)
def test_states_are_told_apart_by_everybody(name: str, vision: str) -> None:
    palette = PALETTES[name]
    for one, other in combinations(STATES, 2):
        assert difference(getattr(palette, one), getattr(palette, other), vision) >= 20, (one, other)
    for state in STATES:
        assert difference(palette.primary, getattr(palette, state), vision) >= 10, state


@pytest.mark.parametrize(("name", "palette"), PALETTES.items())
def test_tints_are_told_apart(name: str, palette: Palette) -> None:
    is_for_all = name.startswith("colour-blind")
    seen = [palette.ground, *(getattr(palette, tint) for tint in TINTS)]
    for one, other in combinations(seen, 2):
        for vision in VISIONS if is_for_all else ("usual",):
            assert difference(one, other, vision) >= 12, (one, other, vision)


def test_textuals_themes_have_our_colours_too() -> None:
    ours = set(theme("dark", PALETTES["dark"]).variables)
    for name, foreign in App[None]().available_themes.items():
        assert set(own_variables(foreign)) == {"chosen", *(f"tint-{level}" for level in range(1, 5))} <= ours, name
    assert own_variables(theme("dark", PALETTES["dark"])) == {}


@pytest.mark.parametrize(("name", "palette"), PALETTES.items())
def test_what_textual_derives_can_be_read_too(name: str, palette: Palette) -> None:
    variables = theme(name, palette).to_color_system().generate()

    def colour(variable: str) -> str:
        return Color.parse(variables[variable]).hex6.lower()

    for front, back in (
        ("block-cursor-foreground", "block-cursor-background"),
        ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
        ("input-cursor-foreground", "input-cursor-background"),
        ("button-color-foreground", "primary"),
        ("button-color-foreground", "success"),
        ("button-color-foreground", "warning"),
        ("button-color-foreground", "error"),
        ("footer-key-foreground", "footer-background"),
        ("footer-description-foreground", "footer-background"),
        ("text-muted", "panel"),
        ("text-disabled", "panel"),
        ("text-success", "panel"),
        ("text-warning", "panel"),
        ("text-error", "panel"),
        ("text-primary", "panel"),
    ):
        assert contrast(colour(front), colour(back)) >= 4.5, (front, back)


def test_textuals_own_themes_stay_but_those_in_colours_that_nobody_knows() -> None:
    app: App[None] = App()
    before = set(app.available_themes)
    register_themes(app)
    unknown = {"ansi-dark", "ansi-light"}
    assert unknown <= before
    assert set(app.available_themes) == before - unknown | set(PALETTES)


DEPTHS = {
    "truecolor": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "256": {"TERM": "xterm-256color", "COLORTERM": None},
    "tmux": {"TERM": "tmux-256color", "COLORTERM": None},
    "16": {"TERM": "xterm-16color", "COLORTERM": None},
    "screen": {"TERM": "screen", "COLORTERM": None},
    "none": {"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"},
}


def sent(name: str, depth: str) -> tuple[list[str], str]:
    """The SGR parameters that a small app sends, and what its screen then shows."""
    with Terminal([sys.executable, "-m", "tests.tui.coloured_app", name], environment=DEPTHS[depth]) as terminal:
        terminal.wait_for("all is drawn")
        terminal.wait_for("Leave")
        terminal.send(b"\x1b[20~")
        assert terminal.wait_end() == 0
        codes = re.findall(rb"\x1b\[([\d;]*)m", terminal.output)
    return [code.decode() for code in codes], terminal.output.decode()


@pytest.mark.parametrize(("name", "depth"), list(product(("dark", "light", "high-contrast"), DEPTHS)))
def test_the_colours_sent_fit_the_terminal(name: str, depth: str) -> None:
    codes, _ = sent(name, depth)
    has_fine = any("38;2;" in code for code in codes)
    has_256 = any("8;5;" in code for code in codes)
    has_basic = any(re.search(r"(^|;)(3[0-7]|4[0-7]|9[0-7]|10[0-7])($|;)", code) for code in codes)
    assert (has_fine, has_256) == (depth == "truecolor", depth in ("256", "tmux"))
    assert depth not in ("16", "screen") or has_basic
    if depth == "none":
        assert not has_basic
        assert any("7" in code.split(";") for code in codes), "the cursor is to be seen without colours"
