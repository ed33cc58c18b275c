"""A choice of a few that takes letters."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Blur, Key
from textual.widgets import Select


class ChoiceField(Select[str]):
    """Textual's list, which also takes what is typed while it is closed: the choice that begins so.

    A letter that leads nowhere begins anew; typed again it goes on to the next choice that begins with it.
    """

    def __init__(self, choices: Sequence[tuple[str, str]], value: str) -> None:
        super().__init__(choices, value=value, allow_blank=False, compact=True, classes="control")
        self._names = [name for _, name in choices]
        self._typed = ""

    def on_key(self, event: Key) -> None:
        letter = (event.character or "").lower()
        if self.expanded or not event.is_printable or letter.isspace():
            return
        for typed in (self._typed + letter, letter):
            if fitting := [name for name in self._names if name.lower().startswith(typed)]:
                event.stop()
                is_next = self._typed == typed == letter and self.value in fitting
                place = fitting.index(str(self.value)) + 1 if is_next else 0
                self.value = fitting[place % len(fitting)]
                self._typed = typed
                return

    def on_blur(self, event: Blur) -> None:
        self._typed = ""
