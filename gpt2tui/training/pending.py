"""Updates whose losses the host has not read yet, so that a GPU never waits for it."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from gpt2tui.training.update import Outcome

MOST_UNREAD = 20
_LONGEST_UNREAD_SECONDS = 0.1


class Result(NamedTuple):
    """An update as the host knows it."""

    loss: float
    gradient_norm: float
    tokens: int
    learning_rate: float
    seconds: float


class Pending:
    """Outcomes in the order of their updates.

    Each is read at once on all devices but CUDA, and where the learning rate depends on the losses: when they
    are read must not matter.
    """

    def __init__(self, device: str, *, is_rate_by_loss: bool) -> None:
        self._most = MOST_UNREAD if device == "cuda" and not is_rate_by_loss else 1
        self._unread: list[tuple[Outcome, int, float]] = []
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._unread)

    @property
    def tokens(self) -> int:
        """Tokens of the unread updates."""
        return sum(tokens for _, tokens, _ in self._unread)

    def begin(self) -> None:
        """An update begins; the first after a reading starts the clock."""
        if not self._unread:
            self._since = time.perf_counter()

    def add(self, outcome: Outcome, tokens: int, learning_rate: float) -> None:
        """An update was sent to the device."""
        self._unread.append((outcome, tokens, learning_rate))

    def is_due(self) -> bool:
        """Whether to read now."""
        waited = time.perf_counter() - self._since
        return len(self._unread) >= self._most or (bool(self._unread) and waited >= _LONGEST_UNREAD_SECONDS)

    def read(self) -> list[Result]:
        """Wait for the device and return all that is unread."""
        if not self._unread:
            return []
        losses = torch.stack([outcome.loss for outcome, _, _ in self._unread]).tolist()
        norms = torch.stack([outcome.gradient_norm for outcome, _, _ in self._unread]).tolist()
        seconds = (time.perf_counter() - self._since) / len(self._unread)
        results = [
            Result(loss, norm, tokens, rate, seconds)
            for loss, norm, (_, tokens, rate) in zip(losses, norms, self._unread, strict=True)
        ]
        self._unread.clear()
        return results

    def drop(self) -> None:
        """Forget what is unread, since the run goes back."""
        self._unread.clear()
