"""One update: forward and backward in micro-batches, clipping, and the optimisers, without asking the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gpt2tui.errors import OutOfMemoryError
from gpt2tui.model.device import is_out_of_memory
from gpt2tui.model.transformer import GPT2
from gpt2tui.training.loss import IGNORED, summed_cross_entropy
from gpt2tui.training.optimizers import Optimizers


class Outcome(NamedTuple):
    """What an update tells, on the device: the loss before it and the gradient's norm before clipping."""

    loss: Tensor
    gradient_norm: Tensor


class TornUpdateError(OutOfMemoryError):
    """Memory ran out amid an update: some parameters have moved and others not, so they are not worth saving."""


class Updater:
    """Holds what all updates share; ``micro_batch`` and ``is_compiled`` may be changed between them.

    ``present`` are the ids of the tokens that the text has, where the others get one gradient together (loss.py).
    """

    def __init__(
        self,
        model: GPT2,
        optimizers: Optimizers,
        *,
        dtype: torch.dtype,
        clip_norm: float,
        micro_batch: int,
        present: Tensor | None = None,
    ) -> None:
        self.model = model
        self.optimizers = optimizers
        self.dtype = dtype
        self.clip_norm = clip_norm
        self.micro_batch = micro_batch
        self.is_compiled = False
        self.device = next(model.parameters()).device
        self.present = None if present is None else present.to(self.device)
        # float16 gradients underflow without a scale; bfloat16 and float32 have the range they need.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=dtype == torch.float16)

    def step(self, inputs: Tensor, targets: Tensor) -> Outcome:
        """Update once on token ids (batch, block) and their targets, ignored where they are padding.

        An update whose loss or gradient is not finite leaves the parameters as they were; the outcome shows it.
        When memory runs out no parameter has moved, and :meth:`discard` makes the update repeatable.

        Raises:
            TornUpdateError: memory ran out later than that.
        """
        loss = self._backward(inputs, targets)
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)  # type: ignore[arg-type]  # it asks for param_groups alone
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        try:
            self._apply(torch.isfinite(loss) & torch.isfinite(norm))
        except Exception as error:
            if is_out_of_memory(error):
                raise TornUpdateError("out of memory amid an update; try a smaller --preset") from error
            raise
        self.optimizers.zero_grad()
        return Outcome(loss, norm)

    def _apply(self, is_finite: Tensor) -> None:
        if self.device.type == "cuda" and not self.scaler.is_enabled():
            self._step_where(is_finite)
            return
        # Asked here and not left to the scaler, which looks at each optimiser's gradients alone.
        if is_finite:  # reading a value costs nothing on a CPU
            for optimizer in self.optimizers:
                self.scaler.step(optimizer)  # type: ignore[arg-type]
        self.scaler.update()

    def discard(self) -> None:
        """Drop gradients of an update that failed half-way."""
        self.optimizers.zero_grad()

    def is_good(self, gradient_norm: float) -> bool:
        """Whether an update with that norm was made, or at least skipped on purpose: to lower the loss scale."""
        return math.isfinite(gradient_norm) or (self.scaler.is_enabled() and self.scaler.get_scale() >= 1)

    @property
    def _hidden(self) -> Callable[[Tensor], Tensor]:
        return self._compiled_hidden if self.is_compiled else self.model.hidden

    @cached_property
    def _compiled_hidden(self) -> Callable[[Tensor], Tensor]:
        compiled: Callable[[Tensor], Tensor] = torch.compile(self.model.hidden)
        return compiled

    def _backward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        total = torch.zeros((), device=self.device)
        count = (targets != IGNORED).sum()
        for x, y in zip(inputs.split(self.micro_batch), targets.split(self.micro_batch), strict=True):  # type: ignore[no-untyped-call]
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                hidden = self._hidden(x)  # (micro-batch, block, width)
            rows, head = hidden.flatten(0, 1), self.model.wte.weight
            summed = summed_cross_entropy(rows, head, y.flatten(), self.dtype, self.present)
            loss = summed / count
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _step_where(self, is_finite: Tensor) -> None:
        """Step, and take the step back on the device itself where the flag is false: no waiting for the host."""
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        before = [p.detach().clone() for p in parameters]
        for p in parameters:
            p.grad = torch.where(is_finite, p.grad, 0.0)  # type: ignore[arg-type]
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            for p, kept in zip(parameters, before, strict=True):
                p.copy_(torch.where(is_finite, p, kept))
