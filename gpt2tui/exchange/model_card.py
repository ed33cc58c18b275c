"""The model card: what a model was made from, how, how far, and what that means."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from gpt2tui import __version__
from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.corpus.tokens import Tokens, open_tokens
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.curve_picture import save_picture
from gpt2tui.exchange.hub import PREFIX
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.verbatim import RUN, copied_share
from gpt2tui.generation.drafts import Drafts
from gpt2tui.generation.text import generate_text
from gpt2tui.runs.curves import Curves
from gpt2tui.runs.events import Evaluated
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.view import RunView
from gpt2tui.text import byte_size, one_line

CARD, PICTURE = "README.md", "curve.png"
_SAMPLES, _SAMPLE_TOKENS = 4, 100
_PICTURE_POINTS = 20_000
_FRONT = """---
library_name: transformers
pipeline_tag: text-generation
tags:
- gpt2
- gpt2tui
---
"""


def write_card(source: Source, folder: Path) -> None:
    """Write ``README.md``, and ``curve.png`` beside it where there is a curve and matplotlib to draw it."""
    has_picture = _draw(source, folder / PICTURE)
    parts = [_title(source), _corpus(source), _training(source), _losses(source)]
    if has_picture:
        parts.append(f"![The loss over the steps of the training]({PICTURE})")
    parts += [_copying(source), _use(source), _versions(source)]
    (folder / CARD).write_text(_FRONT + "\n" + "\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _draw(source: Source, path: Path) -> bool:
    try:
        curves = Curves(source.run, "steps", most=_PICTURE_POINTS)
        if not curves:
            return False
        save_picture(path, [curves], "steps", is_log=True)
    except Gpt2TuiError:  # no matplotlib, or no journal to draw from: the card does without
        return False
    return True


def _code(text: str) -> str:
    return f"`{one_line(text).replace('`', chr(39))}`"


def _title(source: Source) -> str:
    model = source.config.model
    return (
        f"# {_code(source.name)}\n\n"
        f"A GPT-2 of {model.parameters:,} parameters ({model.layers} layers, {model.heads} heads, {model.width} wide; "
        f"GPT-2's vocabulary of {model.vocabulary_size:,} tokens), {_origin(source.config.init)}. "
        f"It looks back {source.config.block_size} tokens at most: do not give it more at a time."
    )


def _origin(init: str | None) -> str:
    if not init:
        return "trained from nothing"
    # A path would tell where somebody keeps their files.
    return f"begun with the weights of {_code(init if init.startswith(PREFIX) else Path(init).name)}"


def _corpus(source: Source) -> str:
    corpus = source.config.corpus
    if not corpus.tokens:
        return ""
    rows = {
        "name": _code(corpus.name),
        "size": f"{byte_size(corpus.bytes)}, {corpus.tokens:,} tokens",
        "SHA-256": f"`{corpus.sha256}`",
        "licence": _code(corpus.licence) if corpus.licence else "not given",
    }
    return "## Text\n\n" + _table(rows)


def _training(source: Source) -> str:
    config, state = source.config, source.state
    recipe = config.recipe
    if not config.corpus.tokens:
        return ""
    rows = {
        "recipe": f"{recipe.name}: {one_line(recipe.summary)}",
        "optimizer": recipe.optimizer,
        "step": f"{recipe.batch_size} x {config.block_size} tokens",
        "peak learning rate": f"{recipe.learning_rate:g}"
        + (f", of the hidden matrices {recipe.hidden_learning_rate:g}" if recipe.hidden_learning_rate else ""),
        "dropout": f"{recipe.dropout:g}",
        "seed": str(config.seed),
        "steps": f"{state.step:,}, {state.tokens:,} tokens, {state.tokens / max(1, config.tokens_per_pass):.1f} passes",
        "time": f"{state.elapsed:,.0f} s on {config.device} in {config.dtype}",
    }
    return "## Training\n\n" + _table(rows)


def _losses(source: Source) -> str:
    corpus, validation = _evaluated(source, "train"), _evaluated(source, "validation")
    lines = ["- Cross-entropy over all of its text: " + (_loss(corpus) if corpus else _not_measured(source))]
    if validation:
        lines.append("- Cross-entropy over text it was not trained on: " + _loss(validation))
    meaning = (
        "A loss under 0.1 on its own text means that a model has that text by heart, nearly word for word. "
        "It says nothing about other texts, on which such a model will do badly."
    )
    return "## Losses\n\n" + "\n".join(lines) + f"\n\n{meaning}"


def _loss(found: Evaluated) -> str:
    kind = " (an estimate from a part of it)" if found.estimate else ""
    return f"**{found.loss:.6f}** nats a token, perplexity {math.exp(found.loss):.4f}{kind}"


def _not_measured(source: Source) -> str:
    words, losses = "not measured for these weights", source.state.recent_losses
    if losses:
        mean = math.fsum(losses) / len(losses)
        words += f"; the last losses of the training ({len(losses):,}, each before its update) had a mean of {mean:.4f}"
    return words


def _evaluated(source: Source, split: str) -> Evaluated | None:
    """The last whole evaluation of just these weights."""
    found = [
        one
        for one in RunView.of(source.run).evaluations
        if one.split == split and one.step == source.state.step and not one.partial
    ]
    return found[-1] if found else None


def _copying(source: Source) -> str:
    tokens = _tokens(source)
    if tokens is None:
        return ""
    share = sum(copied_share(sample, tokens) for sample in _drawn(source)) / _SAMPLES
    return (
        "## Copying\n\n"
        f"Of {_SAMPLES} samples of {_SAMPLE_TOKENS} tokens, drawn at temperature 1 from the 50 likeliest, "
        f"**{share:.0%}** stands word for word in the text it was trained on (in runs of {RUN} tokens or more). "
        "Mind the rights in that text before you pass on what the model says."
    )


def _tokens(source: Source) -> Tokens | None:
    corpus = source.config.corpus
    try:
        return open_tokens(source.run.tokens_file)[: corpus.train_tokens] if corpus.tokens else None
    except (OSError, ValueError):
        return None


def _drawn(source: Source) -> Iterator[list[int]]:
    context, tokenizer, drafts = source.config.block_size, Tokenizer(), Drafts.of(source.run)
    if drafts:
        drafts.wait()
    for seed in range(_SAMPLES):
        settings = SamplingSettings(max_new_tokens=_SAMPLE_TOKENS, temperature=1.0, top_k=50, seed=seed)
        pieces = generate_text(source.model, tokenizer, "\n", settings, context=context, drafts=drafts)
        yield [piece.token for piece in pieces]


def _use(source: Source) -> str:
    return (
        "## Use\n\n"
        "```python\n"
        "from transformers import pipeline\n\n"
        'generate = pipeline("text-generation", model=".")\n'
        'print(generate("The ", max_new_tokens=60, do_sample=True, top_k=50)[0]["generated_text"])\n'
        "```\n\n"
        "In gpt2tui: `gpt2tui import .` and then `gpt2tui sample`. The vocabulary is GPT-2's (OpenAI, MIT)."
    )


def _versions(source: Source) -> str:
    known = dict(source.config.versions)
    exported = {"gpt2tui": __version__, "Python": platform.python_version(), "torch": torch.__version__}
    for package in ("safetensors", "tiktoken"):
        try:
            exported[package] = version(package)
        except PackageNotFoundError:
            continue
    lines = [f"- exported with {', '.join(f'{name} {number}' for name, number in exported.items())}"]
    if known:
        lines.insert(0, f"- trained with {', '.join(f'{name} {number}' for name, number in known.items())}")
    return "## Versions\n\n" + "\n".join(lines)


def _table(rows: dict[str, str]) -> str:
    body = "\n".join(f"| {name} | {words.replace('|', chr(92) + '|')} |" for name, words in rows.items())
    return f"| | |\n|---|---|\n{body}"
