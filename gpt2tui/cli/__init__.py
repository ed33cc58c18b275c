"""The command line: one file a command or group, imported when it is asked for; heavy imports in commands' bodies."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from gpt2tui import __version__
from gpt2tui.cli.command import Group, LateCommands
from gpt2tui.cli.opening import Appearance, Ascii, NoAnimation, NoMouse, Plain, Theme, has_terminal, open_app_and_exit
from gpt2tui.cli.output import abandon, narrate
from gpt2tui.cli.wrong_words import is_help, stray_variables, usage_words
from gpt2tui.errors import Gpt2TuiError
from gpt2tui.runs.paths import Paths

_COMMANDS = {
    "train": "gpt2tui.cli.train:train",
    "resume": "gpt2tui.cli.resume:resume",
    "watch": "gpt2tui.cli.watch:watch",
    "sample": "gpt2tui.cli.sample:sample",
    "eval": "gpt2tui.cli.evaluate:evaluate",
    "export": "gpt2tui.cli.export:export_app",
    "import": "gpt2tui.cli.import_model:import_model",
    "serve": "gpt2tui.cli.serve:serve",
    "info": "gpt2tui.cli.info:info",
    "doctor": "gpt2tui.cli.doctor:doctor",
    "paths": "gpt2tui.cli.paths:paths",
    "runs": "gpt2tui.cli.runs:runs_app",
    "corpora": "gpt2tui.cli.corpora:corpora_app",
}


class _Root(Group):
    """Holds the commands, and turns every error into one line and its exit code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands = LateCommands(_COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:  # closed by whoever started us
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, typer.Exit) or is_help(error):
                raise
            raise typer.Exit(tell(error, is_debug=ctx.meta.get("debug", False))) from error

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            if usage_words(error) is None:
                raise
            raise typer.Exit(tell(error)) from error


def tell(error: BaseException, *, is_debug: bool = False) -> int:
    """Say in one line what went wrong, if anything did; the exit code."""
    match error:
        case BrokenPipeError():
            abandon(sys.stdout)
            return 0
        case KeyboardInterrupt() | typer.Abort():
            return 130
        case Gpt2TuiError():
            code, message = error.exit_code, str(error)
        case OSError():
            code, message = 1, _of_the_system(error)
        case Exception() if words := usage_words(error):
            code, message = 2, words
        case _:
            code, message = 1, f"unexpected {type(error).__name__}: {error} (--debug shows where)"
    if is_debug:
        traceback.print_exception(error)
    narrate(message)
    return code


_WAYS_OUT = {
    errno.EROFS: "set GPT2TUI_HOME to a folder that can be written to",
    errno.EACCES: "it belongs to somebody else, or set GPT2TUI_HOME to a folder of yours",
    errno.ENOSPC: "free some space and run the command again",
}


def _of_the_system(error: OSError) -> str:
    """What the system refused, in the order of our own errors: the thing, the cause, the way out."""
    if not (error.filename and error.strerror):
        return str(error)
    way_out = _WAYS_OUT.get(error.errno or 0)
    return f"{os.fsdecode(error.filename)}: {error.strerror}" + (f"; {way_out}" if way_out else "")


app = typer.Typer(
    name="gpt2tui",
    cls=_Root,
    help="Train a GPT-2 on your own text, in your terminal, and talk to it.",
    epilog="Every option can also be set as GPT2TUI_<COMMAND>_<OPTION> and in config.toml (see gpt2tui paths).",
    no_args_is_help=False,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "auto_envvar_prefix": "GPT2TUI",
        "max_content_width": 100,
    },
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gpt2tui {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", envvar="GPT2TUI_CONFIG", help="TOML file with defaults.", metavar="FILE", show_default=False
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    theme: Theme = None,
    ascii: Ascii = False,
    no_mouse: NoMouse = False,
    no_animation: NoAnimation = False,
    plain: Plain = False,
) -> None:
    """Train a GPT-2 on your own text, in your terminal, and talk to it. Without a command: the app."""
    ctx.meta["debug"] = debug
    ctx.meta["config"] = config
    ctx.meta["appearance"] = Appearance(
        theme=theme, ascii=ascii, no_mouse=no_mouse, no_animation=no_animation, plain=plain
    )
    for name in stray_variables(_COMMANDS):
        narrate(f"{name} names no command and does nothing; variables are GPT2TUI_<COMMAND>_<OPTION>")
    file = config or Paths.from_environment().config_file
    if config or file.is_file():
        from gpt2tui.cli.settings_file import load_defaults

        ctx.default_map = load_defaults(file, ctx.command, wanted=ctx.invoked_subcommand, notice=narrate)
        ctx.meta["settings_file"] = file
    if ctx.invoked_subcommand is None:
        if has_terminal() or plain:
            open_app_and_exit(ctx)
        typer.echo(ctx.get_help())
        raise typer.Exit(2)
