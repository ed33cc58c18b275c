"""What stands below a turn in few words: how far it is, how it went, what went wrong."""

from __future__ import annotations

from gpt2tui.runs.turn_words import FINISHES, drawn_words, rate_words, tokens_words
from gpt2tui.text import one_line
from gpt2tui.tui.glyphs import Glyphs
from gpt2tui.tui.talk.live_turn import LiveTurn
from gpt2tui.tui.widgets.turn_text import broken


def turn_notes(turn: LiveTurn, width: int, glyphs: Glyphs, *, is_typing: bool = False) -> list[str]:
    """The lines below a turn, broken for a width: how it went, or what went wrong; ``is_typing``: r is text now."""
    if turn.state == "failed":
        text = one_line(f"{glyphs.bad} {turn.news}")
        if glyphs.is_ascii:
            text = text.encode("ascii", "backslashreplace").decode("ascii")
        keys = "esc, then r, tries again" if is_typing else "r tries again"
        hint = keys if turn.prompt and turn.can_be_repeated else ""
        return [
            *(text[start:end] for start, end in broken(text, 0, len(text), max(1, width))),
            *filter(None, [hint]),
        ]
    lines = [""]
    for fact in _facts(turn):
        longer = lines[-1] + glyphs.separator + fact if lines[-1] else fact
        if len(longer) > width and lines[-1]:
            lines.append(fact)
        else:
            lines[-1] = longer
    return lines


def _facts(turn: LiveTurn) -> list[str]:
    facts: list[str] = []
    if turn.state == "waiting":
        return [turn.news or "waiting"]
    if turn.state == "streaming":
        return [drawn_words(turn.drawn_in_text, kept=turn.kept), "esc stops"]
    if turn.finish:
        facts.append(FINISHES[turn.finish])
    facts.append(drawn_words(turn.drawn, kept=turn.kept))
    if turn.tokens_per_second:
        facts.append(f"{rate_words(turn.tokens_per_second)} tokens/s")
    if turn.seconds_to_first_token is not None:
        facts.append(f"first after {seconds_words(turn.seconds_to_first_token)}")
    if turn.seed is not None:
        facts.append(f"seed {turn.seed}")
    if turn.step is not None:
        facts.append(f"step {turn.step:,}")
    if turn.dropped:
        facts.append(f"the first {tokens_words(turn.dropped)} were beyond the model's sight")
    return facts


def seconds_words(seconds: float) -> str:
    """``80 ms`` or ``1.2 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
