"""A Space for Hugging Face: a page on which people talk to the model, and its way there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from safetensors.torch import save_file

from gpt2tui.corpus.bpe import END_OF_TEXT, Tokenizer, rank_file
from gpt2tui.corpus.tokens import open_tokens
from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.destination import writing
from gpt2tui.exchange.folder_config import written_config
from gpt2tui.exchange.hub import http_error
from gpt2tui.exchange.layout import for_transformers
from gpt2tui.exchange.source import Source
from gpt2tui.text import byte_size, count, one_line

APP, REQUIREMENTS, CARD = "app.py", "requirements.txt", "README.md"
WEIGHTS, CONFIG, VOCABULARY, EXAMPLES = "model.safetensors", "config.json", "gpt2.tiktoken", "examples.json"
FILES = (CARD, APP, REQUIREMENTS, CONFIG, WEIGHTS, VOCABULARY, EXAMPLES)
_EXTRAS = 2_000_000
"""Bytes of all but the weights."""
_TITLE = 100
"""Characters of a name that are shown."""
_EXAMPLES, _EXAMPLE_WORDS, _FEWEST_WORDS, _LOOK = 5, 6, 3, 300
"""How many examples, of how many words each, from lines of how many at least; tokens looked at for one."""
_LICENCES = {"CC0-1.0": "cc0-1.0", "MIT": "mit"}
"""The hub's words for licences, those of texts that have one of its own."""
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?", re.ASCII)


def export_space(source: Source, folder: Path, *, force: bool) -> None:
    """Write the page, what it needs installed, the model, its vocabulary, and examples of prompts.

    Raises:
        UsageError, Gpt2TuiError: as of :func:`writing` and :attr:`Source.model`.
    """
    tensors = for_transformers(source.tensors)
    size = sum(tensor.nbytes for tensor in tensors.values()) + _EXTRAS
    config = written_config(source.config) | {"name": _shown_name(source), "about": _about(source)}
    with writing(folder, force=force, size=size, files=FILES) as building:
        building.mkdir()
        for name in (APP, REQUIREMENTS):
            (building / name).write_text(_template(name), encoding="utf-8")
        (building / CARD).write_text(_card(source), encoding="utf-8")
        (building / VOCABULARY).write_bytes(rank_file())
        for name, content in ((CONFIG, config), (EXAMPLES, _examples(source))):
            (building / name).write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        save_file(tensors, building / WEIGHTS, metadata={"format": "pt"})


def check_target(target: str) -> None:
    """See that a Space can have this name.

    Raises:
        UsageError: it is not OWNER/NAME.
    """
    parts = target.split("/")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) and ".." not in part and "--" not in part for part in parts):
        raise UsageError(f"{one_line(target)} names no Space: it should be OWNER/NAME, of letters, digits, - _ .")


def push_space(folder: Path, target: str, *, dry_run: bool, notice: Callable[[str], None]) -> None:
    """Upload an exported folder to the Space ``target``, which is made if it is not there.

    With ``dry_run`` only say what would go where. The token is the environment's (``HF_TOKEN``) or the hub's own login.

    Raises:
        UsageError: the target is no OWNER/NAME, or huggingface_hub is not installed.
        Gpt2TuiError: the hub cannot be reached, or refuses.
    """
    check_target(target)
    if dry_run:
        sizes = {name: (folder / name).stat().st_size for name in FILES}
        for name, size in sizes.items():
            notice(f"would upload {name} ({byte_size(size)})")
        notice(f"{len(sizes)} files, {byte_size(sum(sizes.values()))}, to the Space {target}; nothing was sent")
        return
    try:
        from huggingface_hub import HfApi, get_token
    except ImportError:
        raise UsageError("pushing needs huggingface_hub: pip install 'gpt2tui[hub]'") from None
    hub = HfApi(library_name="gpt2tui")
    try:
        hub.create_repo(target, repo_type="space", space_sdk="gradio", exist_ok=True)
        hub.upload_folder(
            repo_id=target,
            repo_type="space",
            folder_path=folder,
            allow_patterns=list(FILES),
            commit_message="Export from gpt2tui",
        )
    except (http_error(), OSError, ValueError, RuntimeError) as error:
        raise Gpt2TuiError(f"{target} was not pushed: {_cause(error, get_token())}") from None
    notice(f"pushed {folder} to {hub.endpoint}/spaces/{target}")


def _cause(error: BaseException, token: str | None) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return (
            f"the hub refused ({status}); log in with `hf auth login`, or set HF_TOKEN to a token that may write there"
        )
    words = str(error).replace(token, "***") if token else str(error)
    return one_line(words)[:200] or type(error).__name__


def _template(name: str) -> str:
    return resources.files("gpt2tui.exchange").joinpath("space_files", name).read_text(encoding="utf-8")


def _shown_name(source: Source) -> str:
    name = one_line(source.name)
    return name if len(name) <= _TITLE else name[: _TITLE - 1] + "…"


def _about(source: Source) -> str:
    config = source.config
    learned = (
        f", trained for {source.state.step:,} steps on {one_line(config.corpus.name)[:_TITLE]}."
        if config.corpus.tokens
        else "."
    )
    return f"A GPT-2 of {count(config.model.parameters)} parameters{learned}"


def _card(source: Source) -> str:
    pinned = dict(line.split("==") for line in _template(REQUIREMENTS).split())
    corpus = source.config.corpus
    licence = _LICENCES.get(corpus.licence or "")
    return _template(CARD).format(
        title=_yaml(_shown_name(source)),
        sdk_version=pinned["gradio"],
        licence=f"license: {licence}\n" if licence else "",
        short_description=_yaml(f"A GPT-2 of {count(source.config.model.parameters)} parameters, from gpt2tui"),
        heading=_markdown(_shown_name(source)),
        about=_markdown(_about(source)),
        text=f"The licence of its text: {_markdown(corpus.licence) if corpus.licence else 'not given'}.",
    )


def _yaml(text: str) -> str:
    """A string of JSON on one line, which is one of YAML too."""
    return json.dumps(text, ensure_ascii=False)


def _markdown(text: str) -> str:
    """Text in which Markdown and HTML have nothing to obey."""
    return re.sub(r"([\\`*_{}\[\]<>()#!|&~$])", r"\\\1", one_line(text))


def _examples(source: Source) -> list[str]:
    """The first words of lines spread over the text; fewer where it has none, or none that are readable."""
    try:
        tokens = open_tokens(source.run.tokens_file)[: source.config.corpus.train_tokens]
    except (OSError, ValueError):
        return []
    tokenizer, found = Tokenizer(), dict[str, None]()
    for place in range(_EXAMPLES):
        start = len(tokens) * place // _EXAMPLES
        ids = [int(token) for token in tokens[start : start + _LOOK] if token != END_OF_TEXT]
        _, _, lines = tokenizer.decode_bytes(ids).decode("utf-8", errors="replace").partition("\n")
        for line in lines.split("\n"):
            words = line.split()[:_EXAMPLE_WORDS]
            example = " ".join(words)
            if len(words) >= _FEWEST_WORDS and example.isprintable() and "\ufffd" not in example:
                found[example] = None
                break
    return list(found)
