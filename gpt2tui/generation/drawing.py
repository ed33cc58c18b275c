"""From the model's scores to the next token, as the settings say."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch
from torch import Tensor

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.sampling import SamplingSettings

_COLDEST = 1e-6
"""Temperatures below are taken as this: float32 scores that differ at all differ by more."""


class Drawing:
    """Draws for several samples, each from a generator of its own.

    Sample ``i`` under seed ``s`` is what sample 0 is under seed ``s + i``, whatever is drawn beside it. The
    generators are the CPU's, so that a seed means the same numbers on every device. ``last`` is what the last
    draw was from: float64 probabilities and ids, both (rows, candidates) on the CPU.
    """

    last: tuple[Tensor, Tensor]

    def __init__(self, settings: SamplingSettings, prompt_ids: Sequence[int], *, samples: int) -> None:
        self._settings = settings
        self._prompt_ids = list(prompt_ids)
        seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self._generators = [torch.Generator().manual_seed((seed + index) % 2**63) for index in range(samples)]
        self._seen: Tensor | None = None

    def draw(self, logits: Tensor, samples: Sequence[int]) -> Tensor:
        """The next ids (rows,) on the CPU, for logits (rows, vocabulary) of the samples named.

        Raises:
            Gpt2TuiError: a logit is not finite.
        """
        if not bool(torch.isfinite(logits).all()):
            raise Gpt2TuiError(
                "the model's scores are not finite, so no token can be drawn: the weights are damaged or the "
                "training diverged; try another checkpoint with --checkpoint"
            )
        scores = penalised(logits.float(), self._seen_rows(logits, samples), self._settings.repetition_penalty)
        if self._settings.temperature == 0:
            drawn = scores.argmax(dim=1).cpu()  # (rows,)
            self.last = torch.ones(len(drawn), 1, dtype=torch.float64), drawn[:, None]
        else:
            probabilities, ids = self.last = candidates(scores, self._settings)
            drawn = ids.gather(1, self._choices(probabilities, samples))[:, 0]  # (rows,)
        if self._seen is not None:
            self._seen[list(samples), drawn.to(self._seen.device)] = True
        return drawn

    def _choices(self, probabilities: Tensor, samples: Sequence[int]) -> Tensor:
        """Which candidate each row takes (rows, 1): where a uniform number falls in the running sum."""
        uniform = torch.stack(
            [torch.rand(1, generator=self._generators[sample], dtype=torch.float64) for sample in samples]
        )  # (rows, 1)
        sums = probabilities.cumsum(dim=1)  # (rows, candidates)
        chosen = torch.searchsorted(sums, uniform * sums[:, -1:], right=True)
        return chosen.clamp(max=probabilities.shape[1] - 1)

    def _seen_rows(self, logits: Tensor, samples: Sequence[int]) -> Tensor | None:
        """Which tokens (rows, vocabulary) have occurred in each sample; None when nothing asks for it."""
        if self._settings.repetition_penalty == 1:
            return None
        if self._seen is None:
            shape = (len(self._generators), logits.shape[1])
            self._seen = torch.zeros(shape, dtype=torch.bool, device=logits.device)
            self._seen[:, self._prompt_ids] = True
        return self._seen[list(samples)]


def penalised(logits: Tensor, seen: Tensor | None, penalty: float) -> Tensor:
    """Scores (rows, vocabulary) of which those of ``seen`` tokens, prompt included, are lowered.

    Positive ones are divided by the penalty, others multiplied (Keskar et al. 2019, section 4.1, with the
    treatment of negative scores that became usual).
    """
    if seen is None:
        return logits
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.nan_to_num(torch.where(seen, lowered, logits))


def candidates(scores: Tensor, settings: SamplingSettings) -> tuple[Tensor, Tensor]:
    """What may be drawn: float64 probabilities, where 0 excludes, and ids, both (rows, candidates) on the CPU.

    Applies temperature, top-k, top-p and min-p, in this order, to float32 scores (rows, vocabulary). Ids ascend.
    """
    # Without its maximum no score overflows at a low temperature.
    scores = (scores - scores.amax(dim=1, keepdim=True)) / max(settings.temperature, _COLDEST)
    vocabulary = scores.shape[1]
    if 0 < settings.top_k < vocabulary:
        scores, ids = scores.topk(settings.top_k, dim=1)  # (rows, k), best first
    elif settings.top_p < 1:
        scores, ids = scores.sort(dim=1, descending=True)
    else:
        ids = torch.arange(vocabulary, device=scores.device).expand(scores.shape)
    # In float64, since float32 sums of thousands of small numbers are off by more than a border token's share.
    probabilities, ids = scores.cpu().double().softmax(dim=1), ids.cpu()
    if settings.top_p < 1:
        before = probabilities.cumsum(dim=1) - probabilities  # what all better tokens have together
        probabilities = _without(probabilities, before >= settings.top_p)
    if settings.min_p > 0:
        floor = settings.min_p * probabilities.amax(dim=1, keepdim=True)
        probabilities = _without(probabilities, probabilities < floor)
    # By id: which of two comes first that are equally likely within rounding must not decide what is drawn.
    if ids.shape[1] < vocabulary:
        ids, places = ids.sort(dim=1)
        probabilities = probabilities.gather(1, places)
    elif settings.top_p < 1:
        probabilities = torch.empty_like(probabilities).scatter_(1, ids, probabilities)
        ids = torch.arange(vocabulary).expand(ids.shape)
    return probabilities, ids


def _without(probabilities: Tensor, excluded: Tensor) -> Tensor:
    rest = probabilities.masked_fill(excluded, 0.0)
    return rest / rest.sum(dim=1, keepdim=True)
