"""GPT-2's vocabulary as other programs write it: bytes as characters, and merges in place of ranks."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from gpt2tui.corpus.bpe import END_OF_TEXT_LITERAL, ranks

_SINGLE = 256
"""Ranks of single bytes, which nothing was merged for."""


@cache
def characters() -> dict[int, str]:
    """A printable character for each byte: itself where it is one, else the next from U+0100 on.

    As in GPT-2's encoder.py (Radford et al., 2019).
    """
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return {byte: chr(byte) for byte in own} | {byte: chr(256 + place) for place, byte in enumerate(others)}


@cache
def tokens() -> list[str]:
    """All 50,257 tokens in the order of their ids, the last of them ``<|endoftext|>``."""
    return [*(_shown(token) for token in _by_rank()), END_OF_TEXT_LITERAL]


@cache
def merges() -> list[str]:
    """The 50,000 merges in the order in which they are made, each as its two parts with a space between."""
    known = ranks()
    return [" ".join(map(_shown, _parts(token, known))) for token in _by_rank()[_SINGLE:]]


def _by_rank() -> list[bytes]:
    known = ranks()
    return sorted(known, key=known.__getitem__)


def _shown(token: bytes) -> str:
    shown = characters()
    return "".join(shown[byte] for byte in token)


def _parts(token: bytes, known: dict[bytes, int]) -> list[bytes]:
    """The two that the token's own merge joins: what is left when all merges before it are made."""
    parts, own = [token[place : place + 1] for place in range(len(token))], known[token]
    while len(parts) > 2:
        rank, place = min((known.get(a + b, own), place) for place, (a, b) in enumerate(pairwise(parts)))
        if rank >= own:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts
