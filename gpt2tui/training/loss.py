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


def _chunk_losses(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Losses (rows,), the log normaliser (rows, 1) and the mask of real targets, for float32 logits."""
    real = targets != IGNORED
    normaliser = logits.logsumexp(dim=1, keepdim=True)  # (rows, 1)
    picked = logits.gather(1, targets.clamp(min=0)[:, None])  # (rows, 1)
    return torch.where(real, (normaliser - picked)[:, 0], 0.0), normaliser, real


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
            logits = (inputs @ head.T).float()  # (rows, vocabulary)
            losses, normaliser, real = _chunk_losses(logits, wanted)
            total += losses.sum()
            slope = logits.sub_(normaliser).exp_()  # softmax
            slope.scatter_add_(1, wanted.clamp(min=0)[:, None], -torch.ones_like(normaliser))
            slope = slope.mul_(real[:, None]).to(dtype)
            grad_hidden[rows] = slope @ head
            grad_weight += slope.T @ inputs
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
        logits = (hidden[rows].to(dtype) @ head.T).float()
        total += _chunk_losses(logits, targets[rows])[0].sum()
    return total
