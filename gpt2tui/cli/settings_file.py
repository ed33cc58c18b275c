"""The user's TOML file: defaults for the options of the commands."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpt2tui.errors import UsageError

_NOT_COMMANDS = {"app", "keymap"}
"""Sections that belong to the app."""


def load_defaults(path: Path, commands: Any, *, wanted: str | None, notice: Callable[[str], None]) -> dict[str, Any]:
    """What the file sets, by command and option, as the command line's defaults.

    ``commands`` is the root of the command line, ``wanted`` the command that was asked for. A section is a command
    (``[train]``, ``[runs.list]``), a key one of its options, with ``-`` or ``_``. What is wrong outside the wanted
    command's section is told to ``notice`` and left out: it may not be in the way of all others.

    Raises:
        UsageError: the file is missing, no TOML, or names in the wanted section what does not exist.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no configuration file {path}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"the configuration file {path} cannot be used: {error}") from error
    found: dict[str, Any] = {}
    for key, value in content.items():
        if key in _NOT_COMMANDS:
            continue
        try:
            found |= _checked({key: value}, commands, path, "")
        except UsageError as error:
            if key == wanted:
                raise
            notice(f"{error}; left out")
    return found


def _checked(section: dict[str, Any], command: Any, path: Path, where: str) -> dict[str, Any]:
    commands = getattr(command, "commands", {})
    # A group's own options are for the terminal: here they would be taken for those of its commands.
    parameters = [] if commands else command.params
    options = {parameter.name for parameter in parameters}
    spellings = {
        spelling.lstrip("-").replace("-", "_"): parameter.name
        for parameter in parameters
        for spelling in parameter.opts
    }
    found = {}
    for key, value in section.items():
        name = key.replace("-", "_")
        if key in commands:
            if not isinstance(value, dict):
                raise UsageError(f"{path}: {where}{key} is a command, so it must be a section: [{where}{key}]")
            found[key] = _checked(value, commands[key], path, f"{where}{key}.")
        elif name in options or name in spellings:
            found[name if name in options else spellings[name]] = value
        else:
            raise UsageError(f"{path}: there is no {where}{key}; see gpt2tui {where.replace('.', ' ')}-h")
    return found
