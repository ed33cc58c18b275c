"""An exported GGUF file in llama.cpp beside the model here: greedy text, next-token distributions, tokens of hard text.

    OMP_WAIT_POLICY=PASSIVE python -m tests.benchmarks.gguf RUN [--kinds f32,q8_0] [--prompts 20] [--json FILE]

Needs llama-cpp-python and a run with a text; leaves with 1 where something is beyond its limit.

KL is Kullback and Leibler's divergence of llama.cpp's distribution from ours in nats, over positions of the run's
text. Rounding is the largest change there of the odds of our two best tokens, in nats. "Same" are greedy texts that
agree to their end. Where one does not, llama.cpp took a token that is less likely to us by so many nats (the gap): a
near-tie if that is within the rounding.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.corpus.bpe import END_OF_TEXT, END_OF_TEXT_LITERAL, Tokenizer
from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.exchange.gguf_file import KINDS, export_gguf
from gpt2tui.exchange.source import Source
from gpt2tui.generation.loading import load_for_decoding
from gpt2tui.generation.stream import stream
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.store import RunStore

DIVERGENCE = {"f32": 1e-6, "f16": 1e-5, "bf16": 1e-3, "q8_0": 1e-2}
"""The most KL, in nats. A single lost bias makes some 3e-5 and more, which f32 and f16 must not hide."""
POSITIONS = 256
PROMPT = 8
OTHERS = [
    "The meaning of life is",
    "Once upon a time",
    "In a shocking finding,",
    "def main():\n    ",
    "1, 2, 3, 4,",
    "Dear Sir or Madam,",
    "日本の首都は",
    "The quick brown fox",
    "To be, or not to be",
    "\n\n",
]
"""Prompts that have nothing to do with the run's text."""
HARD = [
    " ",
    "  \n\n \t x",
    "It's they'll WE'VE 'd 'S",
    "\x00\x01\x1b[31m\x7f\x85",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 e\u0301 \u202eabc \ufeff",
    "日本語 العربية हिन्दी ไทย",
    "1234567890 ½ ² Ⅷ ٣",
    "\r\n\r\n a\u00a0b\u3000c \u2028\u2029",
    "\u001c \u001d\u001f \u0085 ",
    "\ufffd\ufffe\U0010ffff",
    "a" * 300,
    "!" * 100 + "?",
    "x = [i**2 for i in range(10)]\n\n\n    return x   ",
    END_OF_TEXT_LITERAL,
    f"one {END_OF_TEXT_LITERAL}two",
]
SCRIPTS = [
    (0x9, 0x7E),
    (0xA0, 0x24F),
    (0x370, 0x6FF),
    (0x900, 0xDFF),
    (0x2000, 0x2BFF),
    (0x3000, 0x9FFF),
    (0x1F000, 0x1FAFF),
]
"""Ranges of code points."""


def hard_texts(count: int = 300) -> Iterator[str]:
    """What tokenizers disagree on: the list above, and random characters between spaces and line breaks."""
    yield from HARD
    chance = random.Random(1)
    for _ in range(count):
        scripts = chance.choices(SCRIPTS, k=3)
        letters = [chr(chance.randint(*chance.choice(scripts))) for _ in range(40)]
        yield "".join(chance.choice([letter, letter, letter, letter + " ", " \n", "'s", "  "]) for letter in letters)


def compare(run: Run, *, kinds: Sequence[str], prompts: int, tokens: int) -> dict[str, Any]:
    """Of each kind: bytes, KL, gaps of greedy texts that differ, and hard texts whose tokens do."""
    config = run.config()
    model = load_for_decoding(config, CheckpointFolder(run.checkpoints).find(), device="cpu", dtype=torch.float32)
    corpus = open_tokens(run.tokens_file)[: config.corpus.train_tokens].tolist()
    tokens = min(tokens, config.block_size - 2 * PROMPT)
    greedy = SamplingSettings(temperature=0, max_new_tokens=tokens)
    begins = [*begins_of(corpus, prompts)]
    texts = [[draw.token for draw in stream(model, begin, greedy, context=config.block_size)] for begin in begins]
    windows = [corpus[start : start + config.block_size] for start in range(0, POSITIONS, config.block_size)]
    ours = np.concatenate([log_probabilities(model, window) for window in windows])[:POSITIONS]
    found: dict[str, Any] = {}
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.gguf"
            export_gguf(Source.of(run), file, kind=kind, force=False)
            reader = Reader(file, context=config.block_size)
            theirs = np.concatenate([reader.log_probabilities(window) for window in windows])[:POSITIONS]
            divergences = (np.exp(ours) * (ours - theirs)).sum(axis=1)  # (positions,)
            found[kind] = {
                "bytes": file.stat().st_size,
                "kl": float(divergences.mean()),
                "kl_largest": float(divergences.max()),
                "rounding": rounding(ours, theirs),
                "gaps": [reader.gap(model, *pair) for pair in zip(begins, texts, strict=True)],
                "tokens_differ": [text for text in hard_texts() if not reader.agrees_on(text)],
            }
    return {"run": run.id, "prompts": len(begins), "tokens": tokens, "kinds": found}


def begins_of(corpus: list[int], count: int) -> Iterator[list[int]]:
    """Prompts, half of them from anywhere in the run's text and half not."""
    chance = random.Random(1)
    others = OTHERS[: count // 2]
    for _ in range(count - len(others)):
        start = chance.randrange(len(corpus) - PROMPT)
        yield corpus[start : start + PROMPT]
    yield from map(Tokenizer().encode, others)


@torch.inference_mode()
def log_probabilities(model: GPT2, ids: list[int]) -> np.ndarray:
    """(positions, vocabulary): what the model here gives each next token, in nats."""
    return model.logits(model.hidden(torch.tensor([ids])))[0].double().log_softmax(dim=1).numpy()


def rounding(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest change, over all positions, of the log odds of our two best tokens."""
    best = np.argpartition(-ours, 1, axis=1)[:, :2]  # (positions, 2)
    odds = [np.diff(np.take_along_axis(one, best, axis=1), axis=1) for one in (ours, theirs)]
    return float(np.abs(odds[0] - odds[1]).max())


class Reader:
    """llama.cpp with a file loaded, set as it comes but for the length of its context."""

    def __init__(self, file: Path, *, context: int) -> None:
        from llama_cpp import Llama

        # One thread: two that wait for each other actively take tens of times as long where the cores are not free.
        self._llama = Llama(
            str(file), n_ctx=context, n_batch=context, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False
        )
        self._tokenizer = Tokenizer()

    def log_probabilities(self, ids: list[int]) -> np.ndarray:
        """(positions, vocabulary): what llama.cpp gives each next token, in nats."""
        self._llama.reset()
        self._llama.eval(ids)
        return torch.tensor(self._llama.scores[: len(ids)]).double().log_softmax(dim=1).numpy()

    def gap(self, model: GPT2, begin: list[int], text: list[int]) -> float | None:
        """Go on token by token, and say by how many nats the first that differs from ``text`` is less likely to us."""
        self._llama.reset()
        self._llama.eval(begin)
        for place, token in enumerate(text):
            taken = int(self._llama.scores[self._llama.n_tokens - 1].argmax())
            if taken != token:
                known = log_probabilities(model, [*begin, *text[:place]])[-1]
                return float(known[token] - known[taken])
            self._llama.eval([token])
        return None

    def agrees_on(self, text: str) -> bool:
        """Whether llama.cpp cuts a text into the same tokens, and puts the same bytes together again.

        ``<|endoftext|>`` is its one token only where special tokens are asked for; none begins a text unasked.
        """
        plain, special = self._tokenizer.encode(text), self._tokenizer.encode(text, split_on_eot=True)
        data = text.encode()
        return (
            self._llama.tokenize(data, add_bos=True, special=False) == plain
            and self._llama.tokenize(data, add_bos=True, special=True) == special
            and self._llama.detokenize(plain, special=True) == data
            and (self._llama.token_bos(), self._llama.token_eos()) == (END_OF_TEXT, END_OF_TEXT)
        )


def failures(found: dict[str, Any]) -> list[str]:
    """What is beyond its limit."""
    problems = []
    for kind, one in found["kinds"].items():
        if not one["kl"] <= DIVERGENCE[kind]:
            problems.append(f"{kind}: KL {one['kl']:.2e} is above {DIVERGENCE[kind]:g}")
        if worse := [gap for gap in one["gaps"] if gap is not None and not gap <= one["rounding"]]:
            problems.append(f"{kind}: {len(worse)} greedy texts differ by more than rounding, up to {max(worse):.3g}")
        if one["tokens_differ"]:
            problems.append(f"{kind}: {len(one['tokens_differ'])} texts in other tokens: {one['tokens_differ'][0]!r}")
    return problems


def report(found: dict[str, Any]) -> str:
    """The table."""
    texts = len(list(hard_texts()))
    lines = [
        f"{found['prompts']} greedy texts of {found['tokens']} tokens, {POSITIONS} positions, {texts} hard texts",
        "",
        "| kind | MB | mean KL | its limit | largest KL | rounding | same texts | gaps of the others | same tokens |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, one in found["kinds"].items():
        gaps = [gap for gap in one["gaps"] if gap is not None]
        lines.append(
            f"| {kind} | {one['bytes'] / 1e6:,.1f} | {one['kl']:.1e} | {DIVERGENCE[kind]:g} | {one['kl_largest']:.1e} "
            f"| {one['rounding']:.2g} | {len(one['gaps']) - len(gaps)} of {len(one['gaps'])} "
            f"| {', '.join(f'{gap:.2g}' for gap in gaps) or '-'} | {texts - len(one['tokens_differ'])} of {texts} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="A run in GPT2TUI_HOME.")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    run = RunStore(Paths.from_environment().runs).find(options.run)
    found = compare(run, kinds=options.kinds.split(","), prompts=options.prompts, tokens=options.tokens)
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found))
    if problems := failures(found):
        print("\n".join(problems), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
