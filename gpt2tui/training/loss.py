"""Cross-entropy fused with the tied head, in chunks of rows, so that tokens x vocabulary is never allocated.

The idea of computing the gradient of the logits during the forward pass, chunk by chunk, is that of
Liger Kernel (Hsu et al., 2024, arXiv:2410.10989) and of Cut Cross-Entropy (Wijmans et al., 2024,
arXiv:2411.09009).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gpt2tui.model.products import times

BLOCK_ROWS = 2048
"""Rows whose scores are there at once, in the products' format: with fewer the gradient of the head is summed up more
often, each time by reading and writing all of it."""
CHUNK_ROWS = 32
"""Rows of these whose probabilities are there in float32 at once on a CPU: as many as its caches hold."""
SLICE = 8192
"""Rows of the head whose gradient is one product: of all of them at once it takes half as long again."""
ABSENT_SHARE = 0.01
"""Of the loss, what tokens that the text does not have may make up by the probability they hold, for their gradient to
be left out."""
IGNORED = -1
"""A target of this value belongs to padding: it adds nothing to the loss nor to the gradient."""


def _chunks(scores: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Of some rows at a time: their scores (a view), their probabilities (rows, vocabulary) in float32, the summed
    losses of those whose targets are not ignored, and the targets (rows, 1), of the ignored ones 0.
    """
    rows = CHUNK_ROWS if scores.device.type == "cpu" else BLOCK_ROWS
    for part, wanted in zip(scores.split(rows), targets.split(rows), strict=True):  # type: ignore[no-untyped-call]
        values = part.float()
        probabilities = values.softmax(dim=1)
        picked = wanted.clamp(min=0)[:, None]
        # The greatest has e^0 over the sum of all, so this is the logarithm of that sum, never of a rounded zero.
        losses = values.amax(1) - probabilities.amax(1).log() - values.gather(1, picked)[:, 0]  # (rows,)
        yield part, probabilities, torch.where(wanted != IGNORED, losses, 0.0).sum(), picked


class _HeadCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, present: Tensor | None
    ) -> Tensor:
        head = weight.to(dtype)  # (vocabulary, width)
        total = torch.zeros((), device=hidden.device, dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight)
        for start in range(0, hidden.shape[0], BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            inputs, wanted = hidden[rows].to(dtype), targets[rows]
            is_real = (wanted != IGNORED)[:, None]  # (rows, 1)
            slopes = times(inputs, head)  # (rows, vocabulary): scores, which become their gradient chunk by chunk
            lost = torch.zeros_like(total)
            for part, slope, loss, picked in _chunks(slopes, wanted):
                lost += loss
                part.copy_(slope.scatter_add_(1, picked, slope.new_full(picked.shape, -1.0)))
            total += lost
            words, ids = head, None
            if present is not None:
                kept = slopes[:, present]
                if _held_by_others(kept, is_real) <= ABSENT_SHARE * lost:
                    slopes, words, ids = kept, head[present], present
            grad_hidden[rows] = times(slopes, words.T) * is_real
            inputs = inputs * is_real
            for some in (slice(first, first + SLICE) for first in range(0, len(words), SLICE)):
                grad_weight[some if ids is None else ids[some]] += times(slopes[:, some].T, inputs.T)
        ctx.grads = grad_hidden, grad_weight
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_hidden, grad_weight = ctx.grads
        del ctx.grads  # they are changed in place, so there is no second time
        return grad_hidden.mul_(grads[0]), grad_weight.mul_(grads[0]), None, None, None


def _held_by_others(slopes: Tensor, is_real: Tensor) -> Tensor:
    """The summed probability of all tokens but those whose gradients (rows, some of the vocabulary) these are: those of
    a whole row add up to nothing.
    """
    return -(slopes.sum(1, keepdim=True, dtype=torch.float32) * is_real).sum()


def summed_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, present: Tensor | None = None
) -> Tensor:
    """Sum, in nats and float32, of the cross-entropies of ``targets`` (rows,) under the tied head.

    ``hidden`` is (rows, width), ``weight`` (vocabulary, width); products run in ``dtype``, everything else in
    float32. Rows whose target is :data:`IGNORED` count as nothing. No tensor is larger than
    ``BLOCK_ROWS x vocabulary``.

    ``present`` are the ids of the tokens that the text has. All others are in the loss always. Their gradient, which
    could but make them less likely, is left out where what they hold is less than ``ABSENT_SHARE`` of the loss: most of
    a vocabulary is not in a text, and with it goes most of the head's way back.
    """
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        result: Tensor = _HeadCrossEntropy.apply(hidden, weight, targets, dtype, present)  # type: ignore[no-untyped-call]
        return result
    head = weight.to(dtype)
    total = torch.zeros((), device=hidden.device, dtype=torch.float32)
    for rows, wanted in zip(hidden.split(BLOCK_ROWS), targets.split(BLOCK_ROWS), strict=True):  # type: ignore[no-untyped-call]
        for _, _, loss, _ in _chunks(times(rows.to(dtype), head), wanted):
            total += loss
    return total
