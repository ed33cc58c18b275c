"""The app's own themes: quiet grounds, one accent, and text that can be read.

On all grounds text has a contrast of at least 7:1 and everything else that is written at least 4.5:1 (WCAG 2.2,
1.4.6 and 1.4.3); a test computes it. A terminal of 16 colours gets the same themes in exactly those colours, since
the nearest of 16 to a fine shade is often one that cannot be read.
"""

from __future__ import annotations

from typing import Any

import msgspec
from textual.app import App
from textual.color import Color
from textual.theme import Theme

DEFAULT_THEME = "dark"


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """The colours of a theme; ``ground``, ``surface`` and ``panel`` are what is written on."""

    ground: str
    surface: str
    panel: str
    text: str
    muted: str
    primary: str
    secondary: str
    success: str
    warning: str
    error: str
    marked: str
    """The ground of selected text."""
    is_dark: bool = True


_DARK = Palette(
    ground="#15171a",
    surface="#1b1e22",
    panel="#24272c",
    text="#e1e4e9",
    muted="#a3aab4",
    primary="#6cb6ff",
    secondary="#a9b6c7",
    success="#7fd08a",
    warning="#e6c05c",
    error="#ff8a80",
    marked="#274a70",
)
_LIGHT = Palette(
    ground="#fafaf8",
    surface="#f4f3ef",
    panel="#e9e7e2",
    text="#1f2328",
    muted="#565c64",
    primary="#0b5cad",
    secondary="#46566b",
    success="#1d6b30",
    warning="#7a5000",
    error="#b3261e",
    marked="#bcd9f7",
    is_dark=False,
)

PALETTES: dict[str, Palette] = {
    "dark": _DARK,
    "light": _LIGHT,
    "high-contrast": Palette(
        ground="#000000",
        surface="#000000",
        panel="#1c1c1c",
        text="#ffffff",
        muted="#d6d6d6",
        primary="#ffd83d",
        secondary="#ffffff",
        success="#6bff6b",
        warning="#ffb84d",
        error="#ff9e9e",
        marked="#0000aa",
    ),
    # Okabe and Ito, Color Universal Design (2008), a shade lighter where they are written on a dark ground, and
    # darker on a light one, until no two of the states come near each other for anybody.
    "colour-blind": msgspec.structs.replace(
        _DARK, primary="#56b4e9", success="#1fc79a", warning="#f0e442", error="#ee6c2e"
    ),
    "colour-blind-light": msgspec.structs.replace(
        _LIGHT, panel="#efede8", primary="#0b3d91", success="#0f7466", warning="#80650a", error="#6b1d00"
    ),
}

_DARK_16 = Palette(
    ground="#000000",
    surface="#000000",
    panel="#000000",
    text="#ffffff",
    muted="#aaaaaa",
    primary="#55ffff",
    secondary="#aaaaaa",
    success="#55ff55",
    warning="#ffff55",
    error="#ff5555",
    marked="#0000aa",
)
_LIGHT_16 = Palette(
    ground="#ffffff",
    surface="#ffffff",
    panel="#ffffff",
    text="#000000",
    muted="#555555",
    primary="#0000aa",
    secondary="#555555",
    success="#0000aa",
    warning="#aa5500",
    error="#aa0000",
    marked="#55ffff",
    is_dark=False,
)

PALETTES_16: dict[str, Palette] = {
    "dark": _DARK_16,
    "light": _LIGHT_16,
    "high-contrast": msgspec.structs.replace(_DARK_16, muted="#ffffff", secondary="#ffffff", primary="#ffff55"),
    "colour-blind": _DARK_16,
    "colour-blind-light": _LIGHT_16,
}
"""In exactly the 16 colours that Rich knows; green is not to be read on white, so what is well is blue there."""


def theme(name: str, palette: Palette) -> Theme:
    """A palette as Textual's theme, with what would be blended there set to what can be read."""
    cursor = {"background": palette.primary, "foreground": palette.ground}
    return Theme(
        name=name,
        primary=palette.primary,
        secondary=palette.secondary,
        accent=palette.primary,
        success=palette.success,
        warning=palette.warning,
        error=palette.error,
        foreground=palette.text,
        background=palette.ground,
        surface=palette.surface,
        panel=palette.panel,
        dark=palette.is_dark,
        variables={
            "text-muted": palette.muted,
            "foreground-muted": palette.muted,
            "border": palette.primary,
            "border-blurred": _frame(palette),
            **{f"block-cursor-{part}": colour for part, colour in cursor.items()},
            "block-cursor-blurred-background": palette.marked,
            "block-cursor-blurred-foreground": palette.text,
            **{f"input-cursor-{part}": colour for part, colour in cursor.items()},
            "input-selection-background": palette.marked,
            "input-selection-foreground": palette.text,
            "screen-selection-background": palette.marked,
            "screen-selection-foreground": palette.text,
            "button-color-foreground": palette.ground,
            "footer-background": palette.panel,
            "footer-key-foreground": palette.primary,
            "footer-description-foreground": palette.muted,
            "scrollbar": palette.muted,
            "scrollbar-hover": palette.text,
            "scrollbar-active": palette.primary,
            "scrollbar-background": palette.panel,
            "scrollbar-corner-color": palette.panel,
            "link-color": palette.primary,
            "link-color-hover": palette.ground,
            "link-background-hover": palette.primary,
        },
    )


def _frame(palette: Palette) -> str:
    """The colour of frames: seen on every ground, and quieter than what they are around."""
    if palette.panel == palette.ground:  # 16 colours
        return palette.muted
    return Color.parse(palette.ground).blend(Color.parse(palette.muted), 0.45).hex


def register_themes(app: App[Any]) -> None:
    """Make the themes known to the app, as fine as its terminal's colours are; Textual's own stay there."""
    palettes = PALETTES_16 if app.console.color_system == "standard" else PALETTES
    for name, palette in palettes.items():
        app.register_theme(theme(name, palette))
