"""The generation child with the shape of the 124M and random weights: how soon it stops and begins, how fast it writes.

    python -m tests.benchmarks.generation_stop [--stops 60] [--tokens 100] [--rounds 5] [--threads 2] [--json FILE]

Stops are sent at random moments of a text, and of the reading of a prompt that fills the context; the time is
from the request's being written to the last reply's being read. Rates are of one text a row and a round, the
rows taking turns: the plain loop in this process with and without what the child computes beside, and the child.
"""

from __future__ import annotations

import random
import select
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.corpus.bpe import Tokenizer
from gpt2tui.generation.alternatives import best_alternatives, drawn_probability
from gpt2tui.generation.loading import load_model
from gpt2tui.generation.stream import Odds
from gpt2tui.generation.text import continue_tokens
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.dialogue import Finished, Generate, Stop, Token
from gpt2tui.runs.model_config import ModelConfig
from gpt2tui.runs.sampling import SamplingSettings
from tests.benchmarks.machine import describe
from tests.benchmarks.table import Table, keep, parser
from tests.generation.child import Child, started
from tests.tiny import tiny_run, tiny_run_config

CONTEXT = 1024
PROMPT = list(range(1000, 1016))
LONG_PROMPT = list(range(1000, 1000 + CONTEXT))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--stops", type=int, default=60)
    arguments.add_argument("--tokens", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=2)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    machine = describe()
    print(machine)
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        config = tiny_run_config(model=ModelConfig(), block_size=CONTEXT)
        run = tiny_run(Path(folder) / "runs", config=config)
        with started(Path(folder) / "log", patience=3600.0) as child:
            began = time.perf_counter()
            loaded = child.load(run, threads=options.threads)
            begins = Table({"ms": ",.0f"}, title=f"the beginning, {loaded.threads} threads")
            begins.row("from the start of the child to the loaded model", 1e3 * (time.perf_counter() - began))
            begins.row(f"first token after a prompt of {len(PROMPT)}", 1e3 * first_token(child, PROMPT))
            begins.row(f"first token after a prompt of {CONTEXT}", 1e3 * first_token(child, LONG_PROMPT))
            text, reading = [], []
            for _ in range(options.stops):
                text.append(stop_seconds(child, PROMPT, chance.uniform(0.2, 0.5)))
                reading.append(stop_seconds(child, LONG_PROMPT, chance.uniform(0.05, 0.5)))
            stops = Table({"median": ".1f", "95 %": ".1f", "most": ".1f"}, title="from stop to its end, ms")
            stops.row("in a text", *spread(text))
            stops.row(f"while a prompt of {CONTEXT} tokens is read", *spread(reading))
            checkpoint = CheckpointFolder(run.checkpoints).find()
            model = load_model(config, checkpoint, device="cpu", dtype=torch.float32)
            keep(options.json, machine, begins, stops, rates(child, model, options.tokens, options.rounds))


def spread(seconds: list[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and most, in milliseconds."""
    ordered = sorted(1e3 * one for one in seconds)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))], ordered[-1]


_ids = iter(range(10, 10**9))


def request_of(tokens: list[int], length: int) -> Generate:
    return Generate(id=next(_ids), tokens=tokens, settings=SamplingSettings(max_new_tokens=length, seed=1))


def first_token(child: Child, tokens: list[int]) -> float:
    end = child.ask(request_of(tokens, 1))[-1]
    assert isinstance(end, Finished)
    assert end.seconds_to_first_token is not None
    return end.seconds_to_first_token


def stop_seconds(child: Child, tokens: list[int], after: float) -> float:
    """How long a stop takes that is sent so many seconds after the request."""
    request = request_of(tokens, 10**6)
    moment = time.perf_counter() + after
    child.say(request)
    assert child.process.stdout is not None
    while (left := moment - time.perf_counter()) > 0:
        if select.select([child.process.stdout], [], [], left)[0]:
            child.hear()
    child.say(Stop(id=request.id))
    sent = time.perf_counter()
    while not isinstance(child.hear(), Finished):
        continue
    return time.perf_counter() - sent


def rates(child: Child, model: GPT2, tokens: int, rounds: int) -> Table:
    """Tokens a second after the first, in turns."""
    tokenizer = Tokenizer()
    looks: list[float] = []

    def plain_loop() -> float:
        return loop(None)

    def with_odds() -> float:
        def look(sample: int, odds: Odds) -> None:
            began = time.perf_counter()
            best_alternatives(odds, tokenizer)
            drawn_probability(odds, 0)
            looks.append(time.perf_counter() - began)

        return loop(look)

    def loop(look: Callable[[int, Odds], None] | None) -> float:
        settings = SamplingSettings(max_new_tokens=tokens, seed=1)
        pieces = continue_tokens(model, tokenizer, PROMPT, settings, context=CONTEXT, look=look)
        next(pieces)
        began = time.perf_counter()
        return sum(1 for _ in pieces) / (time.perf_counter() - began)

    def real_child() -> float:
        replies = child.ask(request_of(PROMPT, tokens))
        assert isinstance(replies[-1], Finished)
        assert sum(isinstance(reply, Token) for reply in replies) == tokens
        return replies[-1].tokens_per_second or 0.0

    kinds = {"the loop alone": plain_loop, "the loop with alternatives": with_odds, "the child": real_child}
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, measure in kinds.items():
            taken[name].append(measure())
    first = max(taken["the loop alone"])
    table = Table({"best": ".1f", "median": ".1f", "worst": ".1f", "best, of the first": ".0%"}, title="tokens/s")
    for name, values in taken.items():
        table.row(name, max(values), statistics.median(values), min(values), max(values) / first)
    look_seconds = statistics.median(looks)
    print(f"\nalternatives: {1e3 * look_seconds:.2f} ms a token, {look_seconds * first:.1%} of its time")
    return table


if __name__ == "__main__":
    main()
