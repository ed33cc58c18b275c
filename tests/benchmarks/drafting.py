"""Drafts from the corpus: tokens/s with and without them, prompt by prompt in turns, and tokens a pass, which is exact.

    OMP_WAIT_POLICY=PASSIVE python -m tests.benchmarks.drafting RUN OTHER_TEXT [--prompts 6] [--dtype float32]
        [--json FILE]

Each text begins with 16 tokens of the run's corpus, where a training window begins or anywhere, or of the other text,
and goes on to the end of the window. "Refused" is the worst case: a draft at hand for every token, none ever right.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import torch

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.generation.drafts import Drafts
from gpt2tui.generation.loading import WEIGHTS, load_for_decoding
from gpt2tui.generation.stream import stream
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.store import RunStore
from tests.benchmarks.machine import describe
from tests.benchmarks.table import Table, keep, parser

PROMPT = 16
WAYS = {
    "greedy": SamplingSettings(temperature=0),
    "0.7": SamplingSettings(temperature=0.7),
    "1.0": SamplingSettings(),
}


class Refused(Drafts):
    """Drafts of a token that is never drawn."""

    def __init__(self) -> None: ...

    def after(self, text: Sequence[int]) -> list[int]:
        return [0] * 4


class Writer:
    """A model that counts its passes."""

    def __init__(self, model: GPT2, context: int) -> None:
        self.model, self.context, self.passes = model, context, 0
        model.ln_f.register_forward_pre_hook(self._count)

    def _count(self, part: object, inputs: object) -> None:
        self.passes += 1

    def write(
        self, prompt: list[int], settings: SamplingSettings, drafts: Drafts | None
    ) -> tuple[list[int], float, int]:
        """The tokens, how many came a second behind the first, and the passes these took."""
        draws = stream(self.model, prompt, settings, context=self.context, drafts=drafts)
        tokens = [next(draws).token]
        self.passes, began = 0, time.perf_counter()
        tokens += [draw.token for draw in draws]
        return tokens, (len(tokens) - 1) / (time.perf_counter() - began), self.passes


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run")
    arguments.add_argument("other", type=Path)
    arguments.add_argument("--prompts", type=int, default=6)
    arguments.add_argument("--dtype", choices=sorted(WEIGHTS), default="float32")
    options = arguments.parse_args()
    machine = describe()
    print(machine)
    run = RunStore(Paths.from_environment().runs).find(options.run)
    config = run.config()
    model = load_for_decoding(
        config, CheckpointFolder(run.checkpoints).find(), device="cpu", dtype=WEIGHTS[options.dtype]
    )
    writer = Writer(model, config.block_size)
    drafts = Drafts.of(run)
    assert drafts is not None
    drafts.wait()
    corpus = open_tokens(run.tokens_file)[: config.corpus.train_tokens].tolist()
    other = Tokenizer().encode(options.other.read_text())
    kinds: dict[str, tuple[list[list[int]], Drafts]] = {
        "a window's beginning": (list(prompts(corpus, options.prompts, config.block_size)), drafts),
        "anywhere in the corpus": (list(prompts(corpus, options.prompts, 1)), drafts),
        "the other text": (list(prompts(other, options.prompts, 1)), drafts),
        "the other text, refused": (list(prompts(other, options.prompts, 1)), Refused()),
    }
    columns = {
        "temperature": "",
        "tokens/s without": ".1f",
        "with": ".1f",
        "ratio": ".2f",
        "least": ".2f",
        "most": ".2f",
    }
    columns |= {"tokens a pass": ".2f", "same": ".0%"}
    title = f"{options.dtype}, medians of {options.prompts} texts, the range of their ratios, how many are the same"
    table = Table(columns, title=title)
    for kind, (begins, found) in kinds.items():
        for way, settings in WAYS.items():
            table.row(kind, way, *compared(writer, begins, settings, found))
    keep(options.json, machine, table)


def prompts(tokens: list[int], count: int, grid: int) -> Iterator[list[int]]:
    chance = random.Random(1)
    for _ in range(count):
        start = grid * chance.randrange((len(tokens) - PROMPT) // grid)
        yield tokens[start : start + PROMPT]


def compared(
    writer: Writer, begins: list[list[int]], settings: SamplingSettings, drafts: Drafts
) -> tuple[float, float, float, float, float, float, float]:
    """Tokens/s without and with drafts, the ratio and its range, tokens a pass, and the share of texts that agree."""
    plain, drafted, ratios = [], [], []
    count = passes = same = 0
    for seed, prompt in enumerate(begins):
        way = msgspec.structs.replace(settings, seed=seed, max_new_tokens=writer.context - PROMPT)
        without, slow, _ = writer.write(prompt, way, None)
        having, fast, taken = writer.write(prompt, way, drafts)
        plain.append(slow)
        drafted.append(fast)
        ratios.append(fast / slow)
        count, passes, same = count + len(having) - 1, passes + taken, same + (without == having)
    middle = statistics.median
    ratio, low, high = middle(ratios), min(ratios), max(ratios)
    return middle(plain), middle(drafted), ratio, low, high, count / passes, same / len(begins)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
