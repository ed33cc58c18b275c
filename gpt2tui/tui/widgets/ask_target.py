"""How far a run that has reached its target is to go on: one question, from Train and from the table of runs."""

from __future__ import annotations

from gpt2tui.runs.config import Limits
from gpt2tui.runs.words import limits_words, next_target
from gpt2tui.text import one_line
from gpt2tui.tui.form.start_option import NO_TARGET
from gpt2tui.tui.widgets.question import Ask


class AskTarget(Ask):
    """Asks for a target below the corpus loss that was ``reached``; :meth:`words` says what the answer means.

    ``limits`` end it all the same, which is told; ``name`` is the run's, where it is not the one that is shown.
    """

    def __init__(self, reached: float, limits: Limits, name: str = "") -> None:
        keys = "enter starts, esc goes back"
        also = limits_words(limits)
        super().__init__(
            f"Go on{f' with {one_line(name)}' if name else ''} until the corpus loss is below",
            value=next_target(reached),
            hint=f"it has reached {reached:.4g}; {NO_TARGET} is no target; {f'it {also}; ' if also else ''}{keys}",
            check=lambda text: _problem(text.strip(), reached),
        )

    def words(self, answer: str) -> tuple[str, ...]:
        """The options of ``resume`` for an answer."""
        target = answer.strip()
        return ("--no-target",) if target == NO_TARGET else ("--target-loss", target)


def _problem(text: str, reached: float) -> str | None:
    try:
        is_below = text == NO_TARGET or 0 < float(text) < reached
    except ValueError:
        is_below = False
    wanted = f"a loss above 0, below {reached:.4g} which is reached already; or {NO_TARGET}"
    return None if is_below else wanted
