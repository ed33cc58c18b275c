"""The loop of generation: ask the model, draw, append, and tell what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gpt2tui.corpus.bpe import END_OF_TEXT
from gpt2tui.generation.drawing import Drawing
from gpt2tui.generation.window import Window
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.sampling import SamplingSettings


class Draw(NamedTuple):
    """One drawn token.

    ``log_probability`` is the natural logarithm of what the model itself gave the token, before temperature
    and filters.
    """

    sample: int
    token: int
    log_probability: float


class Odds(NamedTuple):
    """Both distributions of one sample's next token, on the CPU.

    ``plain`` (vocabulary,) holds natural logarithms of what the model itself gave. ``probabilities`` and ``ids``
    (candidates,) are what was drawn from; 0 excludes.
    """

    plain: Tensor
    probabilities: Tensor
    ids: Tensor


def stream(
    model: GPT2,
    prompt_ids: Sequence[int],
    settings: SamplingSettings,
    *,
    context: int,
    samples: int = 1,
    use_cache: bool = True,
    has_ended: Callable[[int], bool] = lambda sample: False,
    look: Callable[[int, Odds], None] | None = None,
) -> Iterator[Draw]:
    """Tokens that follow the prompt, as they are drawn: one of each sample, then the next of each.

    ``context`` is how many tokens the model looks at (the block size it was trained with); an empty prompt
    begins with ``<|endoftext|>``. A sample ends with ``<|endoftext|>``, at ``max_new_tokens``, or when
    ``has_ended`` says so of it after its token was taken. ``look`` is shown what each token is drawn from, right
    before the token comes. The model should be in eval mode; torch's global generators are left alone.

    Raises:
        Gpt2TuiError: the model's scores are not finite.
    """
    prompt = list(prompt_ids) or [END_OF_TEXT]
    window = Window(model, torch.tensor([prompt] * samples), context=context, use_cache=use_cache)
    drawing = Drawing(settings, prompt, samples=samples)
    living = list(range(samples))
    following = torch.full((samples,), END_OF_TEXT)  # what ended samples go on with, unseen
    for index in range(settings.max_new_tokens):
        if index:
            window.append(following)
        logits = window.logits()[living].float()  # (living, vocabulary)
        drawn = drawing.draw(logits, living)  # (living,)
        plain = logits.log_softmax(dim=1).cpu()  # (living, vocabulary)
        own = plain.gather(1, drawn[:, None])[:, 0]  # (living,)
        following = torch.full((samples,), END_OF_TEXT)
        following[living] = drawn
        for row, draw in enumerate(map(Draw, living, drawn.tolist(), own.tolist())):
            if look is not None:
                look(draw.sample, Odds(plain[row], *(part[row] for part in drawing.last)))
            yield draw
        living = [
            sample
            for sample, token in zip(living, drawn.tolist(), strict=True)
            if token != END_OF_TEXT and not has_ended(sample)
        ]
        if not living:
            return
