"""A page on which a GPT-2 writes on from a prompt: the model, how its tokens are drawn, and what people see.

All that it needs lies beside this file. It asks nothing of any other machine.
"""

from __future__ import annotations

import base64
import codecs
import html
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tiktoken
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

FOLDER = Path(__file__).resolve().parent
END_OF_TEXT = 50256
# The pattern of GPT-2's encoder.py, written with possessive quantifiers.
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""

MOST_CHARACTERS, MOST_TOKENS, MOST_WAITING = 4_000, 500, 16
HOTTEST, LARGEST_SEED = 2.0, 2**32 - 1
FRAMES_A_SECOND = 20


class Model:
    """GPT-2 (Radford et al., 2019) with the weights, the shape and the vocabulary of a folder."""

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.context: int = self.config["trained_context"]
        self.device = device or best_device()
        weights = load_file(folder / "model.safetensors")
        self.weights = {name.removeprefix("transformer."): w.to(self.device) for name, w in weights.items()}
        lines = (folder / "gpt2.tiktoken").read_bytes().splitlines()
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
        self.vocabulary = tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})

    @torch.inference_mode()
    def scores(self, ids: list[int], cache: dict[int, tuple[Tensor, Tensor]]) -> Tensor:
        """Logits (time, vocabulary) for ``ids``: a whole text with an empty cache, or the one token after it."""
        config, weights = self.config, self.weights
        past = cache[0][0].shape[1] if cache else 0
        tanh = "none" if config["activation_function"] == "gelu" else "tanh"

        def norm(x: Tensor, name: str) -> Tensor:
            return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-5)

        def linear(x: Tensor, name: str) -> Tensor:
            return torch.addmm(weights[f"{name}.bias"], x, weights[f"{name}.weight"])

        x = weights["wte.weight"][ids] + weights["wpe.weight"][past : past + len(ids)]  # (time, width)
        for layer in range(config["n_layer"]):
            h = f"h.{layer}"
            mixed = linear(norm(x, f"{h}.ln_1"), f"{h}.attn.c_attn")  # (time, 3 * width)
            q, k, v = mixed.view(len(ids), 3, config["n_head"], -1).permute(1, 2, 0, 3)  # (heads, time, head)
            if past:
                k, v = (torch.cat(pair, dim=1) for pair in zip(cache[layer], (k, v), strict=True))
            cache[layer] = k, v
            attended = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=not past)[0]
            x = x + linear(attended.transpose(0, 1).flatten(1), f"{h}.attn.c_proj")
            x = x + linear(F.gelu(linear(norm(x, f"{h}.ln_2"), f"{h}.mlp.c_fc"), approximate=tanh), f"{h}.mlp.c_proj")
        return norm(x, "ln_f") @ weights["wte.weight"].T

    def continued(
        self, prompt: str, *, length: int, temperature: float, top_k: int, top_p: float, seed: int
    ) -> Iterator[str]:
        """What follows the prompt, a piece a token; a piece is empty while a character is not whole.

        When a token does not fit the context any more, the last half is kept and read anew.
        """
        ids = (self.vocabulary.encode_ordinary(prompt) or [END_OF_TEXT])[-self.context :]
        generator = torch.Generator().manual_seed(seed)
        characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        cache: dict[int, tuple[Tensor, Tensor]] = {}
        unread = ids
        for _ in range(length):
            scores = self.scores(unread, cache)[-1].float().cpu()
            token = draw(scores, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator)
            if token == END_OF_TEXT:
                break
            ids, unread = [*ids, token], [token]
            if len(ids) > self.context:
                ids = unread = ids[-max(1, self.context // 2) :]
                cache = {}
            yield characters.decode(self.vocabulary.decode_single_token_bytes(token))
        if rest := characters.decode(b"", final=True):
            yield rest


def draw(scores: Tensor, *, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> int:
    """The next token, for logits (vocabulary,). A temperature of 0 takes the likeliest; a top-k of 0 is off."""
    if temperature == 0:
        return int(scores.argmax())
    scores, ids = scores.topk(min(top_k or len(scores), len(scores)))  # (k,), best first
    chances = ((scores - scores[0]) / max(temperature, 1e-6)).double().softmax(dim=0)
    if top_p < 1:
        chances[chances.cumsum(0) - chances >= top_p] = 0.0
    ids, order = ids.sort()
    sums = chances[order].cumsum(0)
    uniform = torch.rand(1, generator=generator, dtype=torch.float64)
    place = int(torch.searchsorted(sums, uniform * sums[-1], right=True))
    return int(ids[min(place, len(ids) - 1)])


def best_device() -> str:
    """CUDA, else an Apple GPU, else the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def checked(name: str, value: Any, lowest: float, highest: float, *, is_whole: bool = True) -> Any:
    """A number as it was asked for.

    Raises:
        ValueError: it is none, is not whole, or is out of range; one line says so.
    """
    if not isinstance(value, int | float) or not lowest <= value <= highest or (is_whole and value != int(value)):
        kind = "a whole number" if is_whole else "a number"
        raise ValueError(f"{name} must be {kind} from {lowest:g} to {highest:.10g}.")
    return int(value) if is_whole else float(value)


def page(model: Model, examples: list[str]) -> Any:
    """The page. One text is written at a time; others wait in a queue."""
    import gradio as gr

    def write(prompt: Any, length: Any, temperature: Any, top_k: Any, top_p: Any, seed: Any) -> Iterator[Any]:
        try:
            if not isinstance(prompt, str) or len(prompt) > MOST_CHARACTERS:
                raise ValueError(f"The prompt must be a text of at most {MOST_CHARACTERS:,} characters.")
            length = checked("Length", length, 1, MOST_TOKENS)
            temperature = checked("Temperature", temperature, 0, HOTTEST, is_whole=False)
            top_k = checked("Top-k", top_k, 0, len(model.weights["wte.weight"]))
            top_p = checked("Top-p", top_p, 0.01, 1, is_whole=False)
            digits = str(seed or secrets.randbits(32)).strip()
            seed = checked("Seed", int(digits) if digits.isdecimal() and len(digits) < 20 else None, 0, LARGEST_SEED)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None
        text = prompt.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half pairs cannot be sent back
        pieces = model.continued(text, length=length, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
        began = shown = time.monotonic()
        count, status = 0, f"reading the prompt · seed {seed}"
        yield text, status
        for count, piece in enumerate(pieces, start=1):
            text += piece
            now = time.monotonic()
            status = f"{count} tokens · {count / max(now - began, 1e-3):.0f} a second · seed {seed}"
            if now - shown >= 1 / FRAMES_A_SECOND:
                shown = now
                yield text, status
        yield text, status if count else f"nothing follows: the model ends the text there · seed {seed}"

    name, about = model.config["name"], model.config["about"]
    gpu = torch.cuda.get_device_name() if model.device == "cuda" else {"mps": "Apple GPU", "cpu": "CPU"}[model.device]
    with gr.Blocks(title=name, analytics_enabled=False) as blocks:
        gr.HTML(f"<h1>{html.escape(name)}</h1><p>{html.escape(about)} It runs on: {html.escape(gpu)}.</p>")
        with gr.Row():
            with gr.Column(scale=3):
                prompt = gr.Textbox(
                    label="Prompt",
                    lines=2,
                    max_lines=8,
                    max_length=MOST_CHARACTERS,
                    autofocus=True,
                    placeholder="The beginning of a text; with none, the model begins by itself",
                )
                if examples:
                    gr.Examples(
                        [[one] for one in examples], prompt, label="From the text that it learned", cache_examples=False
                    )
                with gr.Row():
                    go = gr.Button("Generate", variant="primary")
                    stop = gr.Button("Stop", variant="stop")
                text = gr.Textbox(label="Text", lines=12, max_lines=100, buttons=["copy"], elem_id="text")
                status = gr.Textbox(show_label=False, container=False, elem_id="status", placeholder="ready")
            with gr.Column(scale=1, min_width=280):
                controls = [
                    gr.Slider(1, MOST_TOKENS, 120, step=1, label="Length", info="tokens at most"),
                    gr.Slider(0, HOTTEST, 1.0, step=0.05, label="Temperature", info="0: the likeliest"),
                    gr.Slider(0, 200, 50, step=1, label="Top-k", info="0: off"),
                    gr.Slider(0.01, 1, 1.0, step=0.01, label="Top-p", info="1: off"),
                    gr.Textbox(label="Seed", max_length=10, placeholder="any", info="the same seed, the same text"),
                ]
        writing = gr.on(
            [go.click, prompt.submit],
            write,
            [prompt, *controls],
            [text, status],
            api_name="write",
            show_progress="hidden",
            concurrency_limit=1,
        )
        stop.click(None, cancels=[writing])
    return blocks.queue(max_size=MOST_WAITING)


def main() -> None:
    """Serve the page: to this machine only, or as the Space's environment says."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    import gradio as gr

    examples = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = gr.themes.Soft(primary_hue="indigo", neutral_hue="stone", **fonts)
    theme.set(
        background_fill_primary="*neutral_50",
        block_title_background_fill="none",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
    )
    own = "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"  # noqa: S104, for a Space is a container
    page(Model(FOLDER), examples).launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME") or own,
        theme=theme,
        css="#text textarea {font-family: Georgia, ui-serif, serif; font-size: 1.05rem; line-height: 1.6}"
        " #status input {background: none; border: none; box-shadow: none; opacity: .7}",
        share=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api", "gradio"],
    )


if __name__ == "__main__":
    main()
