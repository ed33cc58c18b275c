"""Text from a prompt: what the command line, the trainer and the app ask of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer
from gpt2tui.generation.decoder import TextDecoder
from gpt2tui.generation.drafts import Drafts
from gpt2tui.generation.stream import Odds, stream
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.sampling import SamplingSettings

Finish = Literal["length", "end_of_text", "stop"]


class Piece(NamedTuple):
    """What one token adds to a sample.

    ``text`` may be empty, while a character is not whole or a stop string not decided; ``finish`` is set on
    a sample's last piece. ``log_probability`` is the model's own, before temperature and filters.
    """

    sample: int
    text: str
    token: int
    log_probability: float
    finish: Finish | None


def generate_text(
    model: GPT2,
    tokenizer: Tokenizer,
    prompt: str,
    settings: SamplingSettings,
    *,
    context: int,
    samples: int = 1,
    drafts: Drafts | None = None,
) -> Iterator[Piece]:
    """What follows ``prompt``, a piece a token, the samples side by side as one batch.

    ``context`` is how many tokens the model looks at. The model should be in eval mode. ``drafts`` make a single
    sample come faster, and are without effect on its text.

    Raises:
        Gpt2TuiError: the model's scores are not finite.
    """
    return continue_tokens(
        model, tokenizer, tokenizer.encode(prompt), settings, context=context, samples=samples, drafts=drafts
    )


def continue_tokens(
    model: GPT2,
    tokenizer: Tokenizer,
    prompt_ids: Sequence[int],
    settings: SamplingSettings,
    *,
    context: int,
    samples: int = 1,
    look: Callable[[int, Odds], None] | None = None,
    drafts: Drafts | None = None,
) -> Iterator[Piece]:
    """What follows these tokens, as :func:`generate_text`; a character that they begin is in the text.

    ``look`` is shown what each token is drawn from, right before its piece comes.

    Raises:
        Gpt2TuiError: the model's scores are not finite.
    """
    decoders = [TextDecoder(tokenizer, settings.stop, after=prompt_ids) for _ in range(samples)]
    lengths = [0] * samples
    draws = stream(
        model,
        prompt_ids,
        settings,
        context=context,
        samples=samples,
        has_ended=lambda sample: decoders[sample].has_stopped,
        look=look,
        drafts=drafts,
    )
    for draw in draws:
        decoder = decoders[draw.sample]
        lengths[draw.sample] += 1
        is_end = draw.token == END_OF_TEXT
        text = "" if is_end else decoder.push(draw.token)
        is_last = is_end or lengths[draw.sample] == settings.max_new_tokens
        if is_last:
            text += decoder.close()
        finish: Finish | None = None
        if decoder.has_stopped:
            finish = "stop"
        elif is_last:
            finish = "end_of_text" if is_end else "length"
        yield Piece(draw.sample, text, draw.token, draw.log_probability, finish)


def sample_text(model: GPT2, tokenizer: Tokenizer, prompt: str, settings: SamplingSettings, context: int) -> str:
    """One whole continuation of ``prompt``, without the prompt, from a model that may be in training.

    The model's mode is restored, and torch's global generators are not touched.

    Raises:
        Gpt2TuiError: the model's scores are not finite.
    """
    was_training = model.training
    model.eval()
    try:
        pieces = generate_text(model, tokenizer, prompt, settings, context=context)
        return "".join(piece.text for piece in pieces)
    finally:
        model.train(was_training)
