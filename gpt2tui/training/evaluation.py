"""The corpus loss: every token but the first predicted once, with one fixed set of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from gpt2tui.model.transformer import GPT2
from gpt2tui.training.loss import IGNORED, summed_cross_entropy

ESTIMATE_ABOVE = 2_000_000
"""Predictions up to which a corpus is evaluated whole; of a larger one, so many are sampled."""


class CorpusLoss(NamedTuple):
    """Mean cross-entropy in nats over ``tokens`` predictions.

    ``is_partial``: it ended early, since the sum had proved that the whole mean cannot be below the target.
    ``is_estimate``: a fixed sample of a large corpus.
    """

    loss: float
    tokens: int
    is_partial: bool
    is_estimate: bool


class Abandoned(Exception):
    """The evaluation was given up because something more urgent came."""


def corpus_loss(
    model: GPT2,
    tokens: np.ndarray,
    *,
    block_size: int,
    batch_size: int,
    dtype: torch.dtype,
    target: float | None = None,
    is_urgent: Callable[[], bool] = lambda: False,
) -> CorpusLoss:
    """The loss of ``model`` over ``tokens`` (uint16) in windows of ``block_size`` from offset 0, the last shorter.

    Products run in ``dtype``, losses and sums in float32 and float64. With a ``target`` it stops as soon as the
    whole mean is known not to be below it. The model's mode is restored, no generator is touched.

    Raises:
        Abandoned: ``is_urgent`` became true.
    """
    device = next(model.parameters()).device
    starts, is_estimate = _starts(len(tokens) - 1, block_size)
    predictions = int(np.minimum(block_size, len(tokens) - 1 - starts).sum())
    total, seen = 0.0, 0
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            for first in range(0, len(starts), batch_size):
                if is_urgent():
                    raise Abandoned
                inputs, targets = _windows(tokens, starts[first : first + batch_size], block_size)
                hidden = model.hidden(inputs.to(device))  # (windows, block, width)
                wanted = targets.to(device).flatten()
                total += float(summed_cross_entropy(hidden.flatten(0, 1), model.wte.weight, wanted, dtype))
                seen += int((targets != IGNORED).sum())
                if target is not None and total >= target * predictions and seen < predictions:
                    return CorpusLoss(total / seen, seen, True, is_estimate)
    finally:
        model.train(was_training)
    return CorpusLoss(total / predictions, predictions, False, is_estimate)


def _starts(predictions: int, block_size: int) -> tuple[np.ndarray, bool]:
    """Where the windows start, and whether they are a sample (evenly spread) of all of them."""
    starts = np.arange(0, predictions, block_size)
    if predictions <= ESTIMATE_ABOVE:
        return starts, False
    chosen = np.linspace(0, len(starts) - 1, ESTIMATE_ABOVE // block_size).astype(np.int64)
    return starts[np.unique(chosen)], True


def _windows(tokens: np.ndarray, starts: np.ndarray, block_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets (windows, block) of int64; past the end of the text the targets are ignored."""
    positions = starts[:, None] + np.arange(block_size + 1)  # (windows, block + 1)
    ids = tokens[np.minimum(positions, len(tokens) - 1)].astype(np.int64)
    targets = np.where(positions[:, 1:] < len(tokens), ids[:, 1:], IGNORED)
    return torch.from_numpy(np.ascontiguousarray(ids[:, :-1])), torch.from_numpy(targets)
