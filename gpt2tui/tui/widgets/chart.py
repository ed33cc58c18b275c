"""The chart of a run's losses: it can be zoomed, moved and read, and another run laid over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding

from gpt2tui.tui.widgets.drawn_chart import DrawnChart

if TYPE_CHECKING:
    from gpt2tui.tui.chart.plot import Plot

_ZOOM = 2.0
_WHEEL = 1.25
_PAN = 1 / 8


class LossChart(DrawnChart, can_focus=True):
    """The chart with its keys and the mouse. All actions can be called by a screen that takes the keys itself."""

    BINDINGS: ClassVar = [
        Binding("y", "toggle_log", "Log", id="chart.log", tooltip="Logarithmic or linear losses"),
        Binding("u", "cycle_x", "X axis", id="chart.x_axis", tooltip="Steps, tokens, passes or time"),
        Binding("plus,equals_sign", "zoom_in", "Zoom in", id="chart.zoom_in", show=False, tooltip="See half as much"),
        Binding("minus", "zoom_out", "Zoom out", id="chart.zoom_out", show=False, tooltip="See twice as much"),
        Binding("0", "show_all", "All", id="chart.show_all", show=False, tooltip="The whole curve, following"),
        Binding("left", "left", "Left", id="chart.left", show=False, tooltip="Move the view, or the reading cursor"),
        Binding(
            "right", "right", "Right", id="chart.right", show=False, tooltip="Move the view, or the reading cursor"
        ),
        Binding("shift+left", "half_left", "Half left", id="chart.half_left", show=False, tooltip="Half a view back"),
        Binding("shift+right", "half_right", "Half right", id="chart.half_right", show=False, tooltip="Half a view on"),
        Binding("end", "follow", "End", id="chart.follow", show=False, tooltip="To the end, and follow it"),
        Binding("v", "toggle_cursor", "Read", id="chart.read", tooltip="A cursor that reads values"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._dragged_from: int | None = None

    # Keys

    def action_toggle_log(self) -> None:
        """Draw losses on the other scale."""
        self._change(lambda plot: plot.toggle_log())

    def action_cycle_x(self) -> None:
        """The next unit of x."""
        self._change(lambda plot: plot.cycle_x())

    def action_zoom_in(self) -> None:
        """See half as much, about the cursor or the right edge."""
        self._change(lambda plot: plot.zoom(1 / _ZOOM))

    def action_zoom_out(self) -> None:
        """See twice as much."""
        self._change(lambda plot: plot.zoom(_ZOOM))

    def action_show_all(self) -> None:
        """See the whole run, and follow it."""
        self._change(lambda plot: plot.show_all())

    def action_follow(self) -> None:
        """Go to the end of the run, and follow it."""
        self._change(lambda plot: plot.follow())

    def action_left(self) -> None:
        """Move the reading cursor or else the window."""
        self._change(lambda plot: plot.move_cursor(-1) if self.is_reading else plot.pan(-_PAN))

    def action_right(self) -> None:
        """Move the reading cursor or else the window."""
        self._change(lambda plot: plot.move_cursor(1) if self.is_reading else plot.pan(_PAN))

    def action_half_left(self) -> None:
        """Move the window by half of it."""
        self._change(lambda plot: plot.pan(-0.5))

    def action_half_right(self) -> None:
        """Move the window by half of it."""
        self._change(lambda plot: plot.pan(0.5))

    def action_toggle_cursor(self) -> None:
        """Show the reading cursor, or hide it."""
        self._change(lambda plot: plot.toggle_cursor())

    def _change(self, change: Callable[[Plot], None]) -> None:
        if self._plot:
            change(self._plot)
            self._draw()

    # Mouse

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._change(lambda plot: plot.zoom(1 / _WHEEL, column=self._column(event)))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._change(lambda plot: plot.zoom(_WHEEL, column=self._column(event)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self._plot:
            self._dragged_from = column = self._column(event)
            self.capture_mouse()
            self._change(lambda plot: plot.point_at(column))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        before, column = self._dragged_from, self._column(event)
        if before is None:
            return
        self._dragged_from = column
        if self.is_reading:
            self._change(lambda plot: plot.point_at(column))
        elif column != before:
            self._change(lambda plot: plot.pan((before - column) / max(1, self.size.width)))

    def on_mouse_up(self) -> None:
        if self._dragged_from is not None:
            self._dragged_from = None
            self.release_mouse()

    def _column(self, event: events.MouseEvent) -> int:
        return int(event.x) - self.gutter.left
