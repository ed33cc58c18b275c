"""What is wrong with the words of a command, each time in one line: what typer finds, and where a value was set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.text import point_hint

_PREFIX = "GPT2TUI_"
_OF_THE_PROGRAM = ("GPT2TUI_HOME", "GPT2TUI_CONFIG")


def is_help(error: BaseException) -> bool:
    """Whether typer raised it to show a group's help, where no command was given."""
    return type(error).__name__ == "NoArgsIsHelpError"


def usage_words(error: BaseException) -> str | None:
    """What typer found wrong with the words that were typed, in one line, and where help is; None of other errors."""
    if is_help(error) or not hasattr(error, "format_message"):
        return None
    message = re.sub(r"^Invalid value for '(\S+)'(?: / '\S+')*: ", r"\1: ", _plain(error.format_message()))
    if re.match("--target-loss: '(?i:none)'", message):
        message += "; --no-target is without one"
    ctx = getattr(error, "ctx", None)
    help_is_at = f" (see {_help_of(ctx)})" if ctx else ""
    first = message[:1] if message[:2].isupper() else message[:1].lower()
    return f"{first}{message[1:]}{help_is_at}"


def _plain(message: str) -> str:
    """The same for people who do not program."""
    kinds = {"float": "number", "int": "whole number", "integer": "whole number"}
    wrong = rf"'([^']*)' is not a valid ({'|'.join(kinds)})\b"
    return re.sub(wrong, lambda m: f"'{m[1]}' is not a {kinds[m[2]]}{point_hint(m[1])}", message).rstrip(".")


def _command(ctx: Any) -> list[str]:
    """The words that name the command, without the program's."""
    words: list[str] = ctx.command_path.removeprefix(ctx.find_root().command_path).split()
    return words


def _help_of(ctx: Any) -> str:
    return " ".join(("gpt2tui", *_command(ctx), "-h"))


def misplaced(ctx: Any, name: str | None) -> str | None:
    """Where an option stands that is not the command's but the app's."""
    root = ctx.find_root()
    is_own = any(name in parameter.opts for parameter in ctx.command.params)
    option = next((option for option in root.command.params if name in option.opts), None)
    if option is None or is_own:
        return None
    spelled = name if option.is_flag else f"{name} {option.metavar}"
    command = " ".join(_command(ctx))
    return f"{name} is an option of the app and stands before the command: gpt2tui {spelled} {command} ..."


def not_typed(ctx: Any, error: Exception) -> str | None:
    """What is wrong with an option that a variable or the settings file set, and which of them; None of one that was
    typed, and of an error that names what is wrong itself.
    """
    if isinstance(error, Gpt2TuiError):
        return None
    sources = {parameter: ctx.get_parameter_source(parameter.name) for parameter in ctx.command.params}
    # Those that were read without an error are in the context's.
    wrong = next((one for one, source in sources.items() if source and one.name not in ctx.params), None)
    if wrong is None:
        return None
    place = _place(ctx, wrong)
    if place is None:
        return None
    value = wrong.value_from_envvar(ctx) if place == wrong.envvar else ctx.lookup_default(wrong.name)
    cause = _plain(getattr(error, "message", "")) or f"{value!r} cannot be used"
    return f"{place}: {cause} (see {_help_of(ctx)})"


def unknown_variable(ctx: Any) -> str | None:
    """A variable that is spelled as one of the command's options would be, and is none."""
    known = {option.envvar for option in ctx.command.params}
    begun = f"{ctx.auto_envvar_prefix}_"
    unknown = min((name for name in os.environ if name.startswith(begun) and name not in known), default=None)
    if unknown is None:
        return None
    option = unknown.removeprefix(begun).lower().replace("_", "-")
    return f"{unknown}: there is no option --{option} (see {_help_of(ctx)})"


def stray_variables(commands: Iterable[str]) -> list[str]:
    """Variables that begin as those of options do, and name none of the commands."""
    begun = tuple(f"{_PREFIX}{name.upper().replace('-', '_')}_" for name in commands)
    return sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIX) and name not in _OF_THE_PROGRAM and not name.startswith(begun)
    )


def places_of_values(ctx: Any, complaint: str) -> list[str]:
    """Where the options that a complaint is about were set, of those that were not typed."""
    found = []
    for option in ctx.command.params:
        name = _spelling(option)
        is_meant = re.search(rf"(?:^|; )(?:(?:--)?{name.replace('-', '[- ]')}\b|no {name} named )", complaint)
        if is_meant and (place := _place(ctx, option)):
            found.append(place)
    return found


def _spelling(option: Any) -> str:
    spelled: str = max(option.opts, key=len)
    return spelled.lstrip("-")


def _place(ctx: Any, option: Any) -> str | None:
    """The variable, or the entry of the settings file, that set an option; None where it was typed or left alone."""
    source = ctx.get_parameter_source(option.name)
    match source and source.name:
        case "ENVIRONMENT":
            return str(option.envvar)
        case "DEFAULT_MAP":
            entry = ".".join((*_command(ctx), _spelling(option)))
            return f"{ctx.meta['settings_file']}: {entry}"
        case _:
            return None
