"""Opens the app on this terminal and says, when it is left, what goes on without it."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gpt2tui.errors import Gpt2TuiError
from gpt2tui.tui.options import AppOptions, is_in_browser
from gpt2tui.tui.palettes import PALETTES
from gpt2tui.tui.settings import KEPT_THEME_FILE, choose_theme
from gpt2tui.tui.terminal import curtain

if TYPE_CHECKING:
    from gpt2tui.tui.app import Gpt2TuiApp


def open_app(options: AppOptions) -> int:
    """Run the app to its end; the exit code.

    Raises:
        Gpt2TuiError: an error ended it.
    """
    # Textual reads both when it is imported: frames a second, and how long a lone esc may be the start of a sequence.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    os.environ.setdefault("ESCDELAY", "25")
    # All that is imported stays: collecting it over and over costs a fifth of the start. The app switches it on again.
    gc.disable()

    if is_in_browser():
        from gpt2tui.tui.app import Gpt2TuiApp
        from gpt2tui.tui.terminal.browser import BrowserDriver

        app = Gpt2TuiApp(options, driver_class=BrowserDriver)
        app.run()
        return _exit_code(app)

    _draw_curtain(options)
    try:
        from gpt2tui.tui.app import Gpt2TuiApp
        from gpt2tui.tui.farewell import farewell
        from gpt2tui.tui.processes.exporting import under_way
        from gpt2tui.tui.terminal.driver import TerminalDriver

        app = Gpt2TuiApp(options, driver_class=TerminalDriver)
        try:
            app.run(mouse=options.has_mouse)
        finally:
            with suppress(OSError):  # the terminal may be gone
                for line in farewell(app.store, app.follower, under_way()):
                    print(line)
    finally:
        curtain.lift()
    return _exit_code(app)


def _draw_curtain(options: AppOptions) -> None:
    """Draw what is sure of the first frame, which itself takes a while."""
    kept = options.paths.data / KEPT_THEME_FILE
    name, problems = choose_theme(options.theme, options.settings, kept, PALETTES)
    has_colours = not problems and curtain.has_true_colour(os.environ)  # the others are not known here
    is_form = options.screen == "train" and not (options.run or options.start or _has_runs(options.paths.runs))
    is_text = is_form or options.screen == "generate"
    curtain.draw(PALETTES[name] if has_colours else None, options.screen, "f" * is_text)


def _has_runs(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _exit_code(app: Gpt2TuiApp) -> int:
    if error := app.failure:
        what = f"the app ended: unexpected {type(error).__name__}: {error}"
        raise Gpt2TuiError(f"{what} (--debug shows where); trainings go on") from error
    return app.return_code or 0
