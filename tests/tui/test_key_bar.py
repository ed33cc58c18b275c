"""The keys below every screen."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Footer, Input
from textual.widgets._footer import FooterKey

from gpt2tui.tui.widgets.key_bar import KeyBar


class _BarApp(App[None]):
    BINDINGS: ClassVar = [
        Binding("f2", "one", "One", tooltip="the first"),
        Binding("f3,f4", "two", "Two"),
        Binding("f5", "three", "Three", show=False),
        Binding("f6", "four", "Four"),
    ]
    is_on: bool | None = True

    def compose(self) -> ComposeResult:
        yield Input(id="first")
        yield Input(id="second")
        yield KeyBar()
        yield Footer(show_command_palette=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.is_on if action == "four" else True

    def keys(self, bar: type[Footer]) -> list[FooterKey]:
        footer = next(found for found in self.query(Footer) if type(found) is bar)
        return list(footer.query(FooterKey))

    def told(self, bar: type[Footer]) -> list[tuple[str, str, bool, object, set[str], int]]:
        return [
            (key.key_display, key.description, key._disabled, key.tooltip, set(key.classes), key.region.width)
            for key in self.keys(bar)
        ]


@pytest.mark.parametrize("is_on", [True, None, False], ids=["on", "off", "away"])
async def test_it_shows_what_textuals_footer_would(is_on):
    app = _BarApp()
    async with app.run_test() as pilot:
        app.is_on = is_on
        app.refresh_bindings()
        await pilot.pause()
        assert "Two" in [description for _, description, *_ in app.told(KeyBar)]
        assert app.told(KeyBar) == app.told(Footer)


async def test_its_keys_stay_until_one_of_them_is_another():
    app = _BarApp()
    async with app.run_test() as pilot:
        await pilot.pause()
        before = app.keys(KeyBar)
        await pilot.press("tab")
        await pilot.pause()
        assert app.focused is app.query_one("#second")
        assert app.keys(KeyBar) == before
        app.is_on = False
        app.refresh_bindings()
        await pilot.pause()
        assert len(app.keys(KeyBar)) == len(before) - 1
