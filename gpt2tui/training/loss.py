"""Cross-entropy fused with the tied head, in chunks of rows, so that tokens x vocabulary is never allocated.

The idea of computing the gradient of the logits during the forward pass, chunk by chunk, is that of
Liger Kernel (Hsu et al., 2024, arXiv:2410.10989) and of Cut Cross-Entropy (Wijmans et al., 2024,
arXiv:2411.09009).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_ROWS = 256
IGNORED = -1
"""A target of this value belongs to padding: it adds nothing to the loss nor to the gradient."""


def _log_probabilities(inputs: Tensor, head: Tensor) -> Tensor:
    """Log-probabilities (rows, vocabulary) in float32 for hidden states (rows, width)."""
    return torch.log_softmax((inputs @ head.T).float(), dim=1)


def _sum_of_losses(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """The summed losses of rows whose targets (rows,) are not ignored."""
    picked = log_probabilities.gather(1, targets.clamp(min=0)[:, None])[:, 0]  # (rows,)
    return -torch.where(targets != IGNORED, picked, 0.0).sum()


class _HeadCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        head = weight.to(dtype)  # (vocabulary, width)
        total = torch.zeros((), device=hidden.device, dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        for start in range(0, hidden.shape[0], CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            inputs, wanted = hidden[rows].to(dtype), targets[rows]
            is_real = (wanted != IGNORED)[:, None]  # (rows, 1)
            log_probabilities = _log_probabilities(inputs, head)
            total += _sum_of_losses(log_probabilities, wanted)
            slope = log_probabilities.exp_()  # softmax, then minus one at the target
            slope.scatter_add_(1, wanted.clamp(min=0)[:, None], slope.new_full(is_real.shape, -1.0))
            slope = slope.to(dtype)
            grad_hidden[rows] = (slope @ head) * is_real
            grad_weight += slope.T @ (inputs * is_real)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden * grads[0], grad_weight * grads[0], None, None


def summed_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum, in nats and float32, of the cross-entropies of ``targets`` (rows,) under the tied head.

    ``hidden`` is (rows, width), ``weight`` (vocabulary, width); products run in ``dtype``, everything else in
    float32. Rows whose target is :data:`IGNORED` count as nothing. No tensor is larger than
    ``CHUNK_ROWS x vocabulary``.
    """
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        result: Tensor = _HeadCrossEntropy.apply(hidden, weight, targets, dtype)  # type: ignore[no-untyped-call]
        return result
    head = weight.to(dtype)
    total = torch.zeros((), device=hidden.device, dtype=torch.float32)
    for start in range(0, hidden.shape[0], CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        total += _sum_of_losses(_log_probabilities(hidden[rows].to(dtype), head), targets[rows])
    return total
