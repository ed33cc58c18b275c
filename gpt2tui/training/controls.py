"""What may change while a run goes on: its limits, its learning rate, a pause, an end."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gpt2tui.runs.commands import Set
from gpt2tui.runs.config import Every, Limits
from gpt2tui.runs.events import AnyEvent, Notice, SettingChanged
from gpt2tui.runs.recipe import is_rate
from gpt2tui.training.progress import Progress


class Controls:
    """Limits and learning rate as they are now; ``learning_rate`` is the peak, ``factor`` its share of the recipe's."""

    def __init__(self, limits: Limits, *, peak: float, factor: float = 1.0) -> None:
        self.limits = limits
        self.factor = factor
        self._peak = peak

    @property
    def learning_rate(self) -> float:
        """The peak rate, after all that changed it."""
        return self._peak * self.factor

    def holds(self, command: Set) -> bool:
        """Whether a setting has the command's value already."""
        if command.name != "learning_rate":
            return bool(getattr(self.limits, command.name) == command.value)
        return command.value == self.learning_rate or (command.value is None and self.factor == 1.0)

    def set(self, command: Set) -> Iterator[AnyEvent]:
        """Apply one ``set`` command."""
        value = command.value
        names_rate = command.name == "learning_rate"
        if value is not None and (value < 0 or (names_rate and not is_rate(value))):
            yield Notice(
                level="warning", text=f"{command.name} cannot be {value:g}; it stays as it was", command=command.id
            )
            return
        if names_rate:
            previous: float | None = self.learning_rate
            self.factor = 1.0 if value is None else value / self._peak
            value = self.learning_rate
        else:
            previous = getattr(self.limits, command.name)
            self.limits = self.limits.changed(command.name, value)
            value = getattr(self.limits, command.name)
        yield SettingChanged(name=command.name, value=value, previous=previous, command=command.id)

    def drop_met_limits(self, progress: Progress) -> Iterator[AnyEvent]:
        """Lift limits that a resumed run has met already, so that it can go on."""
        for name, limit in self.limits.met(progress.step, progress.tokens).items():
            text = f"{name.replace('_', '-')} {limit:,} is already met; it no longer applies"
            yield Notice(level="warning", text=text)
            yield from self.set(Set(name=name, value=None))  # type: ignore[arg-type]

    def met_limit(self, step: int, tokens: int, session_seconds: float) -> str | None:
        """Which limit ends the run now, in words; None when none does. Seconds count from this session's start."""
        limits = self.limits
        if limits.max_steps is not None and step >= limits.max_steps:
            return f"{limits.max_steps:,} steps"
        if limits.max_tokens is not None and tokens >= limits.max_tokens:
            return f"{limits.max_tokens:,} tokens"
        if limits.max_seconds is not None and session_seconds >= limits.max_seconds:
            return f"{limits.max_seconds:,.0f} seconds"
        return None


class Rhythm:
    """Says when something that happens every so many steps, or seconds, is due."""

    def __init__(self, every: Every, *, now: float, first: float = math.inf) -> None:
        """Begin to count; of a rhythm in seconds the first time comes after ``first`` of them at the latest."""
        self._every = every
        self._seconds = every.seconds and min(every.seconds, first)
        self._last = now

    @property
    def is_wanted(self) -> bool:
        """Whether it is to happen at all."""
        return self._every != Every()

    def is_due(self, step: int, now: float) -> bool:
        """Whether it is time, after ``step`` steps and at ``now`` seconds of training."""
        if self._every.steps:
            return step % self._every.steps == 0
        return bool(self._seconds) and now - self._last >= self._seconds

    def happened(self, now: float) -> None:
        """Count from here. One that came before its time does not put off the first that is due."""
        if self._seconds and now - self._last >= self._seconds:
            self._seconds = self._every.seconds
        self._last = now
