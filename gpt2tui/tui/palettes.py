"""The colours of the app's own themes: quiet grounds, one accent, and text that can be read.

On all grounds text has a contrast of at least 7:1 and everything else that is written at least 4.5:1 (WCAG 2.2,
1.4.6 and 1.4.3); a test computes it. A terminal of 16 colours gets the same themes in exactly those colours, since
the nearest of 16 to a fine shade is often one that cannot be read.
"""

from __future__ import annotations

import msgspec

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
    chosen: str
    """The ground of the row under the cursor, where anything is written as on the other grounds."""
    tint_1: str
    """The ground of tokens of 50 % and more; the others are of 20 %, of 5 %, and of less."""
    tint_2: str
    tint_3: str
    tint_4: str
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
    chosen="#243b57",
    tint_1="#2f4536",
    tint_2="#49412a",
    tint_3="#736337",
    tint_4="#8a504d",
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
    chosen="#cfe1f6",
    tint_1="#c2d6c6",
    tint_2="#cdbea1",
    tint_3="#ad9463",
    tint_4="#d28580",
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
        chosen="#40360f",
        tint_1="#1b401b",
        tint_2="#59401a",
        tint_3="#8c652a",
        tint_4="#995e5e",
    ),
    # Okabe and Ito, Color Universal Design (2008), a shade lighter where they are written on a dark ground, and
    # darker on a light one, until no two of the states come near each other for anybody.
    "colour-blind": msgspec.structs.replace(
        _DARK,
        primary="#56b4e9",
        success="#1fc79a",
        warning="#f0e442",
        error="#ee6c2e",
        chosen="#182c44",
        tint_1="#195d4d",
        tint_2="#353520",
        tint_3="#615e28",
        tint_4="#9a387a",
    ),
    "colour-blind-light": msgspec.structs.replace(
        _LIGHT,
        panel="#efede8",
        primary="#0b3d91",
        success="#0f7466",
        warning="#80650a",
        error="#6b1d00",
        chosen="#e3edfa",
        tint_1="#9cc4bd",
        tint_2="#d5cdb0",
        tint_3="#b0a069",
        tint_4="#d370b2",
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
    chosen="#0000aa",
    tint_1="#555555",
    tint_2="#0000aa",
    tint_3="#aa00aa",
    tint_4="#aa0000",
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
    warning="#aa00aa",
    error="#aa0000",
    marked="#55ffff",
    chosen="#55ffff",
    tint_1="#aaaaaa",
    tint_2="#55ffff",
    tint_3="#ffff55",
    tint_4="#ff5555",
    is_dark=False,
)

PALETTES_16: dict[str, Palette] = {
    "dark": _DARK_16,
    "light": _LIGHT_16,
    "high-contrast": msgspec.structs.replace(_DARK_16, muted="#ffffff", secondary="#ffffff", primary="#ffff55"),
    "colour-blind": _DARK_16,
    "colour-blind-light": _LIGHT_16,
}
"""In exactly the 16 colours that Rich knows; green is not to be read on white, so what is well is blue there. No brown:
most terminals make a yellow of it, which is not to be read on white, nor white on it.
"""
