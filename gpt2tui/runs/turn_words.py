"""How a turn went, in the words that the screen and a saved file share."""

from __future__ import annotations

from gpt2tui.runs.dialogue import Finish

FINISHES: dict[Finish, str] = {
    "length": "length reached",
    "end_of_text": "end of text",
    "stop": "stop text found",
    "stopped": "stopped",
}


def drawn_words(drawn: int, *, kept: int) -> str:
    """``121 tokens``, which the rate is of, and how many a branch has ``kept`` before them."""
    return tokens_words(drawn) + (f" after {kept:,} kept" if kept else "")


def tokens_words(number: int) -> str:
    """``1 token``, ``1,200 tokens``."""
    return f"{number:,} token" + ("" if number == 1 else "s")


def rate_words(rate: float) -> str:
    """A rate with three digits."""
    return f"{rate:,.0f}" if rate >= 99.95 else f"{rate:.1f}"
