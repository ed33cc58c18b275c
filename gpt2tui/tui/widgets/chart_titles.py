"""What stands in the frame of a chart: the legend above, what the cursor reads below."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from gpt2tui.tui.chart.inks import Signs

NAME = 24
"""Characters of another run's name."""


def legend(kinds: Sequence[str], signs: Signs, *, is_log: bool, overlay: str, width: int) -> Content:
    """The scale, and sign and name of each kind of curve or mark, in its colour; as many as fit."""
    known = {
        "raw": (signs.raw, "batch", "$primary 65%"),
        "mean": (signs.mean, "running", "$primary"),
        "corpus": (signs.corpus, "corpus", "$success"),
        "validation": (signs.validation, "validation", "$foreground"),
        "overlay": (signs.overlay, overlay[:NAME], "$warning"),
    }
    scale = Content.styled(f"loss, {'log' if is_log else 'linear'}", "$foreground")
    parts: dict[str, Content] = {}
    room = width - scale.cell_length
    for kind in sorted(kinds, key=lambda kind: kind != "overlay"):  # the name of another run is needed most
        sign, name, colour = known[kind]
        # What is fainter than the accent can be seen as a curve, and not be read.
        words = "$text-muted" if kind == "raw" else colour
        part = Content.styled(f"  {sign}", colour) + Content.styled(f" {name}", words)
        if part.cell_length <= room:
            parts[kind] = part
            room -= part.cell_length
    return Content.assemble(scale, *(parts[kind] for kind in kinds if kind in parts))


def reading(parts: Sequence[str], separator: str, *, width: int) -> Content:
    """The parts in their order, as many as fit."""
    found = Content("")
    for part in parts:
        longer = found + Content(separator if found else "") + Content(part)
        if longer.cell_length <= width:
            found = longer
    return found.stylize("$foreground")
