"""What the world tells the trainer: one JSON object a line in ``commands.jsonl``, tagged by ``type``."""

from __future__ import annotations

import os
import time as clock
from typing import Literal

import msgspec

from gpt2tui.runs.sampling import SamplingSettings

Setting = Literal["target_loss", "max_steps", "max_seconds", "max_tokens", "learning_rate"]


class Command(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """Base of all commands; the event that answers repeats ``id``."""

    id: str = msgspec.field(default_factory=lambda: os.urandom(4).hex())
    time: float = msgspec.field(default_factory=clock.time)


class Pause(Command, tag="pause", frozen=True):
    """Stop stepping, keep the model loaded."""


class Resume(Command, tag="resume", frozen=True):
    """Lift a pause."""


class Stop(Command, tag="stop", frozen=True):
    """Save and end."""


class SaveCheckpoint(Command, tag="checkpoint", frozen=True):
    """Save now."""


class Sample(Command, tag="sample", frozen=True):
    """Draw text from the weights as they are."""

    prompt: str | None = None
    settings: SamplingSettings = SamplingSettings()


class Set(Command, tag="set", frozen=True):
    """Change one setting; ``None`` lifts a limit or the target."""

    name: Setting
    value: float | None


AnyCommand = Pause | Resume | Stop | SaveCheckpoint | Sample | Set
