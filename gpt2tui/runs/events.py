"""What the trainer tells the world: one JSON object a line in ``events.jsonl``, tagged by ``type``.

Times are seconds since the epoch, losses cross-entropy in nats a token. ``command`` repeats the id of the
command an event answers. Readers ignore types and fields they do not know.
"""

from __future__ import annotations

import time as clock
from typing import Literal

import msgspec

from gpt2tui.runs.sampling import SamplingSettings

Phase = Literal["starting", "compiling", "training", "evaluating", "saving", "paused"]
Reason = Literal["target_reached", "limit", "stopped", "diverged", "out_of_memory", "interrupted", "failed", "imported"]
Level = Literal["info", "warning", "error"]


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """Base of all events; ``time`` is when it happened."""

    time: float = msgspec.field(default_factory=clock.time)
    command: str | None = None


class RunStarted(Event, tag="run_started", frozen=True):
    """The trainer took the run, fresh or from a checkpoint at ``from_step``."""

    from_step: int
    config: str
    device: str
    dtype: str
    threads: int
    micro_batch: int
    parameters: int
    corpus_tokens: int
    pid: int


class PhaseChanged(Event, tag="phase_changed", frozen=True):
    """What the trainer does from now on."""

    phase: Phase


class Step(Event, tag="step", frozen=True):
    """One update: the loss before it, and where it stands."""

    step: int
    tokens: int
    passes: float
    loss: float
    running_loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    elapsed: float
    """Seconds spent in training since the run's first start, pauses not counted."""


class Evaluated(Event, tag="evaluated", frozen=True):
    """The corpus loss (split ``train``) or the validation loss, with one fixed set of weights.

    ``partial`` marks an evaluation that ended when its sum had proved that the mean cannot be below ``above``, the
    target or half of the best loss: ``loss`` is then the mean over the ``tokens`` seen. ``estimate`` marks a fixed
    sample of a corpus that is too large to evaluate whole.
    """

    step: int
    split: Literal["train", "validation"]
    loss: float
    tokens: int
    seconds: float
    dtype: str
    device: str
    estimate: bool = False
    partial: bool = False
    above: float | None = None


class Sampled(Event, tag="sampled", frozen=True):
    """Text drawn from the weights of that step."""

    step: int
    prompt: str
    text: str
    settings: SamplingSettings


class CheckpointSaved(Event, tag="checkpoint_saved", frozen=True):
    """A checkpoint is complete on disk; ``path`` is relative to the run."""

    step: int
    path: str
    bytes: int
    seconds: float
    reason: str


class DeviceReading(Event, tag="device", frozen=True):
    """Load in percent of the device and temperature in degrees Celsius where known, memory in bytes."""

    load: float | None
    memory: int
    temperature: float | None = None


class Notice(Event, tag="notice", frozen=True):
    """Something a person should know."""

    level: Level
    text: str


class SettingChanged(Event, tag="setting_changed", frozen=True):
    """A target, limit or learning rate was changed while the run went on, or by resume."""

    name: str
    value: float | None
    previous: float | None = None


class Rewound(Event, tag="rewound", frozen=True):
    """The run went back to ``to_step``; later steps written before this event do not count."""

    to_step: int
    why: str


class RunFinished(Event, tag="run_finished", frozen=True):
    """The end. ``loss`` is the corpus loss of that step where it was measured, else the running loss."""

    reason: Reason
    step: int
    loss: float | None
    seconds: float
    signal: int | None = None


AnyEvent = (
    RunStarted
    | PhaseChanged
    | Step
    | Evaluated
    | Sampled
    | CheckpointSaved
    | DeviceReading
    | Notice
    | SettingChanged
    | Rewound
    | RunFinished
)
