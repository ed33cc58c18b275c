"""``gpt2tui watch``: a look at a run."""

from __future__ import annotations

from typing import Annotated

import typer

from gpt2tui.cli.opening import Appearance, Ascii, NoAnimation, NoMouse, Plain, Theme, has_terminal, open_app_and_exit
from gpt2tui.cli.run_argument import LivingReference, find_living
from gpt2tui.errors import UsageError

_LOG_LINES = 8


def watch(
    ctx: typer.Context,
    run: LivingReference = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and exit.")] = False,
    theme: Theme = None,
    ascii: Ascii = False,
    no_mouse: NoMouse = False,
    no_animation: NoAnimation = False,
    plain: Plain = False,
) -> None:
    """Open the app on a running or finished run; --once prints one frame."""
    if not once:
        if not (has_terminal() or plain):
            raise UsageError("watch needs a terminal; without one: gpt2tui watch --once, or gpt2tui runs follow")
        typed = Appearance(theme=theme, ascii=ascii, no_mouse=no_mouse, no_animation=no_animation, plain=plain)
        ctx.meta["appearance"] = typed.over(ctx.meta.get("appearance", Appearance()))
        open_app_and_exit(ctx, run=find_living(run))
    import time

    from gpt2tui.cli.frame import frame
    from gpt2tui.cli.output import frame_width, put, stdout_console
    from gpt2tui.runs.view import RunView

    found = find_living(run)
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
