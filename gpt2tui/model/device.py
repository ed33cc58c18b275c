"""Which device, which number format, and why."""

from __future__ import annotations

import torch

from gpt2tui.errors import UsageError
from gpt2tui.runs.config import Device, Dtype

DEVICES: tuple[Device, ...] = ("cuda", "mps", "cpu")
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def is_available(device: Device) -> bool:
    """Whether torch can use that kind of device here."""
    match device:
        case "cuda":
            return torch.cuda.is_available()
        case "mps":
            return torch.backends.mps.is_available()
        case "cpu":
            return True


def choose_device(name: str = "auto") -> Device:
    """The device of that name, or for ``auto`` the first that is there: CUDA, MPS, CPU.

    Raises:
        UsageError: the name is unknown, or torch has no such device here.
    """
    if name == "auto":
        return next(device for device in DEVICES if is_available(device))
    for device in DEVICES:
        if device == name:
            if is_available(device):
                return device
            raise UsageError(f"device {name} is not available to torch {torch.__version__} here; try --device auto")
    raise UsageError(f"no device named {name!r}; there are: auto, {', '.join(DEVICES)}")


def choose_dtype(name: str, device: Device) -> tuple[Dtype, str]:
    """The number format of the matrix products, and the reason for it.

    ``auto`` is bfloat16 where the matrix units have it, float16 (with loss scaling) where only that exists, and
    float32 elsewhere.

    Raises:
        UsageError: the name is unknown.
    """
    if name != "auto":
        for dtype in DTYPES:
            if dtype == name:
                return dtype, "as asked"
        raise UsageError(f"no dtype named {name!r}; there are: auto, {', '.join(DTYPES)}")
    match device:
        case "cuda":
            card = torch.cuda.get_device_name()
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return "bfloat16", f"{card} multiplies in bfloat16"
            return "float16", f"{card} has no bfloat16 units, so float16 with loss scaling"
        case "mps":
            return "bfloat16", "Apple GPUs multiply in bfloat16"
        case "cpu":
            if torch.cpu._is_amx_tile_supported():
                return "bfloat16", "the CPU has AMX bfloat16 tiles"
            if torch.cpu._is_avx512_bf16_supported():
                return "bfloat16", "the CPU has AVX-512 bfloat16"
            return "float32", "the CPU has no bfloat16 matrix units"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY_WORDS)
