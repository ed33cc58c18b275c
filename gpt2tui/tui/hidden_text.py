"""Characters without a glyph in a field: they stay what they are, and are seen as a mark of one cell.

A no-break space or a joiner is text that a model may have learnt: what is typed or pasted must come to it as it is. A
control character is none, and is written out.
"""

from __future__ import annotations

import unicodedata

from rich.text import Text

from gpt2tui.text import MARK, visible

_STAND_IN, _LAST = 0xF0000, 0xFFFD
"""A private character for each of the first plane, as wide as its mark: a field of several lines measures its text
where nothing else can be shown for it.
"""


def typed_text(text: str, *, keep: str = "") -> str:
    """What is typed or pasted, with control characters and surrogates written out."""
    return "".join(character if character in keep or _is_text(character) else visible(character) for character in text)


def is_hidden_text(character: str | None) -> bool:
    """Whether it is text though no terminal would show it: Textual takes no such key."""
    return character is not None and len(character) == 1 and not character.isprintable() and _is_text(character)


def with_stand_ins(text: str) -> str:
    """Each character without a glyph as its stand-in; those of other planes have none, and are written out."""
    return "".join(_stand_in(character) if _is_hidden(character) else character for character in text)


def without_stand_ins(text: str) -> str:
    """The text itself."""
    return "".join(chr(ord(c) - _STAND_IN) if 0 <= ord(c) - _STAND_IN <= _LAST else c for c in text)


def marked(text: str) -> Text:
    """The text as it can be shown: as many characters, marks where they or their stand-ins have no glyph."""
    hidden = [index for index, character in enumerate(text) if _is_hidden(character)]
    shown = Text("".join(MARK if _is_hidden(character) else character for character in text), no_wrap=True, end="")
    for index in hidden:
        shown.stylize("underline", index, index + 1)
    return shown


def _is_text(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


def _is_hidden(character: str) -> bool:
    return not character.isprintable() and unicodedata.category(character) != "Zs" and character not in "\n\t"


def _stand_in(character: str) -> str:
    return chr(_STAND_IN + ord(character)) if ord(character) <= _LAST else visible(character)
