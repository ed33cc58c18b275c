"""How the app was asked to open."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from gpt2tui.runs.paths import Paths
from gpt2tui.tui.settings import AppSettings

ScreenName = Literal["train", "generate", "runs"]
SCREENS: tuple[ScreenName, ...] = get_args(ScreenName)
"""In the order of their keys."""


class AppOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line decided.

    ``run`` is the folder of the run to show. ``start`` are the words of a ``train`` or ``resume`` command that a
    training process is to be started with at once, ``typed`` the options of ``train`` among them, by parameter.
    ``defaults`` are the user's own for the options of ``train``.
    ``settings_name`` is what the file of the settings is called.
    """

    paths: Paths
    run: Path | None = None
    start: tuple[str, ...] = ()
    typed: dict[str, Any] = {}
    screen: ScreenName = "train"
    defaults: dict[str, Any] = {}
    theme: str | None = None
    is_ascii: bool = False
    has_mouse: bool = True
    has_animation: bool = True
    settings: AppSettings = AppSettings()
    settings_name: str = "config.toml"

    def with_settings(
        self, settings: AppSettings, *, has_unicode: bool = True, holds_escape: bool = False
    ) -> AppOptions:
        """These options, where they were not typed as the TOML file says, and where that is silent as the terminal."""
        return msgspec.structs.replace(
            self,
            settings=settings,
            is_ascii=self.is_ascii or (not has_unicode if settings.is_ascii is None else settings.is_ascii),
            has_mouse=self.has_mouse and (not holds_escape if settings.has_mouse is None else settings.has_mouse),
            has_animation=self.has_animation and settings.has_animation is not False,
        )

    def for_terminal(self, settings: AppSettings) -> AppOptions:
        """The same, with what this process knows of its terminal."""
        is_unicode, holds = has_unicode(os.environ, sys.stdout.encoding), holds_escape(os.environ)
        return self.with_settings(settings, has_unicode=is_unicode, holds_escape=holds)


def is_in_browser() -> bool:
    """Whether ``gpt2tui serve`` started this process: textual-serve names its driver."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def can_draw(environment: Mapping[str, str]) -> bool:
    """Whether ``TERM`` names a terminal on which a place can be chosen."""
    return environment.get("TERM") not in (None, "", "dumb")


def holds_escape(environment: Mapping[str, str]) -> bool:
    """Whether this is GNU screen: where mouse reports are on, it keeps an escape to itself until the next key."""
    return "STY" in environment and not environment.get("TERM", "").startswith("tmux")


def has_unicode(environment: Mapping[str, str], encoding: str) -> bool:
    """Whether a terminal takes more than ASCII, by its encoding and by the locale that a person set.

    The console of Linux does not: its fonts have 512 signs at most, and no braille to draw a curve with.
    Python speaks UTF-8 where the locale is C, and then sets LC_CTYPE itself, which hides what LANG says.
    """
    named = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG")
    if named == "C.UTF-8" and not environment.get("LC_ALL") and environment.get("LANG") in _PLAIN:
        named = environment["LANG"]
    is_console = environment.get("TERM") == "linux"
    return not is_console and named not in _PLAIN and encoding.lower().replace("-", "").startswith("utf")


_PLAIN = ("C", "POSIX")
