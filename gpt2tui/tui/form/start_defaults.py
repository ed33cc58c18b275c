"""What the form begins with: of the user's own settings, of a command that was typed, of the run before."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.model_config import PRESETS
from gpt2tui.runs.store import RunStore
from gpt2tui.tui.form.start_option import NO_TARGET
from gpt2tui.tui.form.start_options import OPTIONS


def user_defaults(settings: Mapping[str, Any]) -> dict[str, str]:
    """What the user's own file and variables say of the form's options, as it would be typed.

    ``settings`` are those of the file, by parameter; a variable wins over them.
    """
    return form_values(settings) | form_values(_of_environment())


def form_values(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The values of the form's options, as they would be typed, that these parameters of ``train`` stand for."""
    found = {name: _typed(name, value) for name, value in parameters.items() if name in OPTIONS}
    if "no_target" in parameters and _is_true(parameters["no_target"]):
        found["target_loss"] = NO_TARGET
    return found


def last_shape(store: RunStore) -> dict[str, str]:
    """The preset of the newest run: who has chosen a small model does not mean a large one the next time."""
    try:
        preset = store.all()[0].config().preset
    except (IndexError, OSError, Gpt2TuiError):
        return {}
    return {"preset": preset} if preset in PRESETS else {}


def variable(name: str) -> str | None:
    """The environment variable that sets an option, where there is one."""
    spelled = f"GPT2TUI_TRAIN_{name.upper()}"
    return spelled if name != "text" and os.environ.get(spelled) else None


def _of_environment() -> dict[str, str]:
    names = {name: variable(name) for name in (*OPTIONS, "no_target")}
    return {name: os.environ[spelled] for name, spelled in names.items() if spelled}


def _typed(name: str, value: Any) -> str:
    if OPTIONS[name].kind == "flag":
        return "yes" if _is_true(value) else "no"
    if isinstance(value, list | tuple):
        return shlex.join(map(str, value))
    return str(value)


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "yes", "on", "y", "t")
