"""Cutting a stream of text where GPT-2's pattern splits it anyway, so that the ids stay the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from gpt2tui.corpus.reading import Chunk
from gpt2tui.errors import CorpusError

PIECE_CHARACTERS = 1 << 20
LONGEST_WORD = 64 << 20

# The second kind of place, for text without blanks: what no version of Unicode calls a letter.
_AFTER_A_LETTER = re.compile("(?<=[^\\W\\d_])[!-@\\[-`{-~\u3001\u3002\uff0c\uff01\uff1f]")
_WINDOW = 1 << 16
_EOT = "<|endoftext|>"


def in_pieces(chunks: Iterable[Chunk], *, label: str, size: int = PIECE_CHARACTERS) -> Iterator[Chunk]:
    """The same text in pieces of about ``size`` characters, whose ids joined are the ids of the whole.

    Each piece carries the bytes of the source that were read when it was made.

    Raises:
        CorpusError: 64 Mi characters without a place to cut, which is one word or one run of blanks.
    """
    held = ""
    wanted = size
    for text, read in chunks:
        held += text
        while len(held) >= wanted:
            cut = last_cut(held)
            if not cut:
                if len(held) > LONGEST_WORD:
                    raise CorpusError(
                        f"{label}: {len(held):,} characters without a break between words; this is no "
                        "text to train on, leave the file out"
                    )
                wanted = 2 * len(held)
                break
            yield Chunk(held[:cut], read)
            held, wanted = held[cut:], size
    if held:
        yield Chunk(held, read)


def last_cut(text: str) -> int:
    """The last place in ``text`` where the pattern certainly splits, whatever comes after; 0 where none is.

    No alternative of the pattern reaches from a character that is no white space to one that is, or from a
    letter to one that is none; and none looks back, so what is right of such a place starts afresh. What is left
    of it ends there in either case: the only look ahead, ``\\s+(?!\\S)``, belongs to white space. Two things may
    not be cut: contractions (``'ll`` has no such place inside) and the literal ``<|endoftext|>`` (which has one).
    """
    place = len(text)
    while (place := max(text.rfind(" ", 0, place), text.rfind("\n", 0, place))) > 0:
        # str.isspace() holds all that the pattern's \s holds, and a little more.
        if not text[place - 1].isspace():
            return place
    edge = len(text) - len(_EOT)
    for found in reversed(list(_AFTER_A_LETTER.finditer(text, max(0, edge - _WINDOW), max(0, edge)))):
        place = found.start()
        # The lookbehind lets signs such as U+00B2 through, which are numbers.
        if unicodedata.category(text[place - 1]).startswith("L") and not _is_inside_eot(text, place):
            return place
    return 0


def _is_inside_eot(text: str, place: int) -> bool:
    return _EOT in text[max(0, place - len(_EOT) + 1) : place + len(_EOT) - 1]
