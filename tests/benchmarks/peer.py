"""One peer's training on the bundled text, in this process: writes the time after each step. See ``peers``."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

import tiktoken
import torch

from gpt2tui.corpus.bpe import Tokenizer

TEXT = resources.files("gpt2tui.corpus").joinpath("data/bundled.txt").read_text("utf-8")


class EnoughError(Exception):
    """As many steps as were asked for."""


class Clock:
    """Stops the peer after its last step."""

    def __init__(self, steps: int) -> None:
        self.times: list[float] = []
        self._steps = steps

    def tick(self) -> None:
        self.times.append(time.perf_counter())
        if len(self.times) == self._steps:
            raise EnoughError


def original(folder: Path, batch: int, block: int, clock: Clock) -> None:
    """The script itself with batches of this shape; tokens by our tokenizer, which needs no network."""
    source, published = (folder / "Decoder_only_GPT2_style_transformer.py").read_text(), "DataLoaderLite(B=16, T=128)"
    if published not in source:
        raise SystemExit(f"{folder}: not the script that was published")
    step = torch.optim.AdamW.step

    def timed(self: Any, *arguments: Any, **more: Any) -> Any:
        done = step(self, *arguments, **more)
        clock.tick()
        return done

    torch.optim.AdamW.step = timed  # type: ignore[method-assign]
    tiktoken.get_encoding = lambda name: Tokenizer()  # type: ignore[assignment, return-value]
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        Path("input.txt").write_text(TEXT)
        Path("script.py").write_text(source.replace(published, f"DataLoaderLite(B={batch}, T={block})"))
        runpy.run_path("script.py")


def nanogpt(folder: Path, batch: int, block: int, clock: Clock, *, is_compiled: bool) -> None:
    """Its model, optimiser and published settings; its ``train.py`` uses bfloat16 on CUDA only."""
    sys.path.insert(0, str(folder))
    from model import GPT, GPTConfig  # type: ignore[import-not-found]

    config = {"block_size": block, "vocab_size": 50304, "n_layer": 12, "n_head": 12, "n_embd": 768}
    model = GPT(GPTConfig(**config, dropout=0.0, bias=False))
    optimizer = model.configure_optimizers(1e-1, 6e-4, (0.9, 0.95), "cpu")
    stepped = torch.compile(model) if is_compiled else model
    tokens = _tokens()
    while True:
        starts = torch.randint(len(tokens) - block, (batch,))
        x = torch.stack([tokens[start : start + block] for start in starts])
        y = torch.stack([tokens[start + 1 : start + 1 + block] for start in starts])
        with torch.autocast("cpu", torch.bfloat16):
            _, loss = stepped(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        clock.tick()


def trainer(batch: int, block: int, clock: Clock) -> None:
    """transformers' own loop on its own GPT-2."""
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

    class Ticking(TrainerCallback):
        def on_step_end(self, *arguments: Any, **more: Any) -> None:
            clock.tick()

    tokens = _tokens()
    blocks = [tokens[start : start + block] for start in range(0, len(tokens) - block, block)]
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            place,
            per_device_train_batch_size=batch,
            max_steps=10_000,
            bf16=True,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            dataloader_drop_last=True,
            disable_tqdm=True,
        )
        data: Any = [{"input_ids": one, "labels": one} for one in blocks]
        Trainer(GPT2LMHeadModel(GPT2Config()), arguments, train_dataset=data, callbacks=[Ticking()]).train()


def _tokens() -> torch.Tensor:
    return torch.tensor(Tokenizer().encode(TEXT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("original", "nanogpt", "trainer"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compile", action="store_true")
    for name in ("--batch", "--block", "--steps"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    clock = Clock(options.steps)
    out = options.out.resolve()
    try:
        if options.kind == "original":
            original(options.folder.resolve(), options.batch, options.block, clock)
        elif options.kind == "nanogpt":
            nanogpt(options.folder.resolve(), options.batch, options.block, clock, is_compiled=options.compile)
        else:
            trainer(options.batch, options.block, clock)
    except EnoughError:
        out.write_text(json.dumps(clock.times))


if __name__ == "__main__":
    main()
