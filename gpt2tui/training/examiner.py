"""Measures the corpus loss when it is worth its price."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal, TypedDict

import numpy as np

from gpt2tui.checkpoints.state import TrainerState
from gpt2tui.model.device import DTYPES
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import Evaluated
from gpt2tui.training.evaluation import ESTIMATE_ABOVE, Evaluation
from gpt2tui.training.judge import NEAR, Judge, Look


class Memory(TypedDict):
    """What a checkpoint keeps of an examiner."""

    judged_passes: float | None
    judged_loss: float | None
    judged_corpus_loss: float | None


class Examiner:
    """Evaluates a run's training and validation parts."""

    def __init__(self, config: RunConfig, tokens: np.ndarray) -> None:
        self._config = config
        boundary = config.corpus.train_tokens
        self._train, self._validation = tokens[:boundary], tokens[boundary:]
        self._share = min(1.0, ESTIMATE_ABOVE / config.tokens_per_pass)
        self._judge = Judge(self._share)
        self._last: Evaluated | None = None

    def wants(self, recent_loss: float, target: float | None, passes: float, *, best: float | None = None) -> bool:
        """Whether now is the time to look: near the target, or far below the lowest corpus loss so far."""
        far_below = best / (2 * NEAR) if best else 0.0
        return self._judge.wants_evaluation(recent_loss, max(target or 0.0, far_below), passes)

    def share_of_time(self, passes: float) -> float:
        """What a look is likely to take, as a share of the time of so many passes: a third of training on as much."""
        return self._share / (3 * passes)

    @property
    def last_step(self) -> int | None:
        """The step of the last evaluation."""
        return self._last.step if self._last else None

    def loss_at(self, step: int) -> float | None:
        """The corpus loss at a step, if that was measured last and to the end."""
        last = self._last
        return last.loss if last and last.step == step and not last.partial else None

    def forget(self) -> None:
        """Let earlier looks count for nothing, since the target is another or the weights went back."""
        self._judge, self._last = Judge(self._share), None

    def examine(
        self,
        model: GPT2,
        *,
        step: int,
        passes: float,
        recent_loss: float,
        batch_size: int,
        early_end: float | None,
    ) -> Iterator[Evaluated | None]:
        """The corpus loss, stopped as soon as it is known not to be below ``early_end``, where that is given, then the
        validation loss if there is one.

        Gives None every few windows, so that other things can be done meanwhile.
        """
        parts: list[tuple[Literal["train", "validation"], np.ndarray, float | None]] = [
            ("train", self._train, early_end)
        ]
        if len(self._validation) > 1:
            parts.append(("validation", self._validation, None))
        for split, tokens, bound in parts:
            began = time.monotonic()
            evaluation = Evaluation(
                model,
                tokens,
                block_size=self._config.block_size,
                batch_size=batch_size,
                dtype=DTYPES[self._config.dtype],
                target=bound,
            )
            while (result := evaluation.advance()) is None:
                yield None
            event = Evaluated(
                step=step,
                split=split,
                loss=result.loss,
                tokens=result.tokens,
                seconds=time.monotonic() - began,
                dtype=self._config.dtype,
                device=self._config.device,
                estimate=result.is_estimate,
                partial=result.is_partial,
                above=bound if result.is_partial else None,
            )
            if split == "train":
                self._last = event
                self._judge.has_evaluated(Look(passes, recent_loss, result.loss))
            yield event

    def state(self) -> Memory:
        """What to keep, so that a resumed run looks at the same times."""
        passes, recent_loss, corpus_loss = self._judge.last or (None, None, None)
        return Memory(judged_passes=passes, judged_loss=recent_loss, judged_corpus_loss=corpus_loss)

    def restore(self, state: TrainerState) -> None:
        """Take over what was kept."""
        last = None
        if state.judged_passes is not None and state.judged_loss is not None:
            last = Look(state.judged_passes, state.judged_loss, state.judged_corpus_loss)
        self._judge = Judge(self._share, last)
