"""What ``NO_COLOR`` asks for: no colours at all, while what they told is still to be seen."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_TELLING = 2.0
"""A ground that differs so much from the app's own (as a contrast) tells something: a cursor, a selection."""

_REVERSED = Style(reverse=True)


class Colourless(LineFilter):
    """Drops colours; what stands on a telling ground is shown in reverse.

    Textual's own filter for ``NO_COLOR`` sends shades of grey, which are colours to a terminal.
    """

    def __init__(self, ground: str, telling: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._ground = Color.parse(ground)
        self._telling = frozenset(Color.parse(colour).rgb for colour in telling)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colours."""
        return [
            Segment(text, style and _without_colours(style, self._ground, self._telling), control)
            for text, style, control in segments
        ]


@lru_cache(64)
def colourless(ground: str | None, telling: frozenset[str] = frozenset()) -> Colourless:
    """The filter for a theme's ground, the same one each time: what it made of a line is kept by it.

    ``telling`` are grounds that tell something however little they differ.
    """
    return Colourless(ground or "#000000", telling)


@lru_cache(1024)
def _without_colours(style: Style, ground: Color, telling: frozenset[tuple[int, int, int]]) -> Style:
    is_telling = style.bgcolor is not None and not style.bgcolor.is_default
    if is_telling:
        assert style.bgcolor is not None
        behind = Color.from_rich_color(style.bgcolor)
        is_telling = behind.rgb in telling or contrast(behind, ground) > _TELLING
    plain = style.without_color
    return plain + _REVERSED if is_telling and not style.reverse else plain


def contrast(one: Color, other: Color) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted(_luminance(color) for color in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
