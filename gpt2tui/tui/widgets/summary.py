"""The state of generation in few words: on one line where there is no room for the side panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from gpt2tui.runs.turn_words import rate_words, tokens_words
from gpt2tui.tui.talk.conversation import Conversation
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.turn_notes import seconds_words

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


class Summary(Static):
    """One line; what does not fit is cut off."""

    app: Gpt2TuiApp

    def __init__(self) -> None:
        super().__init__(id="summary", markup=False)
        self._words: list[str] = []

    def show(self, words: Sequence[str]) -> None:
        """Show these words."""
        if list(words) != self._words:
            self._words = list(words)
            self.update(Content.styled(self.app.glyphs.separator.join(words), "$text-muted"))


def hints(conversation: Conversation) -> list[str]:
    """What one should know just now: that a model is loaded, that it goes slowly."""
    if conversation.loaded is None:
        return [words] if (words := conversation.progress()) else []
    is_slow = conversation.place is not None and conversation.place.threads == 1
    return ["one thread beside a training"] if is_slow else []


def device_words(conversation: Conversation) -> list[str]:
    """Where the model is and what it sees, or how far loading is."""
    loaded = conversation.loaded
    where = [loaded.device, loaded.dtype, f"sees {tokens_words(loaded.context)}"] if loaded else []
    return where + hints(conversation)


def speed_words(turn: LiveTurn | None) -> list[str]:
    """How fast a turn was."""
    words = []
    if turn and turn.tokens_per_second:
        words.append(f"{rate_words(turn.tokens_per_second)} tokens/s")
    if turn and turn.seconds_to_first_token is not None:
        words.append(f"first after {seconds_words(turn.seconds_to_first_token)}")
    return words
