"""The part of a trainer that learns: weights, optimisers, the place in the text; saved and restored as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gpt2tui.checkpoints.folder import Checkpoint
from gpt2tui.checkpoints.state import TrainerState
from gpt2tui.checkpoints.tensors import read_model, read_optimizer
from gpt2tui.corpus.windows import Place, WindowOrder, batch_arrays
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.model.device import DTYPES
from gpt2tui.model.dropout import Dropout
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import RunConfig
from gpt2tui.training.optimizers import Optimizers
from gpt2tui.training.update import Outcome, Updater

_GENERATOR = "generator/"
_AT_A_TIME = 1 << 20
"""Tokens; their ids are made eight bytes wide to be looked up."""
_MOST = 0.5
"""Of the vocabulary, that a text may have for the rest to be worth joining."""


class Learner:
    """Makes updates on the next windows of the text. Two that were restored alike go on alike, bit for bit."""

    def __init__(self, config: RunConfig, tokens: np.ndarray) -> None:
        """Describe it; :meth:`reset` or :meth:`restore` makes it ready."""
        self._config = config
        self._tokens = tokens
        recipe = config.recipe
        self._order = WindowOrder(
            tokens=len(tokens),
            block_size=config.block_size,
            batch_size=recipe.batch_size,
            order=recipe.order,
            aligned_every=recipe.aligned_every,
            aligned_share=recipe.aligned_share,
            seed=config.seed,
        )
        rates = dict.fromkeys(recipe.dropout_places, recipe.dropout)
        self.model = GPT2.empty(config.model, Dropout(**rates)).allocate(config.device)
        self._present = present_tokens(tokens, config.model.vocabulary_size) if recipe.joins_absent else None
        self._is_compiled = config.compile

    def reset(self, weights: Mapping[str, Tensor] | None = None) -> None:
        """Go to where a run begins: these weights, or a draw, and an optimiser that has seen nothing."""
        config = self._config
        if weights is None:
            drawn = GPT2.initialised(
                config.model,
                seed=config.seed,
                residual_scaling=config.recipe.residual_scaling,
                embedding_deviation=config.recipe.embedding_deviation,
            )
            weights = drawn.state_dict()
        self._load_weights(weights)
        torch.manual_seed(config.seed)
        self.place = Place(0, 0)
        self._prepare(first_micro_batch(config))

    def give_up_compiling(self) -> None:
        """Go on without torch.compile, also after going back."""
        self._is_compiled = self.updater.is_compiled = False

    def update(self, factor: float) -> tuple[Outcome, int]:
        """One update at ``factor`` times the peak learning rates; returns its outcome and its tokens.

        The place in the text moves on only when the update was made.
        """
        windows, following = self._order.next_batch(self.place)
        inputs, targets = batch_arrays(self._tokens, windows, self._config.block_size)
        device = self._config.device
        self.updater.optimizers.set_factor(factor)
        outcome = self.updater.step(torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device))
        self.place = following
        return outcome, sum(end - start for start, end in windows)

    def optimizer_tensors(self) -> dict[str, Tensor]:
        """Optimiser state and the global generators, to be saved."""
        tensors = self.updater.optimizers.tensors()
        tensors[f"{_GENERATOR}cpu"] = torch.get_rng_state()
        if self._config.device == "cuda":
            tensors[f"{_GENERATOR}cuda"] = torch.cuda.get_rng_state()
        if self._config.device == "mps":
            tensors[f"{_GENERATOR}mps"] = torch.mps.get_rng_state()
        return tensors

    def restore(self, checkpoint: Checkpoint, state: TrainerState) -> None:
        """Go to where a checkpoint was written.

        Raises:
            Gpt2TuiError: its tensors do not fit this run's model, or it holds weights alone.
        """
        self._load_weights(read_model(checkpoint))
        self.place = Place(state.pass_index, state.position)
        self._prepare(state.micro_batch)
        tensors = read_optimizer(checkpoint)
        generators = {name: tensors.pop(name) for name in list(tensors) if name.startswith(_GENERATOR)}
        self.updater.optimizers.load(tensors)
        if state.scaler:
            self.updater.scaler.load_state_dict(dict(state.scaler))
        if f"{_GENERATOR}cpu" not in generators:
            raise Gpt2TuiError(f"checkpoint {checkpoint.name} has no generator's state to go on from")
        torch.set_rng_state(generators[f"{_GENERATOR}cpu"])
        if self._config.device == "cuda" and f"{_GENERATOR}cuda" in generators:
            torch.cuda.set_rng_state(generators[f"{_GENERATOR}cuda"])
        if self._config.device == "mps" and f"{_GENERATOR}mps" in generators:
            torch.mps.set_rng_state(generators[f"{_GENERATOR}mps"])

    def _load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        try:
            self.model.load_state_dict(tensors)
        except RuntimeError as error:
            wrong = " ".join(str(error).split())
            raise Gpt2TuiError(f"the weights do not fit the model of this run: {wrong}") from error

    def _prepare(self, micro_batch: int) -> None:
        self.model.train()
        self.updater = Updater(
            self.model,
            Optimizers(self.model, self._config.recipe),
            dtype=DTYPES[self._config.dtype],
            clip_norm=self._config.recipe.clip_norm,
            micro_batch=micro_batch,
            present=self._present,
        )
        self.updater.is_compiled = self._is_compiled


def first_micro_batch(config: RunConfig) -> int:
    """Sequences at a time that a run begins with."""
    batch = config.recipe.batch_size
    return min(config.micro_batch or batch, batch)


def present_tokens(tokens: np.ndarray, vocabulary: int) -> Tensor | None:
    """The ids that a text has, rising; None where it has so many that joining the others is no gain."""
    is_there = np.zeros(vocabulary, dtype=bool)
    for start in range(0, len(tokens), _AT_A_TIME):
        is_there[tokens[start : start + _AT_A_TIME]] = True
        if np.count_nonzero(is_there) >= _MOST * vocabulary:
            return None
    return torch.from_numpy(np.flatnonzero(is_there))
