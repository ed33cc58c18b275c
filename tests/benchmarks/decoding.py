"""Tokens out: the rate of one sample in each number format, beside what memory allows and other programs.

    OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=10000 python -m tests.benchmarks.decoding RUN [--rounds 5] [--tokens 120]
        [--original FOLDER] [--json FILE]

All sides take turns, round by round; a share is the median over the rounds of what was measured side by side in one.
Nothing is drafted. The peers are transformers' ``generate``, llama.cpp where llama-cpp-python is installed, and the
original's own script, in processes with the threads that their users have; what each starts with is not counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from gpt2tui.checkpoints.folder import CheckpointFolder
from gpt2tui.exchange.gguf_file import export_gguf
from gpt2tui.exchange.source import Source
from gpt2tui.exchange.transformers_folder import export_folder
from gpt2tui.generation.loading import WEIGHTS, load_for_decoding
from gpt2tui.generation.stream import stream
from gpt2tui.model.transformer import GPT2
from gpt2tui.runs.paths import Paths
from gpt2tui.runs.run import Run
from gpt2tui.runs.sampling import SamplingSettings
from gpt2tui.runs.store import RunStore
from tests.benchmarks.decoding_peer import CONTEXT, PROMPT
from tests.benchmarks.machine import describe, matrix_rate

FORMATS = {"float32": 4, "bfloat16": 2, "int8": 1}
"""Bytes of a weight."""
PEERS = {
    "transformers float32": 4,
    "transformers bfloat16": 2,
    "llama.cpp f32": 4,
    "llama.cpp bf16": 2,
    "llama.cpp q8_0": 1.0625,
    "original": 4,
}
"""The same of the peers; the fourth kind has a scale of two bytes for 32 weights."""
PREFILL = 1000


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def token_rate(model: GPT2, tokens: int) -> float:
    """Tokens/s behind the first."""
    settings = SamplingSettings(max_new_tokens=tokens, seed=1)
    times = [time.perf_counter() for _ in stream(model, PROMPT, settings, context=CONTEXT)]
    return (len(times) - 1) / (times[-1] - times[0])


def peers_of(run: Run, folder: Path, original: Path | None) -> dict[str, tuple[str, str]]:
    """What ``decoding_peer`` is to be told of each peer that is there; the run's model is exported for them."""
    source, plain = Source.of(run), folder / "transformers"
    export_folder(source, plain, force=False)
    peers = {f"transformers {name}": (name, str(plain)) for name in ("float32", "bfloat16")}
    if importlib.util.find_spec("llama_cpp"):
        for kind in ("f32", "bf16", "q8_0"):
            export_gguf(source, folder / f"{kind}.gguf", kind=kind, force=False)
            peers[f"llama.cpp {kind}"] = ("llama.cpp", str(folder / f"{kind}.gguf"))
    if original:
        peers["original"] = ("original", str(original))
    return peers


def peer_rate(kind: str, path: str, tokens: int) -> float:
    """Tokens/s behind the first, of another program in a process of its own, its threads as they come."""
    command = [sys.executable, "-m", "tests.benchmarks.decoding_peer", kind, path, "--tokens", str(tokens)]
    variables = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    answer = subprocess.run(command, check=True, env=variables, capture_output=True, text=True)
    return float(answer.stdout)


@torch.inference_mode()
def prefill_seconds(model: GPT2) -> float:
    """One pass over the prompt, and the scores of what follows it."""
    prompt = torch.arange(PREFILL)[None]
    return seconds(lambda: model.logits(model.hidden(prompt)[:, -1]))


def process_seconds(*arguments: str) -> float:
    command = [sys.executable, *arguments]
    return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def shares(values: Iterable[float], limits: Iterable[float]) -> float:
    return statistics.median(value / limit for value, limit in zip(values, limits, strict=True))


def measure(run: Run, peers: dict[str, tuple[str, str]], *, rounds: int, tokens: int) -> dict[str, list[float]]:
    """Of each thing that is measured, its values round by round."""
    config, checkpoint = run.config(), CheckpointFolder(run.checkpoints).find()
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    models = {}
    for name in FORMATS:
        began = time.perf_counter()
        models[name] = load_for_decoding(config, checkpoint, device="cpu", dtype=WEIGHTS[name])
        note(f"load {name}", time.perf_counter() - began)
    memory = torch.ones(1 << 28)
    model = config.model
    products = 2 * PREFILL * 12 * model.width**2 * model.layers + 2 * PREFILL**2 * model.width * model.layers
    for turn in range(1 + rounds):
        if turn == 1:  # the first is to warm up
            found = {name: values for name, values in found.items() if name.startswith("load")}
        for name, one in models.items():
            note("read", memory.nbytes / seconds(memory.sum))
            note(name, token_rate(one, tokens))
            note(f"read {name}", memory.nbytes / seconds(memory.sum))
            note(f"matrices {name}", matrix_rate(torch.float32 if name == "float32" else torch.bfloat16, seconds=0.3))
            note(f"prefill {name}", products / prefill_seconds(one))
        for name, (kind, path) in list(peers.items()):
            try:
                note(name, peer_rate(kind, path, tokens))
            except subprocess.CalledProcessError as error:  # built for another processor, for one
                print(f"{name} is left out: {error}", file=sys.stderr)
                del peers[name]
        for name in FORMATS:
            note("import torch", process_seconds("-c", "import torch"))
            sample = ["-m", "gpt2tui", "sample", "--run", run.id, "-n", "1", "--dtype", name, "The"]
            note(f"first token {name}", process_seconds(*sample))
    return found


def report(run: Run, found: dict[str, list[float]]) -> str:
    shape = run.config().model
    weights = 12 * shape.width**2 * shape.layers + shape.vocabulary_size * shape.width
    middle = {name: statistics.median(values) for name, values in found.items()}
    reads = [max(pair) for pair in zip(*[iter(found["read"])] * len(FORMATS), strict=True)]
    lines = [
        describe(),
        f"memory read: {middle['read'] / 1e9:.1f} GB/s, best {max(found['read']) / 1e9:.1f}",
        "",
        "| one sample | tokens/s | range | of what the read rate allows | to transformers float32 | int8 to it |",
        "|---|---|---|---|---|---|",
    ]
    for name, size in (FORMATS | PEERS).items():
        if name not in found:
            continue
        share = shares((rate * weights * size for rate in found[name]), reads)
        ratio = shares(found[name], found["transformers float32"])
        span = f"{min(found[name]):.1f}-{max(found[name]):.1f}"
        behind = shares(found["int8"], found[name])
        lines.append(f"| {name} | {middle[name]:.1f} | {span} | {share:.0%} | {ratio:.2f} | {behind:.2f} |")
    lines += ["", "| | load, s | first token beyond `import torch`, s | prefill, TFLOP/s | of the matrix rate |"]
    lines += ["|---|---|---|---|---|"]
    for place, name in enumerate(FORMATS):
        torches = found["import torch"][place :: len(FORMATS)]
        beyond = statistics.median(
            whole - part for whole, part in zip(found[f"first token {name}"], torches, strict=True)
        )
        share = shares(found[f"prefill {name}"], found[f"matrices {name}"])
        prefill = middle[f"prefill {name}"] / 1e12
        lines.append(f"| {name} | {middle[f'load {name}']:.2f} | {beyond:.2f} | {prefill:.2f} | {share:.0%} |")
    lines.append(f"`import torch`: {middle['import torch']:.2f} s")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="A run of the 124M in GPT2TUI_HOME.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=120)
    parser.add_argument("--original", type=Path, help="The folder of the original's scripts.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    run = RunStore(Paths.from_environment().runs).find(options.run)
    with tempfile.TemporaryDirectory() as place:
        peers = peers_of(run, Path(place), options.original)
        found = measure(run, peers, rounds=options.rounds, tokens=options.tokens)
    print(report(run, found))
    if options.json:
        options.json.write_text(json.dumps({"policy": os.environ.get("OMP_WAIT_POLICY"), **found}))


if __name__ == "__main__":
    main()
