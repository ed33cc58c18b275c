"""Lists and buttons in which keys act in the order in which they were pressed."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Self

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Button, Select
from textual.widgets._select import SelectOverlay

from gpt2tui.tui.widgets.ordered_keys import OrderedKeys


class OrderedButton(Button, inherit_bindings=False):
    """Pressed before the next key is looked at, and never by an enter that was meant for something else."""

    BINDINGS: ClassVar = [Binding("enter", "press", "Press button", show=False, priority=True)]


class _Overlay(OrderedKeys, SelectOverlay):
    """Takes what is under its cursor before it is left."""

    def focus(self, scroll_visible: bool = True) -> Self:
        """At once: Textual's comes late, and would take the keys back."""
        self.screen.set_focus(self, scroll_visible)
        return self


class Choice(Select[str], inherit_bindings=False):
    """Opens before the next key is looked at, and takes no focus back that went on meanwhile."""

    BINDINGS: ClassVar = [Binding("enter,down,space,up", "show_overlay", "Show menu", show=False, priority=True)]

    def compose(self) -> ComposeResult:
        """Textual's, with a list that keeps its keys in order."""
        for widget in super().compose():
            yield _Overlay().data_bind(compact=Select.compact) if isinstance(widget, SelectOverlay) else widget

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The open list has other uses for these keys."""
        return action != "show_overlay" or self.screen.focused is self

    async def action_show_overlay(self) -> None:  # type: ignore[override]
        """Open the list, and let tab find its way from it: that it does when all is laid out."""
        super().action_show_overlay()
        is_laid_out = asyncio.Event()
        self.call_after_refresh(is_laid_out.set)
        await is_laid_out.wait()

    @on(SelectOverlay.UpdateSelection)
    def _take(self, event: SelectOverlay.UpdateSelection) -> None:
        event.stop()
        event.prevent_default()
        self.value = self._options[event.option_index][1]
        self._close()

    @on(SelectOverlay.Dismiss)
    def _dismissed(self, event: SelectOverlay.Dismiss) -> None:
        event.stop()
        event.prevent_default()
        self._close()

    def _close(self) -> None:
        if self.screen.focused is self.query_one(SelectOverlay):
            self.screen.set_focus(self)
        self.expanded = False
