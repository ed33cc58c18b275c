"""GPT-2's byte-pair encoding: text to ids and back, with ranks that come with the package."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from importlib import resources

import tiktoken

from gpt2tui.errors import Gpt2TuiError

END_OF_TEXT = 50256
END_OF_TEXT_LITERAL = "<|endoftext|>"
RANKS_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"

# The pattern of GPT-2's encoder.py, in the equivalent possessive form of tiktoken_ext/openai_public.py:
# 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""

# White_Space as tiktoken's regular expressions know it; Python's \s also holds U+001C to U+001F.
_WHITESPACE = r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_RUN = re.compile(_WHITESPACE + "+")
# tiktoken's engine keeps one entry a character for `\s+(?!\S)` and panics at a million of them.
_LONGEST_RUN = 100_000


def rank_file() -> bytes:
    """The packaged table of ranks: a line each, the token's bytes in base64 and its rank, which is its id.

    Raises:
        Gpt2TuiError: it is not the one that was packaged.
    """
    data = resources.files("gpt2tui.corpus").joinpath("data/gpt2.tiktoken").read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != RANKS_SHA256:
        raise Gpt2TuiError(
            f"the package's gpt2.tiktoken is damaged (SHA-256 {found}, not {RANKS_SHA256}); reinstall gpt2tui"
        )
    return data


def ranks() -> dict[bytes, int]:
    """Every token but ``<|endoftext|>``, with its id.

    Raises:
        Gpt2TuiError: the file of ranks is not the one that was packaged.
    """
    return {base64.b64decode(pair): int(rank) for pair, rank in map(bytes.split, rank_file().splitlines())}


class Tokenizer:
    """The tokenizer of GPT-2: 50,256 byte pairs and ``<|endoftext|>``."""

    name = "gpt2"
    # For cache keys: what decides the ids.
    digest = hashlib.sha256(f"{RANKS_SHA256} {PATTERN}".encode()).hexdigest()

    def __init__(self) -> None:
        """Load the ranks, which takes about 0.1 s.

        Raises:
            Gpt2TuiError: the file of ranks is not the one that was packaged.
        """
        self._encoding = tiktoken.Encoding(
            self.name,
            pat_str=PATTERN,
            mergeable_ranks=ranks(),
            special_tokens={END_OF_TEXT_LITERAL: END_OF_TEXT},
        )

    def encode(self, text: str, split_on_eot: bool = False) -> list[int]:
        """The ids of ``text``. ``<|endoftext|>`` in it is plain text, unless ``split_on_eot`` makes it
        50256.
        """
        if not split_on_eot:
            return self._encode_plain(text)
        ids: list[int] = []
        for index, part in enumerate(text.split(END_OF_TEXT_LITERAL)):
            if index:
                ids.append(END_OF_TEXT)
            ids += self._encode_plain(part)
        return ids

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """The bytes that ``ids`` stand for; they may end inside a character."""
        return self._encoding.decode_bytes(ids)

    def _encode_plain(self, text: str) -> list[int]:
        if len(text) < _LONGEST_RUN:
            return self._encoding.encode_ordinary(text)
        ids: list[int] = []
        start = 0
        for cut in _cuts_in_long_whitespace(text):
            ids += self._encoding.encode_ordinary(text[start:cut])
            start = cut
        return ids + self._encoding.encode_ordinary(text[start:])


def _cuts_in_long_whitespace(text: str) -> Iterator[int]:
    """Where long runs of white space are cut: the pattern takes all of a run but its last character as one
    piece.

    Such a run holds one of the places looked at, so that ordinary text costs nothing.
    """
    done = 0
    step = _LONGEST_RUN // 2
    for probe in range(step, len(text), step):
        if probe < done or not (run := _RUN.match(text, probe)):
            continue
        start = probe
        while start > done and _RUN.match(text[start - 1]):
            start -= 1
        done = run.end()
        if done - start > 1 and done < len(text):
            yield done - 1
