"""The optimisers a recipe names, over the parameters it gives them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.recipe import Recipe
from gpt2tui.training.muon import Muon
from gpt2tui.training.optimizer import AdamW, Optimizer

NamedParameters = list[tuple[str, Tensor]]


class Optimizers:
    """One optimiser, or two that share the parameters: Muon (Jordan et al., 2024) for the matrices inside the
    blocks and AdamW (Loshchilov & Hutter, 2019) for the rest. Weight decay falls on all parameters alike.

    Their state is there from the start, so that memory that does not suffice for it runs out before the first
    update and not amid it.
    """

    def __init__(self, model: GPT2, recipe: Recipe) -> None:
        named: NamedParameters = list(model.named_parameters())
        self._members: list[tuple[Optimizer, NamedParameters, float]] = []
        if recipe.optimizer == "muon":
            assert recipe.hidden_learning_rate is not None
            hidden = [(name, p) for name, p in named if name.startswith("h.") and p.ndim == 2]
            named = [(name, p) for name, p in named if not (name.startswith("h.") and p.ndim == 2)]
            muon = Muon(
                [p for _, p in hidden],
                lr=recipe.hidden_learning_rate,
                momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
                turns=recipe.turns,
                row_beta=recipe.row_beta,
            )
            self._members.append((muon, hidden, recipe.hidden_learning_rate))
        adamw = AdamW(
            [p for _, p in named],
            lr=recipe.learning_rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
        )
        self._members.append((adamw, named, recipe.learning_rate))

    def __iter__(self) -> Iterator[Optimizer]:
        return (optimizer for optimizer, _, _ in self._members)

    def set_factor(self, factor: float) -> None:
        """Set every learning rate to ``factor`` times its peak."""
        for optimizer, _, peak in self._members:
            optimizer.lr = factor * peak

    def zero_grad(self) -> None:
        for optimizer, _, _ in self._members:
            optimizer.zero_grad()

    def tensors(self) -> dict[str, Tensor]:
        """All state, as ``<kind>/<parameter>``; the tensors themselves, not copies."""
        return {
            f"{kind}/{name}": value
            for optimizer, named, _ in self._members
            for name, parameter in named
            for kind, value in optimizer.state[parameter].items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over state that :meth:`tensors` gave, on whatever device the parameters are.

        Raises:
            Gpt2TuiError: it is that of other optimisers or of another model.
        """
        for name, own in self.tensors().items():
            if name not in tensors or tensors[name].shape != own.shape:
                raise Gpt2TuiError(
                    f"the optimiser's state does not fit this run: {name} is missing or of another shape"
                )
            own.copy_(tensors[name])
