"""The layer on which target, limits and learning rate of a living run are changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from gpt2tui.errors import UsageError
from gpt2tui.runs.commands import Set, Setting
from gpt2tui.runs.recipe import RATE_WORDS, is_rate
from gpt2tui.runs.spans import parse_seconds, typed_seconds
from gpt2tui.runs.view import RunView
from gpt2tui.runs.words import SETTINGS
from gpt2tui.text import loss_text, point_hint, whole_number
from gpt2tui.tui.form.start_option import NO_TARGET
from gpt2tui.tui.widgets.text_field import TextField


class _Field(NamedTuple):
    name: Setting
    hint: str
    read: Callable[[str], float | None]


def _limit(text: str) -> int | None:
    if not text:
        return None
    if (value := whole_number(text)) is None or value < 1:
        raise UsageError(f"a whole number above 0, or {NO_TARGET}")
    return value


def _time_limit(text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = parse_seconds(text)
    except UsageError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"a time such as 30m or 1h30m, or {NO_TARGET}")
    return seconds


def _rate(text: str) -> float:
    if not is_rate(value := _number(text)):
        raise UsageError(f"{RATE_WORDS}{point_hint(text)}")
    return value


def _target(text: str) -> float | None:
    if text == NO_TARGET:
        return None
    if not 0 <= (value := _number(text)) < math.inf:
        raise UsageError(f"a loss, or {NO_TARGET}{point_hint(text)}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


_FIELDS = (
    _Field("target_loss", f"the run ends when the corpus loss is below it; {NO_TARGET}: at a limit", _target),
    _Field("learning_rate", "the peak of the schedule", _rate),
    _Field("max_steps", f"in all; {NO_TARGET} or empty is no limit", _limit),
    _Field("max_seconds", f"such as 30m or 2h, since the session began; {NO_TARGET} or empty is no limit", _time_limit),
    _Field("max_tokens", f"in all; {NO_TARGET} or empty is no limit", _limit),
)


_KEYS = "up and down go to another field, enter applies, esc goes back"
_NEEDED = ("target_loss", "learning_rate")
"""To empty one of these is a slip of the keys."""


class ChangeSettings(ModalScreen[list[Set] | None]):
    """Returns the changes, one command each; None where the layer was closed."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", "Close", id="settings.close"),
        Binding("ctrl+s", "apply", "Apply", id="settings.apply"),
        Binding("down", "app.focus_next", show=False, id="settings.next"),
        Binding("up", "app.focus_previous", show=False, id="settings.previous"),
    ]

    def __init__(self, view: RunView) -> None:
        super().__init__(classes="question")
        self._view = view
        limits = view.limits
        rate = view.peak_learning_rate
        self._before = {
            "target_loss": "" if limits.target_loss is None else f"{limits.target_loss:g}",
            "learning_rate": f"{rate:g}",
            "max_steps": "" if limits.max_steps is None else str(limits.max_steps),
            "max_seconds": "" if limits.max_seconds is None else typed_seconds(limits.max_seconds),
            "max_tokens": "" if limits.max_tokens is None else str(limits.max_tokens),
        }

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Change the run while it goes on", classes="title")
            for field in _FIELDS:
                with Horizontal(classes="field"):
                    yield Label(SETTINGS[field.name])
                    entry = TextField(
                        self._before[field.name],
                        placeholder=NO_TARGET if field.name != "learning_rate" else "",
                        id=field.name,
                        compact=True,
                    )
                    entry.tooltip = field.hint
                    yield entry
                yield Static("", id=f"problem-{field.name}", classes="problem", markup=False)
            yield Static(_KEYS, classes="hint", markup=False)

    @on(DescendantFocus)
    def _explain(self, event: DescendantFocus) -> None:
        meaning = next(field.hint for field in _FIELDS if field.name == event.widget.id)
        if event.widget.id == "learning_rate" and (step := self._view.step):
            meaning += f"; at step {step.step:,} the rate was {step.learning_rate:.2e}"
        self.query_one(".hint", Static).update(f"{meaning}\n{_KEYS}")

    @on(Input.Changed)
    def _mended(self, event: Input.Changed) -> None:
        self._complain(str(event.input.id), "")

    @on(Input.Submitted)
    def action_apply(self) -> None:
        """Return what was changed, unless a field is wrong: the first of those gets the keys."""
        changes: list[Set] = []
        wrong: list[Input] = []
        for field in _FIELDS:
            entry = self.query_one(f"#{field.name}", Input)
            text = entry.value.strip()
            if text == NO_TARGET and field.name not in _NEEDED:
                text = ""
            problem = ""
            if text != self._before[field.name]:
                try:
                    changes.append(Set(name=field.name, value=self._value(field, text)))
                except UsageError as error:
                    problem = f"{SETTINGS[field.name]}: {error}"
                    wrong.append(entry)
            self._complain(field.name, problem)
        if wrong:
            self.set_focus(wrong[0])
        else:
            self.dismiss(changes)

    def _complain(self, name: str, problem: str) -> None:
        line = self.query_one(f"#problem-{name}", Static)
        line.update(problem)
        line.display = bool(problem)

    def _value(self, field: _Field, text: str) -> float | None:
        value = field.read(text)
        step = self._view.step
        if field.name == "max_steps" and value is not None and step and value < step.step:
            raise UsageError(f"the run is at step {step.step:,} already")
        best = self._view.best_corpus_loss
        if field.name == "target_loss" and value is not None and best is not None and value >= best:
            raise UsageError(f"its best corpus loss is {loss_text(best)} already; x ends it")
        return value
