"""The command palette: what can be done on the screen below just now, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from gpt2tui.tui.live_bindings import LiveBinding, live_bindings, shown_keys
from gpt2tui.tui.palettes import PALETTES


class LiveCommands(Provider):
    """An entry for every live binding that is enabled, and one for every theme but the present one."""

    async def discover(self) -> Hits:
        """All entries but Textual's own themes, which are many."""
        for name, meaning, act in self._entries():
            if not name.startswith(_THEME) or name.removeprefix(_THEME) in PALETTES:
                yield DiscoveryHit(name, act, help=meaning)

    async def search(self, query: str) -> Hits:
        """The entries that fit what was typed."""
        matcher = self.matcher(query)
        for name, meaning, act in self._entries():
            if (match := matcher.match(name)) > 0:
                yield Hit(match, matcher.highlight(name), act, help=meaning)

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        for live in sorted(live_bindings(self.screen), key=_place):
            if live.is_enabled and live.binding.id:
                keys = shown_keys(live, self.app)
                meaning = f"{live.binding.tooltip} ({keys})" if live.binding.tooltip else keys
                yield live.binding.description, meaning, partial(self.app.run_action, live.binding.action, live.node)
        # The app's own themes first.
        for name in sorted(self.app.available_themes, key=lambda name: (name not in PALETTES, name)):
            if name != self.app.theme:
                yield f"{_THEME}{name}", "How the app looks", partial(setattr, self.app, "theme", name)


def _place(live: LiveBinding) -> tuple[bool, bool, bool]:
    """The screen's own first, of these what its footer shows; moving about within a widget after that."""
    return live.place == "app", not live.binding.show, live.place != "screen"


_THEME = "Theme: "
