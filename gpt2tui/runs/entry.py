"""One run as a table of runs shows it."""

from __future__ import annotations

from typing import Literal

import msgspec

from gpt2tui.runs.comparison import present_config
from gpt2tui.runs.config import TARGET_LOSS, RunConfig
from gpt2tui.runs.events import Evaluated, Reason, RunFinished, RunStarted, Sampled, Step
from gpt2tui.runs.forecast import Forecast
from gpt2tui.runs.room import waits_for_room
from gpt2tui.runs.run import Label, Run
from gpt2tui.runs.view import RunView, State
from gpt2tui.runs.words import AT_WORK, REASONS

EntryState = State | Literal["damaged", "reading"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of a run. Losses in nats a token, times in seconds since the epoch, ``size`` in bytes.

    ``state`` is ``reading`` until its journal was read, and ``damaged`` where that cannot be: ``problem`` says why.
    ``size`` is None until it was measured. ``present_config`` has what was changed since the start, ``config`` not.
    """

    run: Run
    state: EntryState
    label: Label = Label()
    size: int | None = None
    is_alive: bool = False
    problem: str | None = None
    config: RunConfig | None = None
    present_config: RunConfig | None = None
    created: float = 0.0
    started: RunStarted | None = None
    finished: RunFinished | None = None
    step: Step | None = None
    progress: float = 0.0
    corpus_loss: Evaluated | None = None
    best_corpus_loss: float | None = None
    reached_loss: float = TARGET_LOSS
    validation_loss: Evaluated | None = None
    evaluations: tuple[Evaluated, ...] = ()
    target_loss: float | None = None
    sample: Sampled | None = None
    waits_for_room: bool = False
    forecast: Forecast | None = None
    """While it is at work and on course."""

    @classmethod
    def of(cls, run: Run, view: RunView, state: EntryState, *, is_alive: bool) -> Entry:
        """What a view says of a run."""
        forecast = view.forecast() if state in AT_WORK else None
        return cls(
            run=run,
            state=state,
            is_alive=is_alive,
            config=view.config,
            present_config=present_config(view),
            created=view.config.created,
            started=view.started,
            finished=view.finished,
            step=view.step,
            progress=view.progress(),
            corpus_loss=view.corpus_loss,
            best_corpus_loss=view.best_corpus_loss,
            reached_loss=view.reached_loss,
            validation_loss=view.validation_loss,
            evaluations=tuple(view.evaluations),
            target_loss=view.target_loss,
            sample=view.sample,
            waits_for_room=state == "paused" and bool(waits_for_room(view)),
            forecast=forecast if forecast and forecast.is_on_course else None,
        )

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def name(self) -> str:
        """What people call it, as :meth:`Run.name` says."""
        return self.label.name or (self.config.name if self.config else None) or self.run.id

    @property
    def reason(self) -> Reason | None:
        """Why it ended; None where it did not."""
        return self.finished.reason if self.finished and self.state == "finished" else None

    @property
    def short_state(self) -> str:
        """The state, or of a run that is finished the reason, in three words at most."""
        if self.waits_for_room:
            return "disk full"
        if self.reason == "limit":
            return "at its limit"
        return self.reason.replace("_", " ") if self.reason else self.state

    @property
    def state_words(self) -> str:
        """The same in full."""
        if self.waits_for_room:
            return "paused, disk full"
        return REASONS[self.reason] if self.reason else self.state

    @property
    def steps(self) -> int:
        """How many steps it made."""
        return self.step.step if self.step else self.started.from_step if self.started else 0
