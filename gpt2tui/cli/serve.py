"""``gpt2tui serve``: the app in a browser, on this machine only."""

from __future__ import annotations

import ipaddress
import os
import shlex
import socket
import sys
from typing import Annotated

import typer

from gpt2tui.cli.opening import Appearance
from gpt2tui.cli.output import narrate
from gpt2tui.cli.run_argument import find_run
from gpt2tui.errors import Gpt2TuiError, UsageError


def serve(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Open the app on a run.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on: a loopback one.")] = "127.0.0.1",
) -> None:
    """Open the app in a browser on this machine. From another machine: ssh -L 8000:127.0.0.1:8000 HOST.

    Every tab has an app of its own. Closing it, like leaving the app, leaves trainings untouched.
    """
    if not _is_loopback(host):
        raise UsageError(
            f"{host} is not this machine alone: whoever reaches the app can read your files; "
            f"for a browser elsewhere forward the port: ssh -L {port}:127.0.0.1:{port} HOST"
        )
    if not 0 <= port < 1 << 16:
        raise UsageError(f"port must be from 0 to 65535, not {port}")
    appearance: Appearance = ctx.meta.get("appearance", Appearance())
    if appearance.plain:
        raise UsageError("--plain speaks on a terminal, serve draws in a browser: use one of the two")
    command = [sys.executable, "-m", "gpt2tui", *_words(appearance)]
    if run:
        command += ["watch", str(find_run(run).folder.resolve())]
    try:
        from gpt2tui.cli.web_server import run_server
    except ImportError:
        raise UsageError("the browser needs textual-serve: pip install 'gpt2tui[serve]'") from None
    with _listening(host, port) as listener:
        os.environ["TERM"] = "xterm-256color"
        os.environ["LC_ALL"] = "C.UTF-8"  # the page is UTF-8, whatever this shell is
        if file := ctx.meta.get("config"):
            os.environ["GPT2TUI_CONFIG"] = str(file)
        run_server(
            f"exec {shlex.join(command)}",  # no shell stays between us and the app
            listener,
            tell=lambda address: narrate(f"open {address}   (ctrl-c ends it)"),
        )


def _words(appearance: Appearance) -> list[str]:
    """The options of the app, as they were typed."""
    flags = {
        "--ascii": appearance.ascii,
        "--no-mouse": appearance.no_mouse,
        "--no-animation": appearance.no_animation,
    }
    theme = ["--theme", appearance.theme] if appearance.theme else []
    return [*theme, *(flag for flag, is_set in flags.items() if is_set)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    host = "127.0.0.1" if host == "localhost" else host  # whatever /etc/hosts says
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        raise Gpt2TuiError(f"port {port} of {host} cannot be used: {error.strerror}; try --port 0") from error
