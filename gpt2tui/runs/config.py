"""What a run is: frozen when it starts, written once to ``run.json``, read by everything else."""

from __future__ import annotations

import hashlib
import math
from typing import Literal

import msgspec

from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.recipe import Recipe

TARGET_LOSS = 0.099999
SMALLEST_BLOCK = 16

Device = Literal["cpu", "cuda", "mps"]
Dtype = Literal["float32", "bfloat16", "float16"]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of the configuration structs."""


class Every(Frozen, frozen=True, kw_only=True):
    """A rhythm: every so many steps, or every so many seconds; never when both are zero."""

    steps: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.steps} steps" if self.steps else f"{self.seconds:g} s" if self.seconds else "never"


class CorpusRecord(Frozen, frozen=True, kw_only=True):
    """What a run knows of its text. ``train_tokens`` come first in ``tokens.bin``, the rest is validation."""

    name: str
    sources: list[str]
    bytes: int
    sha256: str
    tokens: int
    train_tokens: int
    documents: int = 1
    licence: str | None = None


class Limits(Frozen, frozen=True, kw_only=True):
    """When a run ends: its target, and what may end it before. ``None`` means no such limit."""

    target_loss: float | None = TARGET_LOSS
    max_steps: int | None = None
    max_seconds: float | None = None
    max_tokens: int | None = None

    def changed(self, name: str, value: float | None) -> Limits:
        """The same but for one of them. Steps and tokens are whole, also where JSON or a command says ``400.0``."""
        is_whole = value is not None and name in ("max_steps", "max_tokens")
        return msgspec.structs.replace(self, **{name: int(value) if is_whole else value})  # type: ignore[arg-type]

    def met(self, steps: int, tokens: int) -> dict[str, int]:
        """The limits of a whole run that so many steps and tokens have reached, by name."""
        limits = {"max_steps": (self.max_steps, steps), "max_tokens": (self.max_tokens, tokens)}
        return {name: limit for name, (limit, reached) in limits.items() if limit is not None and reached >= limit}

    def problems(self) -> list[str]:
        """What is wrong, a line a field; empty when nothing is. A target of 0 is never met, the rest lie above it."""
        found = []
        for field, option, meant in _LIMITS:
            value = getattr(self, field)
            if value is None or 0 < value < math.inf or (value == 0 and field == "target_loss"):
                continue
            found.append(f"{option} must be {meant}, not {value:g}")
        return found


_LIMITS = (
    ("target_loss", "target-loss", "a number that is not negative"),
    ("max_steps", "max-steps", "at least 1"),
    ("max_seconds", "max-time", "above 0"),
    ("max_tokens", "max-tokens", "at least 1"),
)
"""The limits, what people type for them, and what they must be."""


class RunConfig(Frozen, frozen=True, kw_only=True):
    """Everything that decides what a run computes, and what it was started with."""

    model: ModelConfig
    corpus: CorpusRecord
    recipe: Recipe
    limits: Limits
    block_size: int
    """Length of the training windows; also how far back the finished model may look."""
    device: Device
    dtype: Dtype
    threads: int
    preset: str | None = None
    name: str | None = None
    seed: int = 1337
    micro_batch: int | None = None
    """Sequences at a time; ``None`` begins with all of a step, halved when memory runs out."""
    compile: bool = False
    init: str | None = None
    """Where the first weights came from, when they were not drawn."""
    checkpoint_every: Every = Every(seconds=300)
    evaluate_every: Every = Every()
    sample_every: Every = Every()
    sample_prompt: str | None = None
    keep: int = 1
    created: float = 0.0
    versions: dict[str, str] = {}
    host: dict[str, str] = {}

    @property
    def tokens_per_pass(self) -> int:
        """Predictions in one pass: every token of the training part but the first."""
        return self.corpus.train_tokens - 1

    @property
    def steps_per_pass(self) -> float:
        """Steps, not necessarily whole, that one pass takes."""
        return self.tokens_per_pass / (self.recipe.batch_size * self.block_size)

    def problems(self) -> list[str]:
        """All that is wrong, field by field; empty when nothing is."""
        found = self.model.problems() + self.recipe.problems() + self.limits.problems()
        if not 1 <= self.block_size <= self.model.block_size:
            found.append(f"block size {self.block_size} must lie between 1 and {self.model.block_size}, the model's")
        if self.corpus.train_tokens <= self.block_size:
            found.append(
                f"block size {self.block_size} needs {self.block_size + 1} training tokens; "
                f"{self.corpus.name} has {self.corpus.train_tokens}"
            )
        if self.micro_batch is not None and self.micro_batch < 1:
            found.append(f"micro-batch must be at least 1, not {self.micro_batch}")
        if self.keep < 0:
            found.append(f"keep must not be negative: {self.keep}")
        if self.threads < 1:
            found.append(f"threads must be at least 1, not {self.threads}")
        for field in ("checkpoint_every", "evaluate_every", "sample_every"):
            every = getattr(self, field)
            if every.steps < 0 or not 0 <= every.seconds < math.inf:
                found.append(f"{field.replace('_', '-')} must not be negative: {every}")
        return found

    def digest(self) -> str:
        """A short hash of the configuration, the same for the same run.json."""
        # Read back first: a whole number in a field of float becomes one only then.
        as_read = msgspec.json.decode(msgspec.json.encode(self), type=RunConfig)
        return hashlib.sha256(msgspec.json.encode(as_read, order="sorted")).hexdigest()[:16]
