"""What the tints of the tokens mean."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from gpt2tui.tui.widgets.turn import TINTS


class Legend(Widget):
    """One line: a patch of each tint and the probabilities it stands for."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"legend--tint-{level}" for level in range(1, len(TINTS) + 1)}

    def render(self) -> Text:
        text = Text("probability", no_wrap=True, overflow="crop")
        text.append(f"  {100 * TINTS[0]:.0f} % and more")
        edges = [*TINTS, 0.0]
        for level in range(1, len(TINTS) + 1):
            words = f"from {100 * edges[level]:.0f} %" if edges[level] else f"below {100 * edges[level - 1]:.0f} %"
            text.append("  ")
            text.append(f" {words} ", Style() + self.get_component_rich_style(f"legend--tint-{level}"))
        return text
