"""A model from elsewhere as a run: to sample, to evaluate, to train on, to export."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from pathlib import Path

import torch

from gpt2tui import __version__
from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.checkpoints.state import Pointer, TrainerState
from gpt2tui.checkpoints.tensors import write_checkpoint
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.reading import ForeignModel
from gpt2tui.runs.config import CorpusRecord, Limits, RunConfig
from gpt2tui.runs.events import CheckpointSaved, Notice, RunFinished
from gpt2tui.runs.journal import JournalWriter
from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.recipe import load_recipe
from gpt2tui.runs.run import Run
from gpt2tui.runs.store import RunStore
from gpt2tui.text import byte_size

_NO_TEXT = CorpusRecord(name="none", sources=[], bytes=0, sha256="", tokens=0, train_tokens=0, documents=0)


def import_run(found: ForeignModel, store: RunStore, *, origin: str, name: str | None) -> Run:
    """A new run that holds the model as its only checkpoint, and no text. ``origin`` says where it came from.

    Raises:
        Gpt2TuiError: the disk has no room for it.
        OSError: it cannot be written; nothing is left behind.
    """
    config = RunConfig(
        model=found.model,
        preset=next((preset for preset, shape in PRESETS.items() if shape == found.model), None),
        corpus=_NO_TEXT,
        recipe=load_recipe("fast").for_width(found.model.width),
        limits=Limits(target_loss=None),
        block_size=found.context,
        device="cpu",
        dtype="float32",
        threads=torch.get_num_threads(),
        name=name or found.name,
        init=origin,
        created=time.time(),
        versions={"python": platform.python_version(), "gpt2tui": __version__, "torch": str(torch.__version__)},
        host={"system": platform.platform(), "machine": platform.machine()},
    )
    size = sum(tensor.nbytes for tensor in found.tensors.values())
    store.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(store.folder).free
    if free < size:
        raise Gpt2TuiError(f"the model needs {byte_size(size)}, and the disk of {store.folder} has {byte_size(free)}")
    with tempfile.NamedTemporaryFile(dir=store.folder, prefix=".tokens-") as no_tokens:
        run = store.create(config, Path(no_tokens.name))
    try:
        _write(run, found)
    except BaseException:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return run


def _write(run: Run, found: ForeignModel) -> None:
    began = time.perf_counter()
    folder = CheckpointFolder(run.checkpoints)
    path = folder.path(0)
    written = write_checkpoint(path, model=found.tensors, optimizer={}, state=_untrained())
    folder.point("last", Pointer(checkpoint=path.name, step=0))
    seconds = time.perf_counter() - began
    saved = CheckpointSaved(step=0, path=f"checkpoints/{path.name}", bytes=written, seconds=seconds, reason="imported")
    journal = JournalWriter(run.events_file)
    try:
        notices = [Notice(level="info", text=text) for text in found.notices]
        journal.append([*notices, saved, RunFinished(reason="imported", step=0, loss=None, seconds=0.0)])
    finally:
        journal.close()


def _untrained() -> TrainerState:
    return TrainerState(
        step=0,
        tokens=0,
        pass_index=0,
        position=0,
        limits=Limits(target_loss=None),
        learning_rate_factor=1.0,
        recent_losses=[],
        micro_batch=4,
        threads=torch.get_num_threads(),
        device="cpu",
        dtype="float32",
        elapsed=0.0,
    )
