"""Muon (Jordan et al., 2024, kellerjordan.github.io/posts/muon): momentum whose singular values are made about one."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from gpt2tui.model.device import choose_dtype
from gpt2tui.model.products import one_dnn, suits_one_dnn
from gpt2tui.training.optimizer import Optimizer

_COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the odd quintic that is applied again and again: those of Jordan et al., which lift small values fastest."""
_SINGLY = (1, 1, 1, 1, 1)
_TOGETHER = (3, 2)
"""Iterations between two looks at the matrix; more than three at a time lose small values in bfloat16."""
_LONG = 1.5
"""Columns a row from which on taking them together is less work: 4 long products and 14 square ones, not 10 and 5."""
_LARGE = 256
"""Rows below which there is no time to win, and a rank that is not full, which makes rounding count, is likely."""
_STACK = 12
"""Matrices at a time: threads that have one each wait for each other less often than those that share one."""
_MARGIN = 1.02
"""Keeps the largest value below one, though the products round to eight bits."""
_TINY = 1e-16
"""Of the root of a sum of fourth powers: below it (values of 1e-8) a matrix counts as nothing."""


class Muon(Optimizer):
    """For matrices. As torch's own, but for what the first product divides by (see :func:`orthogonalised`), and two
    things that may be asked for.

    With ``turns`` the shapes take turns, a step each, while their momentum goes on: of what orthogonalising takes, a
    step pays a share. With ``row_beta`` the rows of an update, one for each neuron, are brought to sizes alike by the
    mean squares that theirs had before, and the whole to the size it had (Li et al., 2025, arXiv:2510.05491).
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        turns: int = 1,
        row_beta: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        self.momentum, self.turns, self.row_beta = momentum, turns, row_beta
        self._turn_of = _dealt({p.shape for p in self.parameters}, turns)
        for p in self.parameters:
            self.state[p] = {"momentum_buffer": torch.zeros_like(p)}
            if turns > 1:
                self.state[p]["step"] = torch.zeros(())  # on the CPU: whose turn it is asks no device
            if row_beta:
                self.state[p]["row_square"] = p.new_zeros(p.shape[0], 1)

    @torch.no_grad()
    def step(self) -> None:
        """One update, with Nesterov's momentum; matrices that are taller than wide move further."""
        for p in self.parameters:
            if p.grad is not None:
                self.state[p]["momentum_buffer"].lerp_(p.grad, 1 - self.momentum)
        for alike in self._stacks():
            (rows, columns), device = alike[0].shape, alike[0].device
            slopes = torch.empty(len(alike), rows, columns, dtype=_format(device), device=device)
            for p, slope in zip(alike, slopes, strict=True):
                assert p.grad is not None
                slope.copy_(p.grad.lerp(self.state[p]["momentum_buffer"], self.momentum))
            for p, update in zip(alike, orthogonalised(slopes), strict=True):
                if self.weight_decay:
                    p.mul_(1 - self.lr * self.weight_decay)
                p.add_(self._evened(p, update), alpha=-self.lr * math.sqrt(max(1, rows / columns)))

    def _stacks(self) -> Iterator[list[Tensor]]:
        """The parameters that have a gradient and whose turn it is, some of one shape at a time."""
        by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for p in self.parameters:
            if p.grad is not None and self._is_its_turn(p):
                by_shape[p.shape].append(p)
        for alike in by_shape.values():
            yield from (alike[start : start + _STACK] for start in range(0, len(alike), _STACK))

    def _is_its_turn(self, p: Tensor) -> bool:
        if self.turns == 1:
            return True
        step = self.state[p]["step"]
        step += 1
        return int(step - 1) % self.turns == self._turn_of[p.shape]

    def _evened(self, p: Tensor, update: Tensor) -> Tensor:
        """The update with rows of sizes alike."""
        if not self.row_beta:
            return update
        squares = torch.linalg.vector_norm(update, dim=1, keepdim=True, dtype=torch.float32).square()  # (rows, 1)
        mean = self.state[p]["row_square"]
        mean.lerp_(squares, 1 - self.row_beta)
        factors = (mean + _TINY).rsqrt()
        size = (squares.sum() / (squares * factors.square()).sum().clamp(min=_TINY)).sqrt()
        evened: Tensor = update * (factors * size)
        return evened


def _dealt(shapes: Iterable[torch.Size], turns: int) -> dict[torch.Size, int]:
    """The turn of each shape, so that all turns have about as much to do."""
    by_size = sorted(shapes, key=lambda shape: (shape.numel(), shape))
    whole = sum(shape.numel() for shape in by_size)
    before = itertools.accumulate((shape.numel() for shape in by_size), initial=0)
    return {
        shape: int((start + shape.numel() / 2) * turns / whole) for start, shape in zip(before, by_size, strict=False)
    }


def orthogonalised(x: Tensor) -> Tensor:
    """Matrices of the same singular vectors as those given (count, rows, columns), which are used up, with singular
    values of 0.7 to 1.2, about.

    Newton and Schulz's iteration, which needs values below one. The sum of their squares, by which others divide,
    is far above the largest; the sum of their fourth powers is nearer, and the first product tells it. Values that
    begin larger come nearer to one in as many iterations.

    An iteration multiplies x by a polynomial of ``x @ x.T``, or of ``x.T @ x`` on the other side, whichever is smaller.
    So do several together; and what the first ones make of that square matrix follows without x.
    """
    rows, columns = x.shape[1:]
    is_tall = rows > columns
    narrow, long = sorted((rows, columns))
    is_worthwhile = narrow >= _LARGE and long > _LONG * narrow
    for index, count in enumerate(_TOGETHER if is_worthwhile else _SINGLY):
        gram = _products(x.mT, x) if is_tall else _products(x, x.mT)
        if index == 0:
            norms = torch.linalg.vector_norm(gram, dim=(1, 2), keepdim=True, dtype=torch.float32).clamp(min=_TINY)
            largest = (_MARGIN * norms.sqrt()).to(x.dtype)
            x /= largest
            gram /= largest.float().square()
        factor = _iterated(gram, count)
        x = _products(x, factor) if is_tall else _products(factor, x)
    return x


def _iterated(gram: Tensor, count: int) -> Tensor:
    """What so many iterations multiply x by, if ``x @ x.T`` is ``gram``."""
    a, b, c = _COEFFICIENTS
    rest = _added(gram, gram, gram, beta=b, alpha=c)
    factor = rest.clone()
    factor.diagonal(dim1=1, dim2=2).add_(a)
    for _ in range(count - 1):
        half = _added(gram, gram, rest, beta=a)
        gram = _added(half, rest, half, beta=a)
        rest = _added(gram, gram, gram, beta=b, alpha=c)
        factor = _added(factor, rest, factor, beta=a)
    return factor


def _added(to: Tensor, left: Tensor, right: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """``beta * to + alpha * left @ right``."""
    if suits_one_dnn(left[0], right[0].T):
        return (beta * to).add_(_products(left, right), alpha=alpha)
    return torch.baddbmm(to, left, right, beta=beta, alpha=alpha)


def _products(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right`` of each pair."""
    if suits_one_dnn(left[0], right[0].T):  # which multiplies single matrices
        return torch.stack([one_dnn(one, other.T) for one, other in zip(left, right, strict=True)])
    return torch.bmm(left, right)


def _format(device: torch.device) -> torch.dtype:
    """bfloat16, which is exact enough, but on a CPU that would have to make it of other numbers."""
    is_slow = device.type == "cpu" and choose_dtype("auto", "cpu")[0] == "float32"
    return torch.float32 if is_slow else torch.bfloat16
