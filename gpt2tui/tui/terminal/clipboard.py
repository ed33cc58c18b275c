"""Text on its way to the clipboard."""

from __future__ import annotations

import unicodedata

from gpt2tui.text import visible


def harmless(text: str) -> str:
    """The text as it is, but for control characters, which steer the terminal that it is pasted into."""
    return "".join(
        visible(character) if unicodedata.category(character) == "Cc" and character not in "\n\t" else character
        for character in text
    )
