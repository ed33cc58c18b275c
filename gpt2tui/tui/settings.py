"""What a person set for the app: ``[app]`` of the TOML file, and the theme that was chosen in the app.

Nothing here stops the app: what is wrong is named, a line each, and ignored. The TOML file is the person's and is
never written. A theme chosen in the app is kept in ``app.json``, together with what the TOML file said then: it holds
until the file says something else. So the later of the two decisions holds, and an option on the command line
holds over both.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from gpt2tui.runs.files import write_whole
from gpt2tui.text import one_line
from gpt2tui.tui.palettes import DEFAULT_THEME

KEPT_THEME_FILE = "app.json"
"""In the data folder: the theme that was chosen in the app."""

_SWITCHES = {"ascii": "is_ascii", "mouse": "has_mouse", "animation": "has_animation"}


class AppSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the TOML file says; None where it says nothing.

    ``keymap`` is as it stands there, to be checked by ``keymap.check_keymap``. ``problems`` are lines to show.
    """

    theme: str | None = None
    is_ascii: bool | None = None
    has_mouse: bool | None = None
    has_animation: bool | None = None
    keymap: dict[str, Any] = {}
    problems: tuple[str, ...] = ()


class KeptTheme(msgspec.Struct, frozen=True, kw_only=True):
    """A theme chosen in the app, and what the TOML file said at that time."""

    theme: str
    instead_of: str | None = None


def read_settings(path: Path) -> AppSettings:
    """The app's part of the TOML file; an empty one where there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
        import tomllib  # most have no such file

        content = tomllib.loads(text)
    except FileNotFoundError:
        return AppSettings()
    except (OSError, ValueError) as error:
        return AppSettings(problems=(f"{path} cannot be used: {one_line(str(error))}; the app's defaults hold",))
    problems: list[str] = []
    found: dict[str, Any] = {}
    for key, value in _section(content, "app", problems).items():
        if key == "theme":
            if isinstance(value, str):
                found["theme"] = value
            else:
                problems.append(f'[app] theme must be a name such as "dark", not {_shown(value)}')
        elif key in _SWITCHES:
            if isinstance(value, bool):
                found[_SWITCHES[key]] = value
            else:
                problems.append(f"[app] {key} must be true or false, not {_shown(value)}")
        else:
            problems.append(f"[app] has no setting {_shown(key)}{did_you_mean(key, ['theme', *_SWITCHES])}")
    keymap = _section(content, "keymap", problems)
    return AppSettings(**found, keymap=_flat(keymap), problems=tuple(problems))


def choose_theme(
    option: str | None, settings: AppSettings, kept_file: Path, known: Collection[str]
) -> tuple[str, list[str]]:
    """The theme to begin with, and lines about the names that mean none."""
    kept = _kept(kept_file)
    wishes = [("--theme", option)]
    if kept and kept.instead_of == settings.theme:
        wishes.append((str(kept_file), kept.theme))
    wishes.append(("[app] theme", settings.theme))
    problems: list[str] = []
    for source, name in wishes:
        if name in known:
            return str(name), problems
        if name is not None:
            problems.append(f"{source}: there is no theme {_shown(name)}{did_you_mean(name, known)}")
    return DEFAULT_THEME, problems


def keep_theme(theme: str, settings: AppSettings, kept_file: Path) -> None:
    """Keep a theme that was chosen in the app.

    Raises:
        OSError: it cannot be written.
    """
    kept_file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept_file, msgspec.json.encode(KeptTheme(theme=theme, instead_of=settings.theme)) + b"\n")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The end of a sentence about a word that is not known."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _kept(path: Path) -> KeptTheme | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeptTheme)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _section(content: dict[str, Any], name: str, problems: list[str]) -> dict[str, Any]:
    section = content.get(name, {})
    if isinstance(section, dict):
        return section
    problems.append(f"{name} must be a section: [{name}]")
    return {}


def _flat(section: dict[str, Any], where: str = "") -> dict[str, Any]:
    """TOML reads ``train.pause = "p"`` as a table in a table; an id has its dots."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{where}{key}.")
        else:
            flat[f"{where}{key}"] = value
    return flat


def _shown(value: object) -> str:
    return one_line(f'"{value}"' if isinstance(value, str) else str(value).lower())[:60]
