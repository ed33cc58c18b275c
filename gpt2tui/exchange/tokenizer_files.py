"""GPT-2's tokenizer in the files that transformers and its kin read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpt2tui.corpus.bpe import END_OF_TEXT_LITERAL
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.exchange.folder_config import END_OF_TEXT
from gpt2tui.exchange.json_file import read_json
from gpt2tui.exchange.vocabulary import merges, tokens

FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")


def write_tokenizer(folder: Path, *, context: int) -> None:
    """Write the fast tokenizer, and the two files of the slow one, which other programs still ask for."""
    ids = {token: number for number, token in enumerate(tokens())}
    pairs = list(merges())
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    special = {
        "id": END_OF_TEXT,
        "content": END_OF_TEXT_LITERAL,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": ids,
        "merges": [pair.split(" ") for pair in pairs],
    }
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": byte_level | {"trim_offsets": False},
        "decoder": byte_level,
        "model": model,
    }
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": context,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "bos_token": END_OF_TEXT_LITERAL,
        "eos_token": END_OF_TEXT_LITERAL,
        "unk_token": END_OF_TEXT_LITERAL,
    }
    _write(folder / "tokenizer.json", whole)
    _write(folder / "tokenizer_config.json", config)
    _write(folder / "vocab.json", ids)
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *pairs, ""]), encoding="utf-8")


def check_vocabulary(folder: Path) -> None:
    """See that the tokenizer beside a model, if there is one, is GPT-2's, and no more.

    Raises:
        Gpt2TuiError: it is another, or cannot be read.
    """
    path = next((path for name in ("tokenizer.json", "vocab.json") if (path := folder / name).is_file()), None)
    if path is None:
        return
    try:
        ids = _ids(path)
        is_same = all(ids.get(token) == number for number, token in enumerate(tokens()[:END_OF_TEXT]))
        most = max(ids.values())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Gpt2TuiError(f"{path} cannot be read as a tokenizer: {error!r}") from error
    if not is_same:
        raise Gpt2TuiError(f"{path} is of another vocabulary than GPT-2's, the only one known here")
    if most > END_OF_TEXT:
        raise Gpt2TuiError(f"{path} has tokens beyond GPT-2's {END_OF_TEXT + 1:,}, up to id {most}; none is known here")


def _ids(path: Path) -> dict[str, int]:
    """The tokens that a tokenizer's file names, and those that were added to them."""
    ids: dict[str, int]
    if path.name == "tokenizer.json":
        found = read_json(path)
        ids = found["model"]["vocab"] | {one["content"]: one["id"] for one in found.get("added_tokens", ())}
    else:
        added = path.with_name("added_tokens.json")
        ids = read_json(path) | (read_json(added) if added.is_file() else {})
    return ids


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
