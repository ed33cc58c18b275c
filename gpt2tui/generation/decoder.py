"""From single tokens to text that may be shown: whole characters, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from gpt2tui.corpus.bpe import Tokenizer


class TextDecoder:
    """Decodes the tokens of one sample as they come.

    A token may end inside a character, and a text inside a stop string: both are held back until they are
    decided. The stop string that is complete first ends the text; it is not part of it. A character that the
    tokens ``after`` which the sample comes have begun is whole when it comes.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = (), *, after: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._characters.decode(tokenizer.decode_bytes(after))
        self._held = ""
        self.has_stopped = False

    def push(self, token: int) -> str:
        """Take a token; return the text that is decided now, which may be empty."""
        return self._decide(self._characters.decode(self._tokenizer.decode_bytes([token])))

    def close(self) -> str:
        """The rest, when no token follows: half a character becomes U+FFFD."""
        decided = self._decide(self._characters.decode(b"", final=True)) + self._held
        self._held = ""
        return decided

    def _decide(self, text: str) -> str:
        if self.has_stopped:
            return ""
        text = self._held + text
        ends = [(text.index(stop) + len(stop), text.index(stop)) for stop in self._stop if stop in text]
        if ends:
            self.has_stopped, self._held = True, ""
            _, start = min(ends)
            return text[:start]
        kept = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` are the beginning of ``stop``."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
