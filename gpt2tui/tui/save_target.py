"""Where something is saved: asked for, looked at, and never replaced without a word."""

from __future__ import annotations

from pathlib import Path

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.text import one_line


class SaveTarget:
    """The path that somebody types for a file, or for a folder to make; a folder is never replaced."""

    def __init__(self, *, is_folder: bool = False) -> None:
        self._is_folder = is_folder
        self._warned_of: Path | None = None

    def problem(self, typed: str) -> str | None:
        """What is wrong with a path. That a file is there is told once: the second time it is to be replaced."""
        if not typed.strip():
            return f"type the name of a {'folder' if self._is_folder else 'file'}"
        path = Path(typed).expanduser()
        name = one_line(str(path))
        try:
            if self._is_folder and path.exists() and not (path.is_dir() and not any(path.iterdir())):
                return f"{name} exists; type another name"
            if not self._is_folder and path.is_dir():
                return f"{name} is a folder; type the name of a file in it"
            if not path.parent.is_dir():
                return f"the folder {one_line(str(path.parent))} does not exist"
            if not self._is_folder and path.exists() and self._warned_of != path:
                self._warned_of = path
                return f"{name} exists; enter once more replaces it"
        except (OSError, ValueError) as error:
            return f"{name} is no path: {error}"
        return None


def write_text(typed: str, text: str) -> Path:
    """Write a text to a path that was typed; the path.

    Raises:
        Gpt2TuiError: it cannot be written.
    """
    path = Path(typed).expanduser()
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Gpt2TuiError(f"{one_line(str(path))} cannot be written: {error.strerror or error}") from error
    return path


def slug(name: str) -> str:
    """A name of a run as the beginning of a file name."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name).strip(".").lstrip("-.") or "run"
