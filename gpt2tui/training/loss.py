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
IGNORED = -1
"""A target of this value belongs to padding: it adds nothing to the loss nor to the gradient."""


def _chunks(scores: Tensor, targets: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Of some rows at a time: which these are, their probabilities (rows, vocabulary) in float32, the summed losses of
    those whose targets are not ignored, and the targets (rows, 1), of the ignored ones 0.
    """
    rows = CHUNK_ROWS if scores.device.type == "cpu" else BLOCK_ROWS
    for start in range(0, len(scores), rows):
        span = slice(start, start + rows)
        values, wanted = scores[span].float(), targets[span]
        probabilities = values.softmax(dim=1)
        picked = wanted.clamp(min=0)[:, None]
        # The greatest has e^0 over the sum of all, so this is the logarithm of that sum, never of a rounded zero.
        losses = values.amax(1) - probabilities.amax(1).log() - values.gather(1, picked)[:, 0]  # (rows,)
        yield span, probabilities, torch.where(wanted != IGNORED, losses, 0.0).sum(), picked


class _Absent:
    """The words that a text does not have, over some rows: what they hold in each, and the share of each word in that.

    A gradient of the scores that is the product of both adds up to the true one over each row and over each word, but
    for rounding. It is of rank one, so that these words' part of the way back costs next to nothing.
    """

    def __init__(self, present: Tensor, vocabulary: int, is_real: Tensor) -> None:
        self._present, self._is_real = present, is_real.float()  # (words,), (rows, 1)
        self._place = torch.zeros(vocabulary, dtype=torch.long, device=present.device)
        self._place[present] = torch.arange(len(present), device=present.device)
        self._held = torch.empty_like(self._is_real)  # (rows, 1)
        self._sums = self._held.new_zeros(vocabulary)

    def parted(self, span: slice, probabilities: Tensor, picked: Tensor) -> tuple[Tensor, Tensor]:
        """Of some rows the probabilities of the words that are present, and where the targets are among these."""
        kept = probabilities[:, self._present]
        self._held[span] = (1 - kept.sum(1, keepdim=True)).clamp(min=0) * self._is_real[span]
        self._sums += (self._is_real[span].T @ probabilities)[0]
        return kept, self._place[picked]

    def gradients(self, inputs: Tensor, head: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What all of them together add to the gradient of the rows (rows, width), and to that of the head: the outer
        product of two more (vocabulary,) and (width,).
        """
        shares = self._sums.index_fill(0, self._present, 0.0)
        shares /= shares.sum().clamp(min=torch.finfo(shares.dtype).tiny)
        mean = (shares.to(head.dtype)[None] @ head).float()  # (1, width)
        return self._held * mean, shares, (self._held.T @ inputs.float())[0]


class _HeadCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, present: Tensor | None
    ) -> Tensor:
        head = weight.to(dtype)  # (vocabulary, width)
        words = head if present is None else head[present]
        total = torch.zeros((), device=hidden.device, dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight)
        for start in range(0, hidden.shape[0], BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            inputs, wanted = hidden[rows].to(dtype), targets[rows]
            is_real = (wanted != IGNORED)[:, None]  # (rows, 1)
            scores = times(inputs, head)  # (rows, vocabulary)
            absent = None if present is None else _Absent(present, len(head), is_real)
            # Where all words are there the scores become their own gradient, chunk by chunk.
            slopes = scores if absent is None else scores.new_empty(len(scores), len(words))
            for span, slope, loss, picked in _chunks(scores, wanted):
                total += loss
                if absent is not None:
                    slope, picked = absent.parted(span, slope, picked)
                slopes[span] = slope.scatter_add_(1, picked, slope.new_full(picked.shape, -1.0))
            del scores
            grad_hidden[rows] = times(slopes, words.T) * is_real
            inputs = inputs * is_real
            for some in (slice(first, first + SLICE) for first in range(0, len(words), SLICE)):
                grad_weight[some if present is None else present[some]] += times(slopes[:, some].T, inputs.T)
            if absent is not None:
                of_rows, shares, of_words = absent.gradients(inputs, head)
                grad_hidden[rows] += of_rows
                grad_weight.addr_(shares, of_words)
        ctx.grads = grad_hidden, grad_weight
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_hidden, grad_weight = ctx.grads
        del ctx.grads  # they are changed in place, so there is no second time
        return grad_hidden.mul_(grads[0]), grad_weight.mul_(grads[0]), None, None, None


def summed_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, present: Tensor | None = None
) -> Tensor:
    """Sum, in nats and float32, of the cross-entropies of ``targets`` (rows,) under the tied head.

    ``hidden`` is (rows, width), ``weight`` (vocabulary, width); products run in ``dtype``, everything else in
    float32. Rows whose target is :data:`IGNORED` count as nothing. No tensor is larger than
    ``BLOCK_ROWS x vocabulary``.

    ``present`` are the ids of the tokens that the text has, the targets among them. All others are in the loss always;
    their gradient is taken for all of them together, see :class:`_Absent`.
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
