"""Linear layers of a model that learns no more, on the CPU: for one row they take little more than reading the weights.

Each token looks once at every weight, so fewer bits are faster, and of the kernels the one that reads fastest is
taken (docs/benchmarks.md; those that were tried besides: docs/LOG.md). All take and give float32.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpt2tui.model.products import is_mkl_slow, one_dnn
from gpt2tui.model.transformer import GPT2

_SMALLEST_SCALE = 1e-12
"""Of weights, so that a row of zeros divides by something."""
_SMALLEST_STEP = 6.1e-5
"""Between two levels of an input; the kernel for one row takes no smaller one either."""


def _in_float32(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` without gradients, by the library that reads weights faster here."""
    return one_dnn(x, weight, bias) if is_mkl_slow() else F.linear(x, weight, bias)


class Float32Linear(nn.Module):
    """A float32 layer on just the weights it is given."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        return _in_float32(x, self.weight, self.bias)


class Bfloat16Linear(nn.Module):
    """A layer whose weights, inputs and results are rounded to bfloat16.

    oneDNN multiplies these with AVX-512 (or AVX-NE-CONVERT) only. Without, torch's own kernel reads one row's weights
    as fast, and for more rows, where it takes up to seven times as long as float32, they are multiplied in that.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self._weight = weight.detach().bfloat16()
        self._bias = None if bias is None else bias.detach().bfloat16()
        self._is_packed = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        if self._is_packed:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.bfloat16()
        if self._is_packed:
            return one_dnn(x, self._weight, self._bias).float()
        if x.numel() == x.shape[-1]:
            return F.linear(x, self._weight, self._bias).float()
        bias = None if self._bias is None else self._bias.float()
        return _in_float32(x.float(), self._weight.float(), bias).bfloat16().float()


class Int8Linear(nn.Module):
    """A layer of int8 weights, with a scale for each output, that also rounds its inputs (dynamic quantisation).

    An input row is rounded to even levels between its own extremes. What comes out of it does not depend, but for the
    last bits of float32, on the rows beside it.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        weight = weight.detach()
        scale = (weight.abs().amax(1) / 127).clamp(min=_SMALLEST_SCALE)  # (outputs,)
        whole = (weight / scale[:, None]).round_()  # (outputs, inputs)
        self._sums = whole.sum(1).mul_(scale)  # (outputs,)
        zero = torch.zeros(len(scale), dtype=torch.int64)
        quantised = torch._make_per_channel_quantized_tensor(whole.to(torch.int8), scale.double(), zero, 0)
        self._bias = torch.zeros(len(scale)) if bias is None else bias.detach()
        self._packed = torch.ops.quantized.linear_prepack(quantised, self._bias)
        # Without VNNI two products are added up in 16 bits, where only 7 bits of the inputs have room.
        self._is_narrow = not torch.cpu._is_vnni_supported()

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor
        if x.numel() == x.shape[-1]:
            product = torch.ops.quantized.linear_dynamic(x, self._packed, self._is_narrow)
            return product
        # That kernel has one range for all rows. So each is brought to whole levels first, by the same formula.
        low, high = x.aminmax(dim=-1, keepdim=True)  # (..., 1)
        low, high = low.clamp_(max=0), high.clamp_(min=0)
        step = ((high - low) / (127 if self._is_narrow else 255)).clamp_(min=_SMALLEST_STEP)
        zero = (-low / step).round_()
        levels = (x / step).round_().add_(zero)  # (..., inputs), of 0 to 255
        product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(levels, 1.0, 0, self._packed)
        return product.sub_(self._bias).addcmul_(zero, self._sums, value=-1).mul_(step).add_(self._bias)


LAYERS: dict[torch.dtype, type[Float32Linear | Bfloat16Linear | Int8Linear]] = {
    torch.float32: Float32Linear,
    torch.bfloat16: Bfloat16Linear,
    torch.int8: Int8Linear,
}


def can_decode(dtype: torch.dtype) -> bool:
    """Whether torch has the kernels of :func:`prepare` here; those of int8 are for x86 only."""
    if dtype == torch.int8:
        return "fbgemm" in torch.backends.quantized.supported_engines
    return dtype in LAYERS and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def prepare(model: GPT2, dtype: torch.dtype) -> None:
    """Give a float32 model on the CPU layers of this dtype, the head included. What is looked up stays as it is.

    In float32 nothing is copied. The model cannot be trained, nor saved, any more.
    """
    make = LAYERS[dtype]
    places = [
        (owner, name, layer)
        for owner in model.modules()
        for name, layer in owner.named_children()
        if isinstance(layer, nn.Linear)
    ]
    with warnings.catch_warnings(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)  # it will go after torch 2.13
        head = pool.submit(make, model.wte.weight.detach(), None)
        made = list(pool.map(lambda place: make(place[2].weight, place[2].bias), places))
    for (owner, name, _), layer in zip(places, made, strict=True):
        setattr(owner, name, layer)
    model.head = head.result()
