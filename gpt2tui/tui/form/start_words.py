"""From the values of the form to the words of a command, and from the command's complaints back to the fields."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from gpt2tui.errors import UsageError
from gpt2tui.tui.form.start_option import NO_TARGET, StartOption
from gpt2tui.tui.form.start_options import OPTIONS, START_OPTIONS

NO_SETTINGS = ("--config", os.devnull)
"""Words that leave the user's settings file out: some of what it says cannot be unsaid otherwise."""

_TEXT_CODE = 3
"""The exit code of what is wrong with the text."""

_SIGNS = {
    "preset": ("no preset named",),
    "recipe": ("no recipe named",),
    "device": ("no device named",),
    "dtype": ("no dtype named",),
    "encoding": ("no encoding named",),
    "name": ("a name must ",),
    "init": ("no run ", "there are no runs", "run ", "checkpoint "),
}
"""How complaints begin that do not begin with the option's name."""


def split_texts(value: str) -> list[str]:
    """The TEXT arguments in what was typed: words as a shell takes them, or the one file of just that name.

    Raises:
        UsageError: a quote is not closed.
    """
    value = value.strip()
    if any(character in value for character in " '\"\\") and os.path.lexists(os.path.expanduser(value)):
        return [value]
    try:
        return shlex.split(value)
    except ValueError:
        raise UsageError(
            f"a quote is open; put a backslash before it, or quote the name: {shlex.quote(value)}"
        ) from None


def words_of(values: Mapping[str, str], users: Mapping[str, str]) -> list[str]:
    """What a person would type behind ``gpt2tui train`` for these values.

    ``users`` is what the user's settings say: what they set is said too, so that the words mean the same elsewhere,
    and where a value takes one of them back that no word can take back, the settings file is left out.

    Raises:
        UsageError: the text has an open quote.
    """
    texts = split_texts(values["text"])
    taken_back = [name for name in users if not can_be_said(OPTIONS[name], values[name])]
    words: list[str] = list(NO_SETTINGS) if taken_back else []
    for option in START_OPTIONS:
        value = values[option.name].strip()
        if option.kind != "words" and (value != option.default or (option.name in users and not taken_back)):
            words += _said(option, value)
    # The text comes first where it can: what is shown of a long command is its beginning.
    return [*words, "--", *texts] if any(text.startswith("-") for text in texts) else [*texts, *words]


def can_be_said(option: StartOption, value: str) -> bool:
    """Whether there is a word for that value, and not only the silence that lets a default stand."""
    if option.kind == "flag":
        return value == "yes" or option.name == "compile"
    return bool(value.strip())


def _said(option: StartOption, value: str) -> list[str]:
    if option.kind == "flag":
        return [f"--{option.spelling}" if value == "yes" else f"--no-{option.spelling}"]
    if option.kind == "target" and value == NO_TARGET:
        return ["--no-target"]
    return [f"--{option.spelling}", value] if value else []


def text_problem(texts: Sequence[str], names: Collection[str]) -> str | None:
    """What is wrong with TEXT arguments as far as a look at the file system tells; ``names`` are the named corpora.

    It may take as long as the file system does.
    """
    for text in texts:
        if text == "-":
            return "the app has no stdin to give away; name a file"
        if "://" in text:
            if not text.startswith(("http://", "https://")):
                return f"{text}: only http:// and https:// addresses are fetched"
            continue
        path = Path(text).expanduser()
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            if text in names or re.search(r"[*?[]", text) or not names:
                continue
            hint = "; a name with spaces needs quotes" if len(texts) > 1 else ""
            return f"{text or repr(text)}: no such file or folder, nor one of {', '.join(names)}{hint}"
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return f"{text}: neither a file nor a folder"
        if not os.access(path, os.R_OK):
            return f"{text}: it cannot be read: permission denied"
    return None


def placed_complaints(message: str, code: int, texts: Sequence[str] = ()) -> dict[str, str]:
    """The complaints in an error line by the field that they are about; "" has those that are about none."""
    if code == _TEXT_CODE:
        return {"text": message.replace("--encoding", "Encoding")}  # the field of that name
    found: dict[str, str] = {}
    for part in re.split(rf"; (?={_BEGINNING})", re.sub(r" \(see gpt2tui [a-z ]+ -h\)$", "", message)):
        name = _field_of(part, texts)
        found[name] = f"{found[name]}; {part}" if name in found else part
    return found


def _field_of(complaint: str, texts: Sequence[str]) -> str:
    if any(complaint.startswith(f"{text}:") for text in texts):
        return "text"
    for name, signs in _SIGNS.items():
        if complaint.startswith(signs):
            return name
    if begun := re.match(rf"(?:--)?({_NAMES})\b", complaint):
        return re.sub(r"[- ]", "_", begun[1])
    return ""


_NAMES = "|".join(
    re.escape(option.spelling).replace(r"\-", "[- ]") for option in START_OPTIONS if option.name != "text"
)
_BEGINNING = rf"(?:(?:--)?(?:{_NAMES})\b|no (?:preset|recipe|device|dtype|encoding) named)"
