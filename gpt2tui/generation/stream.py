"""The loop of generation: ask the model, draw, append, and tell what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gpt2tui.corpus.bpe import END_OF_TEXT
from gpt2tui.generation.drafts import Drafter, Drafts
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
    drafts: Drafts | None = None,
) -> Iterator[Draw]:
    """Tokens that follow the prompt, as they are drawn: one of each sample, then the next of each.

    ``context`` is how many tokens the model looks at (the block size it was trained with); an empty prompt
    begins with ``<|endoftext|>``. A sample ends with ``<|endoftext|>``, at ``max_new_tokens``, or when
    ``has_ended`` says so of it after its token was taken. ``look`` is shown what each token is drawn from, right
    before the token comes. The model should be in eval mode; torch's global generators are left alone.

    ``drafts`` change how long a single sample takes, and nothing else: the model is asked about several tokens
    at once, each is drawn as ever, and what was asked behind the first that is another is dropped.

    Raises:
        Gpt2TuiError: the model's scores are not finite.
    """
    prompt = list(prompt_ids) or [END_OF_TEXT]
    window = Window(model, torch.tensor([prompt] * samples), context=context, use_cache=use_cache)
    drawing = Drawing(settings, prompt, samples=samples)
    drafter = Drafter(drafts, prompt) if drafts is not None and samples == 1 else None
    living = list(range(samples))
    left = settings.max_new_tokens  # tokens of each sample
    draft: list[int] = []  # none with the prompt, whose answer is waited for
    while True:
        block = window.logits_along(draft)  # (samples, 1 + draft, vocabulary)
        for place in range(1 + len(draft)):
            logits = block[living, place].float()  # (living, vocabulary)
            drawn = drawing.draw(logits, living)  # (living,)
            plain = logits.log_softmax(dim=1).cpu()  # (living, vocabulary)
            own = plain.gather(1, drawn[:, None])[:, 0]  # (living,)
            for row, draw in enumerate(map(Draw, living, drawn.tolist(), own.tolist())):
                if look is not None:
                    look(draw.sample, Odds(plain[row], *(part[row] for part in drawing.last)))
                yield draw
            following = torch.full((samples,), END_OF_TEXT)  # what ended samples go on with, unseen
            following[living] = drawn
            window.append(following)
            tokens = drawn.tolist()
            living = [
                sample
                for sample, token in zip(living, tokens, strict=True)
                if token != END_OF_TEXT and not has_ended(sample)
            ]
            left -= 1
            if not living or not left:
                return
            if drafter is not None:
                drafter.take(tokens[0])
            if draft[place : place + 1] != tokens:
                break
        if drafter is not None:
            draft = drafter.draft(min(window.room, left - 1))
