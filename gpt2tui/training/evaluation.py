"""The corpus loss: every token but the first predicted once, with one fixed set of weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from gpt2tui.model.transformer import GPT2
from gpt2tui.training.loss import IGNORED, summed_cross_entropy

_ROWS = 256
"""Rows whose scores are there at once, of a model with a head of its own."""
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


class Evaluation:
    """The loss of ``model`` over ``tokens`` (uint16) in windows of ``block_size`` from offset 0, the last shorter,
    measured a few windows at a time, so that other things can be done meanwhile.

    Products run in ``dtype``, losses and sums in float32 and float64. With a ``target`` it ends as soon as the
    whole mean is known not to be below it.
    """

    def __init__(
        self,
        model: GPT2,
        tokens: np.ndarray,
        *,
        block_size: int,
        batch_size: int,
        dtype: torch.dtype,
        target: float | None = None,
    ) -> None:
        self._model = model
        self._tokens = tokens
        self._block_size = block_size
        self._batch_size = batch_size
        self._dtype = dtype
        self._target = target
        self._starts, self._is_estimate = _starts(len(tokens) - 1, block_size)
        self._predictions = int(np.minimum(block_size, len(tokens) - 1 - self._starts).sum())
        self._next, self._seen, self._total = 0, 0, 0.0

    def advance(self) -> CorpusLoss | None:
        """Look at the next windows; the result, when no more are needed.

        The model's mode is restored, no generator is touched.
        """
        was_training = self._model.training
        self._model.eval()
        try:
            self._look(self._starts[self._next : self._next + self._batch_size])
        finally:
            self._model.train(was_training)
        self._next += self._batch_size
        if self._next >= len(self._starts):
            return CorpusLoss(self._total / self._seen, self._seen, False, self._is_estimate)
        if self._target is not None and self._total >= self._target * self._predictions:
            return CorpusLoss(self._total / self._seen, self._seen, True, self._is_estimate)
        return None

    def _look(self, starts: np.ndarray) -> None:
        device = self._model.wte.weight.device
        inputs, targets = _windows(self._tokens, starts, self._block_size)  # (windows, block)
        wanted = targets.to(device).flatten()
        with torch.no_grad(), torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32):
            hidden = self._model.hidden(inputs.to(device)).flatten(0, 1)  # (windows * block, width)
            self._total += float(self._losses(hidden, wanted))
        self._seen += int((targets != IGNORED).sum())

    def _losses(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The summed losses of hidden states (rows, width), also of a model that has a head of its own."""
        if self._model.head is None:
            return summed_cross_entropy(hidden, self._model.wte.weight, targets, self._dtype)
        parts = zip(hidden.split(_ROWS), targets.split(_ROWS), strict=True)  # type: ignore[no-untyped-call]
        losses = [
            F.cross_entropy(self._model.logits(rows), wanted, ignore_index=IGNORED, reduction="sum")
            for rows, wanted in parts
        ]
        return torch.stack(losses).sum()


def corpus_loss(model: GPT2, tokens: np.ndarray, *, block_size: int, batch_size: int, dtype: torch.dtype) -> CorpusLoss:
    """The whole of an :class:`Evaluation` at once."""
    evaluation = Evaluation(model, tokens, block_size=block_size, batch_size=batch_size, dtype=dtype)
    while (result := evaluation.advance()) is None:
        pass
    return result


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
