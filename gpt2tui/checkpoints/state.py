"""``trainer.json``: all of a trainer's state that is not a tensor, and what lies beside it."""

from __future__ import annotations

import hashlib

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
    failed_step: int = 0
    judged_passes: float | None = None
    judged_loss: float | None = None
    judged_corpus_loss: float | None = None
    scaler: dict[str, float | int] = {}
    files: dict[str, FileRecord] = {}
    sha256: str = ""
    """Of all the rest, so that a flipped byte in this file does not go unseen either."""


def encoded(state: TrainerState) -> bytes:
    """The text of ``trainer.json``, with its own digest in it."""
    sealed = msgspec.structs.replace(state, sha256=_digest(msgspec.json.encode(state)))
    return msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n"


def decoded(text: bytes) -> TrainerState:
    """What a ``trainer.json`` says.

    Raises:
        ValueError: it is no such file, or its digest is not the recorded one.
    """
    state = msgspec.json.decode(text, type=TrainerState)
    if state.sha256 and state.sha256 != _digest(text):
        raise ValueError("its SHA-256 is not the recorded one")
    return state


def _digest(text: bytes) -> str:
    # Of the fields as they stand, whatever they are: a later version may have others.
    fields = msgspec.json.decode(text)
    fields.pop("sha256", None)
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """``last.json`` and ``best.json``: the name of a checkpoint's folder, and why it is pointed to.

    ``partial_loss`` stands for the corpus loss where the evaluation ended early; ``running_loss`` is of ``last``.
    """

    checkpoint: str
    step: int
    corpus_loss: float | None = None
    partial_loss: float | None = None
    running_loss: float | None = None
