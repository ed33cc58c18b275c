"""Turns one below the other: the one that is written is followed, and what is read keeps its place."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.geometry import Region, Size, clamp
from textual.layout import DockArrangeResult
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from gpt2tui.tui.widgets.turn import TurnView


class FollowedTurns(VerticalScroll):
    """Follows the turn that is written, until somebody scrolls away; where its end can be seen it follows again.

    The last turn is followed as Textual does it, by the end of all. One above others is followed by its own end.
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._above: TurnView | None = None
        """The turn that was put in its place above others, the newest of all."""
        self._is_above_followed = self._is_above_new = False
        self._top: tuple[TurnView, int] | None = None
        """The turn at the upper edge and its first character that can be seen."""

    @property
    def views(self) -> list[TurnView]:
        """All turns, the oldest first."""
        return list(self.query_children(TurnView))

    @property
    def window_region(self) -> Region:
        """What can be seen, in the coordinates of the turns."""
        return Region(0, round(self.scroll_y), self.size.width, self.size.height)

    def follow_last(self) -> None:
        """Follow what is written at the end."""
        self._above = None
        self.anchor()

    def follow_above(self, view: TurnView) -> None:
        """Follow what is written in a turn above others."""
        self._above = view
        self._is_above_followed = self._is_above_new = True

    @property
    def is_following(self) -> bool:
        """Whether it scrolls by itself to what is written."""
        return self._is_at_end or (self._above is not None and self._is_above_followed)

    @property
    def _is_at_end(self) -> bool:
        return self.is_anchored and not self._anchor_released

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Place the turns, and scroll in the same frame, so that none shows the text without its end."""
        result = super().arrange(size, optimal)
        if self._above and self._is_above_followed:
            place = next((one.region for one in result.placements if one.widget is self._above), None)
            if place:
                self._follow(place, size.height, result.total_region.bottom)
        return result

    def _follow(self, place: Region, height: int, end: int) -> None:
        if self._is_at_end:
            if place.bottom > end - height:
                return  # what is below it has room beside it
            self.release_anchor()
        top = min(self.scroll_y, place.y) if self._is_above_new else self.scroll_y
        self._is_above_new = False
        top = clamp(top, place.bottom - height, place.bottom - 1)
        if top != self.scroll_y:
            self.set_scroll(None, top)
            self.set_reactive(Widget.scroll_target_y, top)
            self.vertical_scrollbar.set_reactive(ScrollBar.position, top)

    def keep_place(self) -> None:
        """What is at the upper edge stays there, whatever the width is now; what is followed goes on being so."""
        if self._top and not self.is_following:
            self.call_after_refresh(self._restore_top, *self._top)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._above and (place := self._above.virtual_region):
            self._is_above_followed = new_value < place.bottom <= new_value + self.size.height
        self._remember_top()

    def _remember_top(self) -> None:
        top = round(self.scroll_y)
        for view in self.views:
            region = view.virtual_region
            if region.y <= top < region.bottom or (self._top is None and region.bottom > top):
                lines = view.turn.text.lines(view.content_size.width)
                self._top = (view, lines[min(len(lines) - 1, max(0, top - region.y))].start)
                return

    def _restore_top(self, view: TurnView, character: int) -> None:
        if view.is_attached:
            line = view.turn.text.line_of(character, view.content_size.width)
            self.scroll_to(y=view.virtual_region.y + line, animate=False, force=True)
