"""The program: ``gpt2tui``, and ``python -m gpt2tui``."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpt2tui.tui.options import AppOptions


def main() -> None:
    """Run what was typed. Where that is only the program's name, nothing is loaded that reads words."""
    gc.disable()  # what is imported stays: it need not be walked meanwhile
    try:
        if options := _bare_options():
            from gpt2tui.tui.launch import open_app

            sys.exit(open_app(options))
    except (Exception, KeyboardInterrupt) as error:
        from gpt2tui.cli import tell

        raise SystemExit(tell(error)) from error
    from gpt2tui.cli import app

    gc.enable()
    app()


def _bare_options() -> AppOptions | None:
    """The app's options where nobody gave any by word, variable or file, and the terminal can draw."""
    said = (name for name in os.environ if name.startswith(("GPT2TUI_", "_GPT2TUI_")) and name != "GPT2TUI_HOME")
    if len(sys.argv) > 1 or any(said):
        return None
    has_terminal = all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout))
    if not has_terminal or not sys.stderr:
        return None
    from gpt2tui.runs.paths import Paths
    from gpt2tui.tui.options import AppOptions, can_draw
    from gpt2tui.tui.settings import AppSettings

    paths = Paths.from_environment()
    if not can_draw(os.environ) or paths.config_file.is_file():
        return None
    return AppOptions(paths=paths).for_terminal(AppSettings())


if __name__ == "__main__":
    main()
