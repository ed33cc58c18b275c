"""Recipes: how to train. Each is a small TOML file in ``gpt2tui/runs/recipes``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import msgspec

from gpt2tui.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DropoutPlace = Literal["embedding", "attention", "projection", "mlp"]


HIGHEST_RATE = 1.0
"""A learning rate above it is a slip of the keys: every weight would be lost in the next step."""
RATE_WORDS = f"a number above 0, and at most {HIGHEST_RATE:g}"
"""What a learning rate must be, wherever a wrong one is refused."""
_LONG_PASS, _LONGEST_PASS = 16, 64
"""Steps of a pass between which the loss rises from which on the rate falls, by ``_EARLIER`` in all."""
_EARLIER = 1.5


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The learning rate, as a factor of its peak.

    It rises from ``start_factor`` over ``warmup_steps``, holds until ``decay_from``, falls to ``final_factor``
    at ``decay_until``, and stays there. ``unit`` says what the last two count: steps, passes, or the running loss,
    which goes down: then the rate follows the loss, and nobody has to know beforehand how long a text takes.
    """

    unit: Literal["steps", "passes", "loss"]
    shape: Literal["linear", "cosine"]
    warmup_steps: int
    start_factor: float
    decay_from: float
    decay_until: float
    final_factor: float

    def factor(self, step: int, passes: float, running_loss: float = math.inf) -> float:
        """The factor for the step that follows ``step`` finished steps, ``passes`` passes and that running loss."""
        if step < self.warmup_steps:
            return self._between(self.start_factor, 1.0, step / self.warmup_steps)
        now = {"steps": step, "passes": passes, "loss": running_loss}[self.unit]
        share = (now - self.decay_from) / (self.decay_until - self.decay_from)
        return self._between(1.0, self.final_factor, min(1.0, max(0.0, share)))

    def _between(self, start: float, end: float, share: float) -> float:
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        return start + (end - start) * share


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Optimiser, schedule, batch and order of windows.

    With ``muon``, ``hidden_learning_rate``, ``momentum``, ``turns`` and ``row_beta`` are those of the matrices inside
    the blocks (see :class:`gpt2tui.training.muon.Muon`); all other parameters take ``learning_rate`` and ``betas``
    under AdamW.
    """

    name: str
    summary: str
    optimizer: Literal["adamw", "muon"]
    learning_rate: float
    schedule: Schedule
    batch_size: int
    block_size: int
    order: Literal["shuffled", "sequential"]
    clip_norm: float
    hidden_learning_rate: float | None = None
    momentum: float = 0.95
    turns: int = 1
    row_beta: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    dropout: float = 0.0
    dropout_places: tuple[DropoutPlace, ...] = ("embedding", "attention", "projection", "mlp")
    residual_scaling: bool = True
    embedding_deviation: float = 0.02
    """Of the first embedding of tokens, which is the head as well."""
    joins_absent: bool = False
    """Whether the tokens that a text does not have get one gradient for all of them; see ``training/loss.py``."""
    aligned_every: int | None = None
    """Every so many-th shuffled pass starts its windows where those of the corpus loss start, the others at a random
    phase; None: as drawn by chance, with :attr:`aligned_share`.
    """
    aligned_share: float = 0.0
    width: int | None = None
    """The model width that rates and first embedding are for; see :meth:`Recipe.for_width`. None fits all."""
    fits_text: bool = False
    """Whether batch and schedule go with the text's length; see :meth:`Recipe.for_text`."""

    def problems(self) -> list[str]:
        """What is wrong with this recipe, a line a field; empty when nothing is."""
        found = []
        if not is_rate(self.learning_rate):
            found.append(f"lr must be {RATE_WORDS}, not {self.learning_rate:g}")
        if self.optimizer == "muon" and not (self.hidden_learning_rate and self.hidden_learning_rate > 0):
            found.append("recipe.hidden_learning_rate must be above 0 for muon")
        if self.turns < 1:
            found.append(f"recipe.turns must be at least 1, not {self.turns}")
        if not 0 <= self.row_beta < 1:
            found.append(f"recipe.row_beta must lie in [0, 1), not {self.row_beta}")
        if not self.embedding_deviation > 0:
            found.append(f"recipe.embedding_deviation must be above 0, not {self.embedding_deviation}")
        if self.batch_size < 1:
            found.append(f"batch size must be at least 1, not {self.batch_size}")
        if self.aligned_every is not None and self.aligned_every < 1:
            found.append(f"recipe.aligned_every must be at least 1, not {self.aligned_every}")
        if not 0 <= self.aligned_share <= 1:
            found.append(f"recipe.aligned_share must lie in [0, 1], not {self.aligned_share}")
        if not 0 <= self.dropout < 1:
            found.append(f"dropout must lie in [0, 1), not {self.dropout}")
        if self.schedule.warmup_steps < 0:
            found.append(f"warmup must not be negative: {self.schedule.warmup_steps}")
        if self.schedule.decay_from == self.schedule.decay_until:
            found.append("recipe.schedule.decay_from and decay_until must differ")
        if not all(0 <= beta < 1 for beta in self.betas):
            found.append(f"recipe.betas must lie in [0, 1), not {self.betas}")
        if not self.weight_decay >= 0:
            found.append(f"recipe.weight_decay must not be negative: {self.weight_decay}")
        if not self.clip_norm > 0:
            found.append(f"recipe.clip_norm must be above 0, not {self.clip_norm}")
        return found

    def for_width(self, width: int) -> Recipe:
        """The same recipe for a model of that width: AdamW's rate goes with its inverse, Muon's and the deviation of
        the first embedding with the inverse root of it (docs/LOG.md).
        """
        if self.width is None:
            return self
        factor = self.width / width
        hidden = self.hidden_learning_rate and self.hidden_learning_rate * math.sqrt(factor)
        return msgspec.structs.replace(
            self,
            learning_rate=self.learning_rate * factor,
            hidden_learning_rate=hidden,
            embedding_deviation=self.embedding_deviation * math.sqrt(factor),
            width=width,
        )

    def for_text(self, windows: int) -> Recipe:
        """The same recipe for a text of so many windows (docs/LOG.md).

        Of a short one the batch is halved while a step would take more than a pass, and the rates go with its fourth
        root. Of a long one, which is forgotten from visit to visit, a rate that follows the loss falls sooner: from
        a loss that rises with the logarithm of the steps of a pass.
        """
        if not self.fits_text:
            return self
        batch, schedule = self.batch_size, self.schedule
        while batch > max(windows, 1):
            batch //= 2
        steps = min(_LONGEST_PASS, max(_LONG_PASS, windows / batch))
        if schedule.unit == "loss":
            earlier = _EARLIER * math.log(steps / _LONG_PASS) / math.log(_LONGEST_PASS / _LONG_PASS)
            schedule = msgspec.structs.replace(schedule, decay_from=schedule.decay_from + earlier)
        smaller = self.with_learning_rate(self.learning_rate * (batch / self.batch_size) ** 0.25)
        return msgspec.structs.replace(smaller, batch_size=batch, schedule=schedule)

    def with_learning_rate(self, learning_rate: float) -> Recipe:
        """The same recipe at another peak; the rate of the hidden matrices keeps its proportion."""
        hidden = self.hidden_learning_rate
        if hidden is not None:
            hidden *= learning_rate / self.learning_rate
        return msgspec.structs.replace(self, learning_rate=learning_rate, hidden_learning_rate=hidden)


def is_rate(value: float) -> bool:
    """Whether a number can be a learning rate; see :data:`RATE_WORDS`."""
    return 0 < value <= HIGHEST_RATE


def recipe_names() -> list[str]:
    """The recipes in the package, sorted."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UsageError: there is none of that name.
    """
    import tomllib

    if name not in recipe_names():
        raise UsageError(f"no recipe named {name!r}; there are: {', '.join(recipe_names())}")
    return msgspec.convert({"name": name} | tomllib.loads(recipe_text(name)), Recipe)


def recipe_text(name: str) -> str:
    """The TOML text of a recipe in the package."""
    return (_folder() / f"{name}.toml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    from importlib import resources

    return resources.files("gpt2tui.runs") / "recipes"
