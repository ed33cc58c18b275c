"""Talk to a GPT-2 that was trained with gpt2tui. All that it needs lies beside this file; nothing is downloaded."""

from __future__ import annotations

import base64
import codecs
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import tiktoken
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
END = 50256
LONGEST_PROMPT, MOST_TOKENS = 4000, 500
Cache = list[tuple[torch.Tensor, torch.Tensor]]


class GPT2:
    """The model: learned positions, LayerNorm before attention and MLP, a head that is the embedding."""

    def __init__(self, folder: Path, device: str) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.weights = load_file(folder / "model.safetensors", device=device)
        self.device = device

    @torch.inference_mode()
    def logits(self, ids: list[int], cache: Cache) -> torch.Tensor:
        """Scores (tokens, vocabulary) for ids that follow what the cache holds; the cache grows by them."""
        past = cache[0][0].shape[1] if cache else 0
        places = torch.arange(past, past + len(ids), device=self.device)
        x = self.weights["wte.weight"][torch.tensor(ids, device=self.device)] + self.weights["wpe.weight"][places]
        for layer in range(self.config["layers"]):
            x = x + self._attention(layer, self._norm(x, f"h.{layer}.ln_1"), cache)
            x = x + self._mlp(layer, self._norm(x, f"h.{layer}.ln_2"))
        return F.linear(self._norm(x, "ln_f"), self.weights["wte.weight"])

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-5)

    def _attention(self, layer: int, x: torch.Tensor, cache: Cache) -> torch.Tensor:
        time, width = x.shape
        parts = torch.split(self._linear(x, f"h.{layer}.attn.c_attn"), width, dim=1)
        q, k, v = (part.view(time, self.config["heads"], -1).transpose(0, 1) for part in parts)
        if layer < len(cache):
            k, v = (torch.cat([old, new], dim=1) for old, new in zip(cache[layer], (k, v), strict=True))
            cache[layer] = k, v
        else:
            cache.append((k, v))
        seen = torch.ones(time, k.shape[1], dtype=torch.bool, device=x.device).tril(k.shape[1] - time)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self._linear(y.transpose(0, 1).reshape(time, width), f"h.{layer}.attn.c_proj")

    def _mlp(self, layer: int, x: torch.Tensor) -> torch.Tensor:
        form = "tanh" if self.config["activation"] == "gelu_new" else "none"
        return self._linear(F.gelu(self._linear(x, f"h.{layer}.mlp.c_fc"), approximate=form), f"h.{layer}.mlp.c_proj")

    def tokens(
        self, ids: list[int], length: int, *, top_k: int, top_p: float, temperature: float, seed: int
    ) -> Iterator[int]:
        """What follows ``ids``, a token at a time. A full window is begun again with its later half."""
        draw = torch.Generator(self.device).manual_seed(seed)
        context = self.config["context"]
        cache: Cache = []
        seen = ids[-context:] or [END]
        scores = self.logits(seen, cache)[-1]
        for _ in range(length):
            token = pick(scores, top_k, top_p, temperature, draw)
            if token == END:
                return
            yield token
            seen.append(token)
            if len(seen) > context:
                seen, cache = seen[-context // 2 :], []
                scores = self.logits(seen, cache)[-1]
            else:
                scores = self.logits([token], cache)[-1]


def pick(scores: torch.Tensor, top_k: int, top_p: float, temperature: float, draw: torch.Generator) -> int:
    """One token; a temperature of 0 takes the likeliest."""
    if temperature == 0:
        return int(scores.argmax())
    found = (scores.float() / temperature).topk(min(top_k, len(scores)))
    odds = found.values.softmax(-1)
    odds[odds.cumsum(-1) - odds >= top_p] = 0.0  # the likeliest always stays
    return int(found.indices[torch.multinomial(odds, 1, generator=draw)])


def tokenizer(folder: Path) -> tiktoken.Encoding:
    """GPT-2's, from the table beside this file."""
    lines = (folder / "gpt2.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    return tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": END})


def within(name: str, value: float | None, low: float, high: float) -> float:
    """The number, if it is one and lies in its range."""
    if value is None or not math.isfinite(value) or not low <= value <= high:
        raise gr.Error(f"{name} must be a number from {low:g} to {high:g}.", print_exception=False)
    return value


def checked(prompt: str, length: float, top_k: float, top_p: float, temperature: float, seed: float) -> dict[str, Any]:
    """The settings as numbers of the right kind, or a polite refusal."""
    if len(prompt) > LONGEST_PROMPT:
        raise gr.Error(
            f"The prompt has {len(prompt):,} characters; {LONGEST_PROMPT:,} are the most.", print_exception=False
        )
    return {
        "length": int(within("Length", length, 1, MOST_TOKENS)),
        "top_k": int(within("Top-k", top_k, 1, 200)),
        "top_p": within("Top-p", top_p, 0.05, 1),
        "temperature": within("Temperature", temperature, 0, 2),
        "seed": int(within("Seed", seed, 0, 2**31 - 1)) or secrets.randbelow(2**31 - 1) + 1,
    }


def page() -> gr.Blocks:
    """Prompt and settings on the left, the text as it comes on the right."""
    model, encoding = GPT2(HERE, DEVICE), tokenizer(HERE)
    about = model.config

    def answer(prompt: str, *settings: float) -> Iterator[tuple[str, str]]:
        """Stream the text; a character is shown when all of its bytes are there."""
        options = checked(prompt or "", *settings)
        text, decoder = prompt or "", codecs.getincrementaldecoder("utf-8")("replace")
        count = 0
        for token in model.tokens(encoding.encode_ordinary(text), **options):
            text += decoder.decode(encoding.decode_single_token_bytes(token))
            count += 1
            yield text, f"{count} tokens, seed {options['seed']}"
        yield text + decoder.decode(b"", final=True), f"{count} tokens, seed {options['seed']}, done"

    with gr.Blocks(title=about["name"]) as blocks:
        gr.HTML(f"<h1>{escaped(about['name'])}</h1>", padding=False)
        gr.Markdown(
            f"A GPT-2 of {about['parameters']:,} parameters, trained from scratch with gpt2tui. It looks back over "
            f"{about['context']} tokens. It speaks like the text it was trained on, and may recite it."
        )
        with gr.Row():
            with gr.Column():
                prompt = gr.Textbox(label="Prompt", lines=4, max_length=LONGEST_PROMPT, placeholder="Begin a text…")
                with gr.Row():
                    start, stop = gr.Button("Generate", variant="primary"), gr.Button("Stop")
                length = gr.Slider(1, MOST_TOKENS, value=120, step=1, label="Length in tokens")
                temperature = gr.Slider(0, 2, value=1, step=0.05, label="Temperature (0: always the likeliest)")
                with gr.Row():
                    top_k = gr.Slider(1, 200, value=50, step=1, label="Top-k")
                    top_p = gr.Slider(0.05, 1, value=1, step=0.05, label="Top-p")
                seed = gr.Number(value=0, precision=0, minimum=0, label="Seed (0: another one each time)")
            with gr.Column():
                output = gr.Textbox(label="Text", lines=18, interactive=False)
                status = gr.Textbox(label="Status", value=f"ready, on {DEVICE}", interactive=False)
        examples = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))
        if examples:
            gr.Examples([[one] for one in examples], inputs=[prompt], label="From its text", cache_examples=False)
        asked = [prompt, length, top_k, top_p, temperature, seed]
        running = gr.on([start.click, prompt.submit], answer, asked, [output, status], api_name="generate")
        stop.click(lambda: "stopped", None, status, cancels=[running], queue=False, api_visibility="private")
    return blocks.queue(max_size=16, default_concurrency_limit=1)


def escaped(text: str) -> str:
    """Text as HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    system = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    page().launch(theme=system, footer_links=[], show_error=True)
