"""The keys that a person chose: ``[keymap]`` of the TOML file, a binding's id = its keys, checked."""

from __future__ import annotations

import importlib
import pkgutil
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, format_key, key_to_character

from gpt2tui.text import one_line
from gpt2tui.tui.settings import did_you_mean

_HOUSE = "gpt2tui.tui"
_EVERYWHERE = "app"
_MODIFIERS = {"ctrl", "alt", "shift", "super", "hyper", "meta"}
_NAMED_KEYS = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values()) | {"space", "backspace", "delete"}


def all_bindings() -> list[Binding]:
    """Every binding of the app that has an id, one a key; imports all there is of the app."""
    package = importlib.import_module(_HOUSE)
    for module in pkgutil.walk_packages(package.__path__, f"{_HOUSE}."):
        importlib.import_module(module.name)
    found = [
        binding
        for node in _subclasses(DOMNode)
        if node.__module__.startswith(_HOUSE)
        for binding in Binding.make_bindings(node.__dict__.get("BINDINGS", ()))
    ]
    return [binding for binding in found if binding.id]


def check_keymap(keymap: Mapping[str, Any], bindings: Collection[Binding]) -> tuple[dict[str, str], list[str]]:
    """What of a keymap can be used (a binding's id and its keys, for ``App.set_keymap``), and lines about the rest."""
    ids = {binding.id for binding in bindings if binding.id}
    usable: dict[str, str] = {}
    problems: list[str] = []
    for id_, value in keymap.items():
        name = one_line(id_)
        if id_ not in ids:
            problems.append(f"[keymap] there is no binding {name}{did_you_mean(id_, ids)}")
        elif not isinstance(value, str) or not value.strip(" ,"):
            problems.append(f'[keymap] {name} must be keys such as "p" or "p,ctrl+p"')
        elif wrong := [key for key in _split(value) if not _is_key(key)]:
            problems.append(f"[keymap] {name}: there is no key {one_line(wrong[0])}; a key is p, f5, ctrl+p or space")
        else:
            usable[id_] = ",".join(_split(value))
    while clash := _clash(usable, bindings):
        one, other, key = clash
        del usable[one]
        problems.append(f"[keymap] {one}: {format_key(key)} is already the key of {other}; ignored")
    return usable, problems


def whole_keymap(keymap: Mapping[str, str], bindings: Collection[Binding]) -> dict[str, str]:
    """The same, with what else was on the keys that are given up: Textual would take these from it as well."""
    ids = {binding.id for binding in bindings if binding.id}
    whole, waiting = dict(keymap), list(keymap)
    while waiting:
        given_up = waiting.pop()
        for id_ in sorted(ids - whole.keys()):
            if _meet(id_, given_up) and _take_turns(id_, given_up, bindings):
                whole[id_] = ",".join(_usual_keys(id_, bindings))
                waiting.append(id_)
    return whole


def _clash(keymap: Mapping[str, str], bindings: Collection[Binding]) -> tuple[str, str, str] | None:
    """A chosen key that has another meaning in the same place: its binding, the other, and the key."""
    chosen = [(id_, key) for id_, keys in keymap.items() for key in keys.split(",")]
    kept = [(binding.id, binding.key) for binding in bindings if binding.id and binding.id not in keymap]
    # Of two chosen ones the later is at fault.
    for index, (id_, key) in reversed(list(enumerate(chosen))):
        for other, of in (*kept, *chosen[:index]):
            if of == key and other != id_ and _meet(id_, other) and not _take_turns(id_, other, bindings):
                return id_, other, key
    return None


def _meet(one: str, other: str) -> bool:
    """Whether both are active at once: the first word of an id is a screen, a layer or a widget, or all of the app."""
    places = {one.partition(".")[0], other.partition(".")[0]}
    return len(places) == 1 or _EVERYWHERE in places


def _take_turns(one: str, other: str, bindings: Collection[Binding]) -> bool:
    """Whether they are on one key as it is, so that never both can be done."""
    return not set(_usual_keys(one, bindings)).isdisjoint(_usual_keys(other, bindings))


def _usual_keys(id_: str, bindings: Collection[Binding]) -> list[str]:
    return [binding.key for binding in bindings if binding.id == id_]


def _split(keys: str) -> list[str]:
    """The keys as bindings spell them: ``?`` is ``question_mark``."""
    return [binding.key for binding in Binding.make_bindings([Binding(_spaced(keys), "", "")])]


def _spaced(keys: str) -> str:
    return ",".join(part.strip() for part in keys.split(",") if part.strip())


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+")
    if not set(modifiers) <= _MODIFIERS:
        return False
    if last in _NAMED_KEYS or (len(last) == 1 and unicodedata.category(last)[0] in "LNPS"):
        return True
    return not modifiers and (key in _NAMED_KEYS or key_to_character(key) is not None)


def _subclasses(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    seen: set[type[DOMNode]] = set()
    waiting = [kind]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting += node.__subclasses__()
