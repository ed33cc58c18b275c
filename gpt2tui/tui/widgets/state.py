"""How a state looks: a sign, a word and a colour, so that none of them is needed alone."""

from __future__ import annotations

from typing import Protocol

from textual.content import Content

from gpt2tui.runs.events import RunFinished
from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import state_words
from gpt2tui.tui.glyphs import Glyphs

_COLOURS: dict[State, str] = {
    "training": "$success",
    "paused": "$warning",
    "stalled": "$error",
    "crashed": "$error",
    "gone": "$error",
    "finished": "$primary",
    "new": "$foreground-muted",
}
_BAD_ENDS = ("diverged", "out_of_memory", "failed")


class HasEnd(Protocol):
    """What a view and an entry of the ledger have in common."""

    @property
    def finished(self) -> RunFinished | None: ...


def state_colour(view: HasEnd, state: State) -> str:
    """The theme variable of a state."""
    if state == "finished" and view.finished:
        if view.finished.reason == "target_reached":
            return "$success"
        if view.finished.reason in _BAD_ENDS:
            return "$error"
    return _COLOURS.get(state, "$accent")


def state_sign(view: HasEnd, state: State, glyphs: Glyphs) -> str:
    """The sign of a state."""
    if state == "finished" and view.finished:
        if view.finished.reason == "target_reached":
            return glyphs.good
        return glyphs.bad if view.finished.reason in _BAD_ENDS else glyphs.resting
    if state in ("stalled", "crashed", "gone"):
        return glyphs.bad
    return glyphs.resting if state in ("paused", "new") else glyphs.living


def state_label(view: RunView, state: State, glyphs: Glyphs) -> Content:
    """Sign and word, coloured."""
    words = f"{state_sign(view, state, glyphs)} {state_words(view, state)}"
    return Content.styled(words, f"bold {state_colour(view, state)}")
