"""What an optimiser of ours is, and AdamW (Loshchilov & Hutter, 2019) as torch computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adamw import adamw

EPSILON = 1e-8


class Optimizer(ABC):
    """Parameters, a learning rate that may be changed between steps, and the state of each parameter.

    Not torch's class of that name, whose first use imports what torch.compile needs: 0.6 s of every start.
    """

    def __init__(self, parameters: Iterable[Tensor], *, lr: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.lr = lr
        self.weight_decay = weight_decay
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    @property
    def param_groups(self) -> list[dict[str, list[Tensor]]]:
        """As a GradScaler asks for them."""
        return [{"params": self.parameters}]

    @abstractmethod
    def step(self) -> None:
        """One update of every parameter that has a gradient."""

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None


class AdamW(Optimizer):
    """torch's fused kernel."""

    def __init__(
        self, parameters: Iterable[Tensor], *, lr: float, betas: tuple[float, float], weight_decay: float
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        self.betas = betas
        for p in self.parameters:
            first, second = torch.zeros_like(p), torch.zeros_like(p)
            self.state[p] = {"step": torch.zeros((), device=p.device), "exp_avg": first, "exp_avg_sq": second}

    @torch.no_grad()
    def step(self) -> None:
        parameters = [p for p in self.parameters if p.grad is not None]
        states = [self.state[p] for p in parameters]
        adamw(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )
