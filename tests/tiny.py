"""The smallest whole runs: a model of 2 layers, 16 wide, and a checkpoint of random weights on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.state import Pointer, TrainerState
from gpt2tui.checkpoints.tensors import write_checkpoint
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import CorpusRecord, Limits, RunConfig
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore


def tiny_model_config(**changes: Any) -> ModelConfig:
    """2 layers of 2 heads, 16 wide, 64 positions, GPT-2's vocabulary; ``changes`` replaces fields."""
    return msgspec.structs.replace(ModelConfig(layers=2, heads=2, width=16, block_size=64), **changes)


def tiny_run_config(*, tokens: int = 400, **changes: Any) -> RunConfig:
    """A run of the tiny model over ``tokens`` tokens in windows of 32, with the reference recipe."""
    record = CorpusRecord(
        name="tiny",
        sources=["tiny.txt"],
        bytes=2 * tokens,
        sha256="0" * 64,
        tokens=tokens,
        train_tokens=tokens,
    )
    config = RunConfig(
        model=tiny_model_config(),
        corpus=record,
        recipe=load_recipe("reference"),
        limits=Limits(),
        block_size=32,
        device="cpu",
        dtype="float32",
        threads=1,
    )
    return msgspec.structs.replace(config, **changes)


def tiny_state(step: int = 4, **changes: Any) -> TrainerState:
    """A trainer's state after ``step`` updates, with nothing in it that depends on the model."""
    state = TrainerState(
        step=step,
        tokens=step * 512,
        pass_index=0,
        position=0,
        limits=Limits(),
        learning_rate_factor=1.0,
        recent_losses=[10.8],
        micro_batch=16,
        threads=1,
        device="cpu",
        dtype="float32",
        elapsed=1.0,
    )
    return msgspec.structs.replace(state, **changes)


def tiny_run(
    runs: Path, *, config: RunConfig | None = None, weights: Mapping[str, Tensor] | None = None, step: int = 4
) -> Run:
    """A run below ``runs`` with one checkpoint, which is last and best.

    ``weights`` are fresh ones of the run's seed where none are given.
    """
    config = config or tiny_run_config()
    runs.mkdir(parents=True, exist_ok=True)
    tokens = runs / ".tokens"
    ids = np.random.default_rng(config.seed).integers(0, config.model.vocabulary_size, config.corpus.tokens)
    tokens.write_bytes(ids.astype(np.uint16).tobytes())
    run = RunStore(runs).create(config, tokens)
    tokens.unlink()
    if weights is None:
        weights = GPT2.initialised(config.model, seed=config.seed).state_dict()
    add_checkpoint(run, weights, step=step)
    return run


def add_checkpoint(run: Run, weights: Mapping[str, Tensor], *, step: int) -> None:
    """Write a checkpoint to a run and let last and best point to it."""
    folder = CheckpointFolder(run.checkpoints)
    path = folder.path(step)
    write_checkpoint(path, model=weights, optimizer={"empty": torch.zeros(1)}, state=tiny_state(step))
    for name in ("last", "best"):
        folder.point(name, Pointer(checkpoint=path.name, step=step))
