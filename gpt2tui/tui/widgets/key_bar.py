"""The last line of every screen: the keys that mean something now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

_Key = tuple[str, str, str, str, bool, str]
"""The parameters of a ``FooterKey``: key, how it is shown, what it does, its action, whether it is off, its tooltip."""


class KeyBar(Footer):
    """Textual's footer, but the keys stay as they are until one of them is another.

    Textual's makes all of them anew whenever the focus moves, and changes the look of each twice.
    """

    _keys: tuple[_Key, ...] = ()

    def compose(self) -> ComposeResult:
        for parameters in self._keys:
            key = FooterKey(*parameters)
            key.set_reactive(FooterKey.compact, False)
            yield key

    async def recompose(self) -> None:
        """Show the keys of now, one for each action; nothing is done where they are shown already."""
        if (keys := self._live_keys()) != self._keys:
            self._keys = keys
            await super().recompose()

    def _live_keys(self) -> tuple[_Key, ...]:
        live: dict[str, _Key] = {}
        for _, binding, is_enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in live:
                shown = self.app.get_key_display(binding)
                live[binding.action] = (
                    binding.key,
                    shown,
                    binding.description,
                    binding.action,
                    not is_enabled,
                    tooltip,
                )
        return tuple(live.values())
