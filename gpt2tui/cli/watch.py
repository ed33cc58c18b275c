"""``gpt2tui watch``: a look at a run."""

from __future__ import annotations

from typing import Annotated

import typer

from gpt2tui.cli.run_argument import RunReference, find_run
from gpt2tui.errors import UsageError

_LOG_LINES = 8


def watch(
    run: RunReference = "latest",
    once: Annotated[bool, typer.Option("--once", help="Print one frame and exit.")] = False,
) -> None:
    """Look at a running or finished run; --once prints one frame."""
    if not once:
        raise UsageError(
            "the app is not part of this version; see: gpt2tui watch --once, gpt2tui runs follow; "
            "train with: gpt2tui train --headless"
        )
    import time

    from gpt2tui.cli.frame import frame
    from gpt2tui.cli.output import frame_width, put, stdout_console
    from gpt2tui.runs.view import RunView

    found = find_run(run)
    view = RunView.of(found)
    now = time.time()
    state = view.state(is_alive=found.is_alive(), now=now)
    log = found.log_file.read_text(errors="replace") if found.log_file.is_file() else ""
    console = stdout_console()
    width = frame_width(console)
    picture = frame(view, state=state, now=now, width=width, name=found.id, log_tail=log.splitlines()[-_LOG_LINES:])
    with console.capture() as capture:
        console.print(picture, width=width)
    for line in capture.get().splitlines():
        put(line.rstrip())
