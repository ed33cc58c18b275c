"""What can be done now: the bindings of the focused widget, its screen and the app, by what they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import msgspec
from textual import actions
from textual.app import App
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

Place = Literal["editing", "here", "screen", "app"]
"""A field of Textual's own, a widget, the screen, or everywhere."""

_SCROLLING = {
    "scroll_up": "Up",
    "scroll_down": "Down",
    "scroll_left": "Left",
    "scroll_right": "Right",
    "scroll_home": "Top",
    "scroll_end": "Bottom",
    "page_up": "Page up",
    "page_down": "Page down",
    "page_left": "Page left",
    "page_right": "Page right",
}
"""Textual's own, which each widget has; but they do nothing in one that does not scroll that way."""


class LiveBinding(msgspec.Struct, frozen=True):
    """One action, and all keys that mean it. ``is_enabled`` is false where it cannot be done just now."""

    node: Any
    binding: Binding
    keys: tuple[str, ...]
    place: Place
    is_enabled: bool


def live_bindings(screen: Screen[Any]) -> list[LiveBinding]:
    """All that is bound on a screen, from the focused widget outwards, but for what ``check_action`` hides.

    Keys that a focused text field takes for itself are among them: leaving the field is what they need.
    """
    found: dict[tuple[DOMNode, str], LiveBinding] = {}
    taken: set[str] = set()
    for node in _chain(screen):
        here = []
        for key, binding in _bindings_of(node):
            if key in taken or binding.system or not binding.description:
                continue
            if not binding.id and node in (screen, screen.app):
                continue  # Textual's own: tab and the like
            if binding.action in _SCROLLING:
                if not _can_scroll(node, binding.action):
                    continue
                binding = replace(binding, description=_SCROLLING[binding.action])
            here.append(key)
            state = _state(screen, node, binding.action)
            if state is False:
                continue
            known = found.get((node, binding.action))
            keys = (*known.keys, key) if known else (key,)
            first = known.binding if known else binding
            found[node, binding.action] = LiveBinding(node, first, keys, _place(screen, node, binding), bool(state))
        taken.update(here)
    return list(found.values())


def actions_of(key: str, node: DOMNode) -> list[str]:
    """What a key may do by a node's own bindings, be it just now or not."""
    return [binding.action for bound, binding in _bindings_of(node) if bound == key]


def shown_keys(live: LiveBinding, app: App[Any]) -> str:
    """The keys as people know them; in ASCII mode by their names where their signs are not ASCII."""
    shown = [(key, app.get_key_display(live.binding.with_key(key))) for key in live.keys]
    has_ascii = app.has_class("-ascii")
    return ", ".join(key if has_ascii and not sign.isascii() else sign for key, sign in shown)


def _bindings_of(node: DOMNode) -> BindingsMap:
    """A node's bindings by the keys that the person chose."""
    bindings = BindingsMap.merge([node._bindings])
    bindings.apply_keymap(node.app._keymap)
    return bindings


def _chain(screen: Screen[Any]) -> Iterator[DOMNode]:
    if screen.focused is None:
        yield screen
    else:
        yield from (node for node in screen.focused.ancestors_with_self if node is not screen.app)
    if not screen.is_modal:
        yield screen.app


def _place(screen: Screen[Any], node: DOMNode, binding: Binding) -> Place:
    if node is screen.app:
        return "app"
    if node is screen:
        return "screen"
    return "here" if binding.id or binding.action in _SCROLLING else "editing"


def _can_scroll(node: DOMNode, action: str) -> bool:
    if not isinstance(node, Widget):
        return False
    is_sideways = action.endswith(("left", "right"))
    return node.allow_horizontal_scroll if is_sideways else node.allow_vertical_scroll


def _state(screen: Screen[Any], node: DOMNode, action: str) -> bool | None:
    namespace, name, parameters = actions.parse(action)
    target: DOMNode | None = {"app": screen.app, "screen": screen, "focused": screen.focused}.get(namespace, node)
    return target.check_action(name, parameters) if target is not None else False
