"""What the user's own settings say of the options of a training."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

from gpt2tui.tui.start_option import NO_TARGET
from gpt2tui.tui.start_options import OPTIONS


def user_defaults(settings: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the user's own file and variables say of the form's options, as it would be typed.

    ``settings`` are those of the file, by parameter; a variable is ``GPT2TUI_TRAIN_<OPTION>`` and wins.
    """
    found: dict[str, str] = {}
    for source in (settings, _of_environment(environment)):
        here = {name: _typed(name, value) for name, value in source.items() if name in OPTIONS}
        if "no_target" in source and _is_true(source["no_target"]):
            here["target_loss"] = NO_TARGET
        found |= here
    return found


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    names = [*OPTIONS, "no_target"]
    values = {name: environment.get(f"GPT2TUI_TRAIN_{name.upper()}") for name in names if name != "text"}
    return {name: value for name, value in values.items() if value}


def _typed(name: str, value: Any) -> str:
    if OPTIONS[name].kind == "flag":
        return "yes" if _is_true(value) else "no"
    if isinstance(value, list):
        return shlex.join(map(str, value))
    return str(value)


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "yes", "on", "y", "t")
