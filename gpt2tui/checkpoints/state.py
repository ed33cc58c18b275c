"""``trainer.json``: all of a trainer's state that is not a tensor, and what lies beside it."""

from __future__ import annotations

import msgspec

from gpt2tui.runs.config import Limits

MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
STATE_FILE = "trainer.json"


class FileRecord(msgspec.Struct, frozen=True):
    """A file of the checkpoint as it was written."""

    bytes: int
    sha256: str


class TrainerState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the trainer stands after ``step`` updates.

    Together with the tensors beside it this decides every later loss: ``pass_index`` and ``position`` say which
    windows come next, ``micro_batch``, ``threads`` and ``dtype`` how they are computed.
    """

    step: int
    tokens: int
    pass_index: int
    position: int
    limits: Limits
    learning_rate_factor: float
    recent_losses: list[float]
    micro_batch: int
    threads: int
    device: str
    dtype: str
    elapsed: float
    rewinds: int = 0
    judged_passes: float | None = None
    judged_loss: float | None = None
    best_corpus_loss: float | None = None
    scaler: dict[str, float] = {}
    files: dict[str, FileRecord] = {}


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """``last.json`` and ``best.json``: the name of a checkpoint's folder, and why it is pointed to."""

    checkpoint: str
    step: int
    corpus_loss: float | None = None
