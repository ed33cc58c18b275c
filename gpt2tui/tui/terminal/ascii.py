"""What Textual itself draws with more than ASCII, drawn without."""

from __future__ import annotations

from typing import ClassVar

from textual.scrollbar import ScrollBar, ScrollBarRender


class AsciiScrollBarRender(ScrollBarRender):
    """A scroll bar that moves by whole characters."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def draw_scroll_bars(*, is_ascii: bool) -> None:
    """How all scroll bars are drawn from now on; Textual keeps that in a class."""
    ScrollBar.renderer = AsciiScrollBarRender if is_ascii else ScrollBarRender
