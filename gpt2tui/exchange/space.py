"""A Hugging Face Space: a page in which people can talk to a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from safetensors.torch import save_file

from gpt2tui.corpus.bpe import Tokenizer, rank_file
from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.source import Source
from gpt2tui.text import byte_size, one_line

GRADIO = "6.31.0"
REQUIREMENTS = {"gradio": GRADIO, "torch": "2.13.0", "safetensors": "0.8.0", "tiktoken": "0.14.0", "numpy": "2.4.6"}
"""Versions that were tried together."""
_PYTHON = "3.11"
_EXAMPLES, _EXAMPLE_WORDS = 5, 6
_LONGEST_DESCRIPTION = 60
_EXTRAS = 3_000_000


def export_space(source: Source, folder: Path, *, force: bool) -> None:
    """Write the app, what it needs, and the model.

    Raises:
        UsageError, Gpt2TuiError, OSError: as of :func:`writing` and :attr:`Source.model`.
    """
    tensors = source.tensors
    with writing(folder, force=force, size=4 * source.config.model.parameters + _EXTRAS) as building:
        building.mkdir()
        app = resources.files("gpt2tui.exchange").joinpath("space_files/app.py").read_bytes()
        (building / "app.py").write_bytes(app)
        pins = "".join(f"{name}=={version}\n" for name, version in REQUIREMENTS.items())
        (building / "requirements.txt").write_text(pins, encoding="utf-8")
        (building / "README.md").write_text(_readme(source), encoding="utf-8")
        _write_json(building / "config.json", _config(source))
        _write_json(building / "examples.json", _examples(source))
        (building / "gpt2.tiktoken").write_bytes(rank_file())
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, building / "model.safetensors")


def push_space(folder: Path, target: str, *, dry_run: bool, notice: Callable[[str], None]) -> None:
    """Upload a Space to ``OWNER/NAME``, or only say what would be uploaded.

    The token is the environment's or the hub's own login; it is neither kept nor shown.

    Raises:
        UsageError: that is no name of a Space, or huggingface_hub is not installed.
        Gpt2TuiError: the hub refused it or cannot be reached.
    """
    owner, _, name = target.partition("/")
    if not owner or not name or "/" in name:
        raise UsageError(f"--push {target}: it should be OWNER/NAME")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if dry_run:
        for path in files:
            notice(f"would upload {path.relative_to(folder)}, {byte_size(path.stat().st_size)}, to spaces/{target}")
        return
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
    except ImportError:
        raise UsageError("pushing needs huggingface_hub: pip install 'gpt2tui[hub]'") from None
    api = HfApi()
    try:
        api.create_repo(target, repo_type="space", space_sdk="gradio", exist_ok=True)
        done = api.upload_folder(repo_id=target, repo_type="space", folder_path=folder, commit_message="gpt2tui")
    except LocalTokenNotFoundError:
        raise Gpt2TuiError("the hub wants a token: set HF_TOKEN, or log in with: hf auth login") from None
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        cause = one_line(str(error).splitlines()[0] if str(error) else type(error).__name__)[:200]
        raise Gpt2TuiError(f"{target} was not pushed: {cause}") from None
    notice(f"pushed to {done}")


def _config(source: Source) -> dict[str, object]:
    model = source.config.model
    return {
        "name": one_line(source.name),
        "layers": model.layers,
        "heads": model.heads,
        "activation": model.activation,
        "context": source.config.block_size,
        "parameters": model.parameters,
    }


def _examples(source: Source) -> list[str]:
    """How a few lines of the text begin, from places spread over it; none where the run has no text."""
    corpus = source.config.corpus
    if not corpus.tokens:
        return []
    try:
        tokens = open_tokens(source.run.tokens_file)[: corpus.train_tokens]
    except (OSError, ValueError):
        return []
    tokenizer, found = Tokenizer(), []
    for place in range(_EXAMPLES):
        start = place * len(tokens) // _EXAMPLES
        text = tokenizer.decode_bytes(tokens[start : start + 200].tolist()).decode("utf-8", errors="ignore")
        lines = (" ".join(line.split()[:_EXAMPLE_WORDS]) for line in text.splitlines()[1:])
        line = next((line for line in lines if line.count(" ") >= 2), "")
        if line and one_line(line) not in found:
            found.append(one_line(line))
    return found


def _readme(source: Source) -> str:
    name = one_line(source.name)
    quoted = json.dumps(name, ensure_ascii=False)
    description = json.dumps(f"Talk to {name}, a GPT-2"[:_LONGEST_DESCRIPTION], ensure_ascii=False)
    shown = name.replace("`", "'")
    return f"""---
title: {quoted}
emoji: 🪶
colorFrom: indigo
colorTo: gray
sdk: gradio
sdk_version: {GRADIO}
python_version: "{_PYTHON}"
app_file: app.py
pinned: false
short_description: {description}
---

# `{shown}`

A GPT-2 of {source.config.model.parameters:,} parameters, trained with gpt2tui, to be talked to in a browser.

On your own machine: `pip install -r requirements.txt`, then `python app.py`. It downloads nothing and listens on
loopback only.

`gpt2.tiktoken` holds GPT-2's vocabulary (OpenAI, MIT licence).
"""


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
