"""Where everything is kept: platformdirs' places, or below ``GPT2TUI_HOME`` when that is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs

HOME_VARIABLE = "GPT2TUI_HOME"


class Paths(msgspec.Struct, frozen=True):
    """The folders and files the program uses. Nothing is created by asking for them."""

    data: Path
    config: Path
    cache: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Paths:
        """The places for this user: ``GPT2TUI_HOME`` first, else the platform's (XDG on Linux)."""
        if home := environment.get(HOME_VARIABLE):
            root = Path(home).expanduser().absolute()
            return cls(data=root / "data", config=root / "config", cache=root / "cache")
        places = platformdirs.PlatformDirs("gpt2tui", appauthor=False)
        return cls(data=places.user_data_path, config=places.user_config_path, cache=places.user_cache_path)

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self.data / "runs"

    @property
    def corpora(self) -> Path:
        """Texts that were fetched on request."""
        return self.data / "corpora"

    @property
    def tokens(self) -> Path:
        """The token cache; safe to delete."""
        return self.cache / "tokens"

    @property
    def config_file(self) -> Path:
        """The user's settings, if there are any."""
        return self.config / "config.toml"
