"""How fast another program writes one sample of the same model, in this process: prints tokens/s. See ``decoding``."""

from __future__ import annotations

import argparse
import os
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from gpt2tui.corpus.bpe import Tokenizer

CONTEXT = 256
PROMPT = list(range(100, 116))
_GPT2 = {"block_size": 1024, "vocab_size": 50257, "n_layer": 12, "n_head": 12, "n_embd": 768}

Write = Callable[[int], float]
"""Seconds that so many tokens take, or all behind the first where that is told apart."""


def llama_cpp(file: Path) -> Write:
    """llama.cpp on a GGUF file, a thread for each core."""
    from llama_cpp import Llama

    cores = os.cpu_count()
    model = Llama(str(file), n_ctx=CONTEXT, n_threads=cores, n_threads_batch=cores, verbose=False)

    def write(tokens: int) -> float:
        model.reset()
        drawn = model.generate(PROMPT, top_k=50, top_p=1.0, min_p=0.0, temp=1.0, repeat_penalty=1.0)
        times = [time.perf_counter() for _, _ in zip(range(tokens), drawn, strict=False)]
        return times[-1] - times[0]

    return write


def transformers(folder: Path, dtype: torch.dtype) -> Write:
    """``generate`` of transformers, its time for one token taken off."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    prompt = torch.tensor([PROMPT])

    def whole(tokens: int) -> float:
        began = time.perf_counter()
        model.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=True, top_k=50, min_new_tokens=tokens,
            max_new_tokens=tokens, pad_token_id=50256,
        )  # fmt: skip
        return time.perf_counter() - began

    return lambda tokens: whole(tokens) - whole(1)


def original(folder: Path) -> Write:
    """``generate`` of the original's script as it was published; the weights are drawn, which changes no time."""
    names = runpy.run_path(str(folder / "Generate_Sample_OutPuts.py"), run_name="original")
    model, ours = names["GPT"](names["GPTConfig"](**_GPT2)), Tokenizer()
    tokenizer, prompt = SimpleNamespace(encode=ours.encode, decode=ours.decode_bytes), ours.decode_bytes(PROMPT)

    def write(tokens: int) -> float:
        began = time.perf_counter()
        names["generate"](model, "cpu", tokenizer, prompt.decode("utf-8", "replace"), max_new_tokens=tokens)
        return (time.perf_counter() - began) * (tokens - 1) / tokens

    return write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("float32", "bfloat16", "llama.cpp", "original"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--tokens", type=int, required=True)
    options = parser.parse_args()
    match options.kind:
        case "llama.cpp":
            write = llama_cpp(options.path)
        case "original":
            write = original(options.path)
        case dtype:
            write = transformers(options.path, getattr(torch, dtype))
    write(8)
    print((options.tokens - 1) / write(options.tokens))


if __name__ == "__main__":
    main()
