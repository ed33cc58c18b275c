"""How far a run that has ended at its limit is to go on: one question, from Train and from the table of runs."""

from __future__ import annotations

from gpt2tui.runs.config import Limits
from gpt2tui.runs.events import Reason, Step
from gpt2tui.text import one_line, whole_number
from gpt2tui.tui.form.start_option import NO_TARGET
from gpt2tui.tui.widgets.question import Ask

_UNITS = {"max_steps": "steps", "max_tokens": "tokens"}


class AskLimit(Ask):
    """Asks for a limit beyond the one that was met; :meth:`words` says what the answer means.

    ``name`` is the run's, where it is not the one that is shown.
    """

    def __init__(self, setting: str, limit: int, name: str = "") -> None:
        self._setting, self._limit = setting, limit
        unit = _UNITS[setting]
        super().__init__(
            f"Go on{f' with {one_line(name)}' if name else ''} until so many {unit} in all",
            value=str(2 * limit),
            hint=f"its limit of {limit:,} {unit} is met; {NO_TARGET} is no limit; enter starts, esc goes back",
            check=self._problem,
        )

    @classmethod
    def of(cls, reason: Reason | None, limits: Limits, step: Step | None, name: str = "") -> AskLimit | None:
        """The question for a run that ended so; None where no limit stands in its way."""
        met = limits.met(step.step, step.tokens) if step and reason == "limit" else {}
        return next((cls(setting, limit, name) for setting, limit in met.items()), None)

    def words(self, answer: str) -> tuple[str, ...]:
        """The options of ``resume`` for an answer; a limit that is met falls away by itself."""
        limit = whole_number(answer.strip())
        return () if limit is None else (f"--{self._setting.replace('_', '-')}", str(limit))

    def _problem(self, answer: str) -> str | None:
        limit = whole_number(answer.strip())
        is_right = answer.strip() == NO_TARGET if limit is None else limit > self._limit
        return None if is_right else f"a whole number above {self._limit:,}, or {NO_TARGET}"
