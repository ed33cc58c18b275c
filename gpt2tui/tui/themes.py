"""The palettes as themes of Textual, with what would be blended there set to what can be read."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.color import Color
from textual.theme import Theme

from gpt2tui.tui.palettes import PALETTES, PALETTES_16, Palette


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
            "text-disabled": palette.muted,
            "foreground-muted": palette.muted,
            "border": palette.primary,
            "border-blurred": _frame(palette),
            **{f"block-cursor-{part}": colour for part, colour in cursor.items()},
            "block-cursor-blurred-background": palette.chosen,
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
            "chosen": palette.chosen,
            **{f"tint-{level}": getattr(palette, f"tint_{level}") for level in range(1, 5)},
        },
    )


def _frame(palette: Palette) -> str:
    """The colour of frames: seen on every ground, and quieter than what they are around."""
    if palette.panel == palette.ground:  # 16 colours
        return palette.muted
    return Color.parse(palette.ground).blend(Color.parse(palette.muted), 0.45).hex


def own_variables(theme: Theme) -> dict[str, str]:
    """What our style sheets ask for and a theme of Textual's own does not have: mixed from what it has."""
    if "chosen" in theme.variables:
        return {}
    has = theme.to_color_system().generate()
    mixed = (("success", 25), ("warning", 25), ("warning", 40), ("error", 45))
    tints = {f"tint-{level}": f"{has[name]} {share}%" for level, (name, share) in enumerate(mixed, 1)}
    return {"chosen": f"{has['primary']} 25%", **tints}


def register_themes(app: App[Any]) -> None:
    """Make the themes known to the app, as fine as its terminal's colours are; Textual's own stay there, but for those
    in the terminal's own colours: of these nobody knows what can be read on what.
    """
    for name in [name for name in app.available_themes if name.startswith("ansi-")]:
        app.unregister_theme(name)
    palettes = PALETTES_16 if app.console.color_system == "standard" else PALETTES
    for name, palette in palettes.items():
        app.register_theme(theme(name, palette))
