"""Draws text from a model in training, without touching how the training goes on."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.generation.text import sample_text
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.config import RunConfig
from gpt2tui.runs.events import Notice, Sampled
from gpt2tui.runs.sampling import SamplingSettings

SAMPLE = SamplingSettings(max_new_tokens=60, seed=0)
_OPENING_TOKENS = 16


class Sampler:
    """Continues a prompt: the one asked for, else the run's own, else the text's opening line."""

    def __init__(self, config: RunConfig, tokens: np.ndarray) -> None:
        self._config = config
        self._tokens = tokens

    def draw(
        self, model: GPT2, step: int, prompt: str | None, settings: SamplingSettings, command: str | None
    ) -> Sampled | Notice:
        """The text, or why there is none: a failure is told and ends nothing."""
        try:
            if problems := settings.problems():
                raise Gpt2TuiError("; ".join(problems))
            if prompt is None:
                prompt = self._config.sample_prompt or self._opening_line()
            text = sample_text(model, self._tokenizer, prompt, settings, self._config.block_size)
        except (Gpt2TuiError, RuntimeError, ValueError, MemoryError) as error:
            return Notice(level="warning", text=f"no sample could be drawn: {first_line(error)}", command=command)
        return Sampled(step=step, prompt=prompt, text=text, settings=settings, command=command)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer()

    def _opening_line(self) -> str:
        opening = self._tokenizer.decode_bytes(self._tokens[:_OPENING_TOKENS].tolist()).decode(errors="ignore")
        line, newline, _ = opening.lstrip().partition("\n")
        return line + newline


def first_line(error: BaseException) -> str:
    """The first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
