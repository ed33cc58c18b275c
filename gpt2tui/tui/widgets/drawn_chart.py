"""A run's losses as a picture that is drawn anew where something changed."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import work
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from gpt2tui.runs.events import Evaluated
from gpt2tui.runs.follower import Follower
from gpt2tui.text import one_line
from gpt2tui.tui.chart.inks import ASCII, UNICODE, Ink
from gpt2tui.tui.widgets.chart_titles import legend, reading

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp
    from gpt2tui.tui.chart.picture import Picture
    from gpt2tui.tui.chart.plot import Plot, Source

_INKS = tuple(ink.name.lower() for ink in Ink if ink is not Ink.BLANK)
_ENDS = 4
"""Cells of the frame that a title leaves: a corner and a space on each side."""


class ChartSource:
    """A run as the chart takes it: its series, and what its journal tells."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self.path = follower.run.series_file
        self.name = one_line(follower.run.name())

    @property
    def evaluations(self) -> list[Evaluated]:
        return self._follower.view.evaluations

    @property
    def target_loss(self) -> float | None:
        return self._follower.view.target_loss


class DrawnChart(Widget):
    """Loss over steps, tokens, passes or time.

    ``show`` and ``overlay`` say what is drawn, ``refresh_data`` takes in what was written since.
    """

    app: Gpt2TuiApp

    class Ready(Message):
        """What it draws with is loaded, and the first run drawn."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"chart--{ink}" for ink in _INKS}
    DEFAULT_CSS: ClassVar[str] = """
    DrawnChart {
        & > .chart--axis { color: $text-muted; }
        & > .chart--target { color: $success; }
        & > .chart--cursor { color: $foreground; }
        & > .chart--raw { color: $primary 65%; }
        & > .chart--overlay { color: $warning; }
        & > .chart--mean { color: $primary; text-style: bold; }
        & > .chart--validation { color: $foreground; }
        & > .chart--corpus { color: $success; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._source: Source | None = None
        self._other: Source | None = None
        self._plot: Plot | None = None
        self._is_loading = False
        self._strips: list[Strip] = []
        self._titles: tuple[str, str] = ("", "")

    # What is shown

    def show(self, source: Source | None) -> None:
        """Draw another run, or the same one anew."""
        self._source = source
        if source and not self._is_loading:
            self._is_loading = True
            # Once there is something to draw, and after the app's first frame: a widget's own callback comes
            # within Textual's batch of the start, the app's first one before the frame is written.
            self.app.call_after_refresh(self.app.call_after_refresh, self._load)
        self._take_in()

    def overlay(self, source: Source | None) -> None:
        """Lay another run's mean over it, or take it away."""
        self._other = source
        self._take_in()

    def refresh_data(self) -> bool:
        """Take in what was written since and draw it; whether there was anything."""
        if not self._plot or not self._plot.refresh():
            return False
        self._draw()
        return True

    @property
    def is_ready(self) -> bool:
        """Whether it can draw: what it draws with is loaded after the app's first paint."""
        return self._plot is not None

    @work
    async def _load(self) -> None:
        module = await asyncio.to_thread(import_module, "gpt2tui.tui.chart.plot")
        self._plot = module.Plot(is_ascii=self.app.glyphs.is_ascii)
        self._take_in()
        self.post_message(self.Ready())

    def _take_in(self) -> None:
        if self._plot:
            self._plot.show(self._source, self._other)
            self._draw()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """A line of the picture as it was last drawn."""
        if y < len(self._strips) and self._strips[y].cell_length == self.size.width:
            return self._strips[y]
        return Strip.blank(self.size.width, self.visual_style.rich_style)

    def notify_style_update(self) -> None:
        """Another theme, or the focus: the same picture in other colours."""
        super().notify_style_update()
        if self.is_mounted:
            self.call_after_refresh(self._draw)  # when the styles of its parts are the new ones, too

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if not self._plot or width < 1 or height < 1:
            self._strips = []  # another run may be shown here next
            return
        picture = self._plot.draw(width, height)
        strips = self._strips_of(picture) if picture else []
        if self._set_titles(self._plot) or len(strips) != len(self._strips):
            self._strips = strips
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(self._strips, strips, strict=True)) if old != new]
        self._strips = strips
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _strips_of(self, picture: Picture) -> list[Strip]:
        styles = [self.visual_style.rich_style, *(self.get_component_rich_style(f"chart--{ink}") for ink in _INKS)]
        width = picture.canvas.columns
        return [
            Strip([Segment(text, styles[style]) for text, style in pieces], width) for pieces in picture.canvas.lines()
        ]

    def _set_titles(self, plot: Plot) -> bool:
        """Write the legend above the picture and the reading below it; whether they changed."""
        width = self.size.width - _ENDS
        signs = ASCII if self.app.glyphs.is_ascii else UNICODE
        overlay = self._other.name if self._other else ""
        kinds = ("raw", "mean", *plot.legend())
        title = legend(kinds, signs, is_log=plot.is_log, overlay=overlay, width=width)
        read = reading(plot.reading(), self.app.glyphs.separator, width=width)
        if (titles := (title.markup, read.markup)) == self._titles:
            return False
        self._titles = titles
        self.border_title, self.border_subtitle = title, read
        return True

    @property
    def is_reading(self) -> bool:
        """Whether the reading cursor is there."""
        return self._plot is not None and self._plot.cursor is not None
