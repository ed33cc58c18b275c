"""Writing and reading a checkpoint's tensors: safetensors and JSON only, whole or not at all."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint, file_digest
from gpt2tui.checkpoints.state import MODEL_FILE, OPTIMIZER_FILE, STATE_FILE, FileRecord, TrainerState, encoded
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.files import sync_folder, write_whole

_LONGEST_HEADER = 100_000_000
"""Bytes; a safetensors file with a longer one is none."""
_ALIGNMENT = 64
"""Bytes; what a processor's widest reads are aligned to."""


class _Place(msgspec.Struct):
    """What a header says of a tensor: where its bytes begin and end, counted from the header's end."""

    data_offsets: tuple[int, int] = (0, 0)


class NotFiniteError(Gpt2TuiError):
    """The weights hold values that are not finite, so they are not worth a checkpoint."""


def check_finite(model: Mapping[str, Tensor], step: int) -> None:
    """Look at every weight.

    Raises:
        NotFiniteError: one is not finite.
    """
    # A sum shows it in a tenth of the time; only the sum of very large weights overflows without cause.
    sums = torch.stack([tensor.sum() for tensor in model.values()])
    for name, is_finite in zip(model, torch.isfinite(sums).tolist(), strict=True):
        if not (is_finite or bool(torch.isfinite(model[name]).all())):
            raise NotFiniteError(f"weight {name} is not finite at step {step}; no checkpoint is written")


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies in the memory of the host, of tensors on any device.

    All lie in one mapping of their own, which goes back to the system with the last of them: the allocator might
    keep it.

    Raises:
        OSError: there is no memory for them.
    """
    sizes = {name: -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT for name, tensor in tensors.items()}
    memory = mmap.mmap(-1, sum(sizes.values()))
    copies, offset = {}, 0
    for name, tensor in tensors.items():
        place = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel(), offset=offset)
        copies[name] = place.view(tensor.shape).copy_(tensor.detach())
        offset += sizes[name]
    return copies


def write_checkpoint(
    path: Path, *, model: Mapping[str, Tensor], optimizer: Mapping[str, Tensor], state: TrainerState
) -> int:
    """Write a checkpoint beside ``path`` and rename it into place; return its bytes.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    building = path.with_name(f".{path.name}.writing")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir()
        records = {
            MODEL_FILE: _write(building / MODEL_FILE, model),
            OPTIMIZER_FILE: _write(building / OPTIMIZER_FILE, optimizer),
        }
        _write_state(building, msgspec.structs.replace(state, files=records))
        outdated = path.with_name(f".{path.name}.outdated")
        if path.exists():
            shutil.rmtree(outdated, ignore_errors=True)
            path.rename(outdated)
        building.rename(path)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    sync_folder(path.parent)
    shutil.rmtree(outdated, ignore_errors=True)
    return sum(record.bytes for record in records.values())


def rewrite_state(checkpoint: Checkpoint, state: TrainerState) -> int:
    """Replace ``trainer.json`` of a checkpoint whose tensors are those of ``state``; return the tensors' bytes.

    Raises:
        OSError: the disk is full or the folder cannot be written; the file is as it was.
    """
    records = checkpoint.state().files
    _write_state(checkpoint.folder, msgspec.structs.replace(state, files=records))
    return sum(record.bytes for record in records.values())


def read_model(checkpoint: Checkpoint, *, device: str = "cpu") -> dict[str, Tensor]:
    """The model's tensors, mapped from the file where the device is the CPU. Sizes and header are checked.

    Raises:
        Gpt2TuiError: the checkpoint is damaged.
    """
    checkpoint.check(hashes=False)
    return read_tensors(checkpoint.folder / MODEL_FILE, device=device)


def read_optimizer(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The optimisers' and generators' tensors, on the CPU."""
    return read_tensors(checkpoint.folder / OPTIMIZER_FILE)


def read_tensors(path: Path, *, device: str = "cpu") -> dict[str, Tensor]:
    """All tensors of a safetensors file.

    Raises:
        Gpt2TuiError: it is not one, or is cut short.
    """
    try:
        with safetensors.safe_open(path, framework="pt", device=device) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        if words := cut_short(path):
            raise Gpt2TuiError(f"{path} {words}") from error
        raise Gpt2TuiError(f"{path} cannot be read as safetensors: {error}") from error


def cut_short(path: Path) -> str | None:
    """How a safetensors file is shorter than its own header says, as after a copy that was broken off; None where it
    is not, or is no such file.
    """
    try:
        with path.open("rb") as file:
            start, size = file.read(9), path.stat().st_size
            if not size:
                return "is empty; copy it again"
            header = 8 + int.from_bytes(start[:8], "little")
            if start[8:] != b"{" or header > _LONGEST_HEADER:
                return None
            says = f"alone has {header:,} bytes"
            if size >= header:
                places = msgspec.json.decode(start[8:] + file.read(header - 9), type=dict[str, _Place])
                whole = header + max((place.data_offsets[1] for place in places.values()), default=0)
                if size >= whole:
                    return None
                says = f"says {whole:,} bytes"
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return f"is cut short: its header {says}, the file has {size:,}; copy it again"


def _write_state(folder: Path, state: TrainerState) -> None:
    write_whole(folder / STATE_FILE, encoded(state))


def _write(path: Path, tensors: Mapping[str, Tensor]) -> FileRecord:
    try:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path)
    except safetensors.SafetensorError as error:
        raise OSError(f"{path.name}: {error}") from error
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return FileRecord(path.stat().st_size, file_digest(path))
