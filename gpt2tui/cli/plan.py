"""From what was typed to a run's frozen configuration, with all problems told together."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

import msgspec

from gpt2tui.errors import CorpusError, Gpt2TuiError, UsageError
from gpt2tui.runs.config import SMALLEST_BLOCK, CorpusRecord, Every, Limits, RunConfig
from gpt2tui.runs.model_config import PRESETS, ModelConfig
from gpt2tui.runs.naming import checked_name
from gpt2tui.runs.recipe import RATE_WORDS, Recipe, load_recipe
from gpt2tui.runs.spans import parse_every, parse_seconds

if TYPE_CHECKING:
    from gpt2tui.corpus.tokens import Corpus

T = TypeVar("T")

_LIBRARIES = ("gpt2tui", "torch", "numpy", "tiktoken", "safetensors")


class TrainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``train`` as they were given; None is not given."""

    preset: str | None
    recipe: str
    target_loss: float
    no_target: bool
    max_steps: int | None
    max_time: str | None
    max_tokens: int | None
    batch_size: int | None
    micro_batch: str
    block_size: int | None
    lr: float | None
    warmup: int | None
    dropout: float | None
    seed: int
    device: str
    dtype: str
    compile: bool
    val_fraction: float
    eval_every: str | None
    sample_every: str
    sample_prompt: str | None
    checkpoint_every: str
    keep: int
    name: str | None


class Draft:
    """The options, read once: what they mean before the text is known. ``problems`` names all that is wrong."""

    def __init__(self, options: TrainOptions, *, first_model: ModelConfig | None) -> None:
        self.problems: list[str] = []
        self._options = options
        self.model = self._read(lambda: _model(options.preset, first_model), PRESETS["gpt2"])
        self.recipe = self._read(lambda: _recipe(options, self.model.width), load_recipe("fast"))
        self.micro_batch = self._read(lambda: _micro_batch(options.micro_batch), None)
        seconds = self._read(
            lambda: parse_seconds(options.max_time) if options.max_time is not None else None, None, "max-time: "
        )
        self.limits = _limits(options, seconds)
        self.checkpoint_every = self._every("checkpoint-every", options.checkpoint_every)
        self.sample_every = self._every("sample-every", options.sample_every)
        self.evaluate_every = self._every("eval-every", options.eval_every or "never")
        self.problems += self.recipe.problems() + self.limits.problems()
        for name, value, least in (("block-size", options.block_size, 1), ("keep", options.keep, 0)):
            if value is not None and value < least:
                self.problems.append(f"{name} must be at least {least}, not {value}")
        if options.block_size is not None and options.block_size > self.model.block_size:
            self.problems.append(f"block-size {options.block_size} is more than the model's {self.model.block_size}")
        self.name = self._read(lambda: checked_name(options.name) if options.name is not None else None, None)
        if not 0 <= options.val_fraction < 1:
            self.problems.append(f"val-fraction must be from 0 (no validation) to below 1, not {options.val_fraction}")

    def config(self, corpus: Corpus, notices: list[str]) -> RunConfig:
        """The configuration for that text. Notices are added to.

        Raises:
            CorpusError: the text is too small.
        """
        import torch

        from gpt2tui.corpus.tokens import split
        from gpt2tui.model.device import choose_device, choose_dtype

        options = self._options
        device = choose_device(options.device)
        dtype, reason = choose_dtype(options.dtype, device)
        notices.append(f"{device} {dtype}: {reason}")
        train, _ = split(corpus.tokens, options.val_fraction)
        block_size = self._block_size(corpus.name, len(train), notices)
        config = RunConfig(
            model=self.model,
            preset=next((name for name, shape in PRESETS.items() if shape == self.model), None),
            corpus=CorpusRecord(
                name=corpus.name,
                sources=corpus.sources,
                bytes=corpus.bytes,
                sha256=corpus.sha256,
                tokens=len(corpus.tokens),
                train_tokens=len(train),
                documents=corpus.documents,
                licence=corpus.licence,
            ),
            recipe=self._recipe_for(math.ceil((len(train) - 1) / block_size)),
            limits=self.limits,
            block_size=block_size,
            device=device,
            dtype=dtype,
            threads=torch.get_num_threads(),
            name=self.name,
            seed=options.seed,
            micro_batch=self.micro_batch,
            compile=options.compile,
            checkpoint_every=self.checkpoint_every,
            evaluate_every=self.evaluate_every,
            sample_every=self.sample_every,
            sample_prompt=options.sample_prompt,
            keep=options.keep,
            created=time.time(),
            versions={"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES},
            host={"system": platform.platform(), "machine": platform.machine()},
        )
        if options.eval_every is None and options.val_fraction:
            a_pass = Every(steps=max(1, math.ceil(config.steps_per_pass)))
            config = msgspec.structs.replace(config, evaluate_every=a_pass)
        if problems := config.problems():
            raise UsageError("; ".join(problems))
        return config

    def _recipe_for(self, windows: int) -> Recipe:
        """The recipe for a text of so many windows; what was typed stays."""
        if self._options.batch_size is not None:
            return self.recipe
        recipe = self.recipe.for_text(windows)
        return recipe if self._options.lr is None else recipe.with_learning_rate(self._options.lr)

    def _block_size(self, name: str, tokens: int, notices: list[str]) -> int:
        """What was typed if the text allows it; else the recipe's, shrunk to a small text."""
        wanted = self._options.block_size or min(self.recipe.block_size, self.model.block_size)
        if tokens > wanted:
            return wanted
        least = self._options.block_size or min(SMALLEST_BLOCK, wanted)
        if tokens <= least:
            raise CorpusError(
                f"{name} is too small: a block size of {least} needs {least + 1} training tokens, and it has {tokens:,}"
            )
        notices.append(f"{name} has only {tokens:,} training tokens: the block size is {tokens - 1}, not {wanted}")
        return tokens - 1

    def _every(self, option: str, text: str) -> Every:
        return self._read(lambda: parse_every(text), Every(), f"{option}: ")

    def _read(self, read: Callable[[], T], fallback: T, where: str = "") -> T:
        try:
            return read()
        except Gpt2TuiError as error:
            self.problems.append(f"{where}{error}")
            return fallback


def _recipe(options: TrainOptions, width: int) -> Recipe:
    recipe = load_recipe(options.recipe).for_width(width)
    if options.lr is not None and options.lr > 0:
        recipe = recipe.with_learning_rate(options.lr)
    elif options.lr is not None:
        raise UsageError(f"lr must be {RATE_WORDS}, not {options.lr:g}")
    if options.warmup is not None:
        schedule = msgspec.structs.replace(recipe.schedule, warmup_steps=options.warmup)
        if schedule.unit == "steps" and schedule.decay_from < options.warmup < schedule.decay_until:
            schedule = msgspec.structs.replace(schedule, decay_from=options.warmup)
        recipe = msgspec.structs.replace(recipe, schedule=schedule)
    for field in ("batch_size", "dropout"):
        if (value := getattr(options, field)) is not None:
            recipe = msgspec.structs.replace(recipe, **{field: value})
    return recipe


def _model(preset: str | None, first: ModelConfig | None) -> ModelConfig:
    if preset is None:
        return first or PRESETS["gpt2"]
    if preset not in PRESETS:
        raise UsageError(f"no preset named {preset!r}; there are: {', '.join(PRESETS)}")
    if first and first != PRESETS[preset]:
        raise UsageError(f"preset {preset} has another shape than the weights of --init")
    return PRESETS[preset]


def _micro_batch(text: str) -> int | None:
    if text == "auto":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"micro-batch must be auto or at least 1, not {text!r}")


def _limits(options: TrainOptions, seconds: float | None) -> Limits:
    return Limits(
        target_loss=None if options.no_target else options.target_loss,
        max_steps=options.max_steps,
        max_seconds=seconds,
        max_tokens=options.max_tokens,
    )
