"""Opens the app, or what speaks in its place on a terminal that cannot draw."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer

from gpt2tui.runs.paths import Paths

if TYPE_CHECKING:
    from gpt2tui.runs.run import Run

Theme = Annotated[str | None, typer.Option("--theme", help="Colours of the app.", metavar="NAME", show_default=False)]
Ascii = Annotated[bool, typer.Option("--ascii", help="Draw the app in ASCII.")]
NoMouse = Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")]
NoAnimation = Annotated[bool, typer.Option("--no-animation", help="Let nothing move of itself.")]
Plain = Annotated[bool, typer.Option("--plain", help="Speak milestones line by line, for screen readers.")]


class Appearance(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the app, as they were typed."""

    theme: str | None = None
    ascii: bool = False
    no_mouse: bool = False
    no_animation: bool = False
    plain: bool = False

    def over(self, other: Appearance) -> Appearance:
        """These options, and where they say nothing the other's."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}
        return msgspec.structs.replace(other, **given)


def has_terminal() -> bool:
    """Whether a person sits at both ends, be it behind a browser."""
    from gpt2tui.tui.options import is_in_browser

    return is_in_browser() or (sys.stdin.isatty() and sys.stdout.isatty())


def open_app_and_exit(
    ctx: typer.Context, *, run: Run | None = None, start: Sequence[str] = (), typed: Mapping[str, Any] | None = None
) -> NoReturn:
    """Open the app on a run, or on the form, or with a training that ``start`` (the words of a command) describes.

    ``typed`` are the options of ``train`` in these words, for the form where the training cannot start.

    Raises:
        typer.Exit: always, with the app's exit code.
    """
    appearance: Appearance = ctx.meta.get("appearance", Appearance())
    if file := ctx.meta.get("config"):
        os.environ["GPT2TUI_CONFIG"] = str(file)  # for the processes that the app starts
    from gpt2tui.tui.options import AppOptions, can_draw

    if appearance.plain or not can_draw(os.environ):
        from gpt2tui.tui.terminal.plain import speak_of

        raise typer.Exit(speak_of(run, start, Paths.from_environment()))

    from gpt2tui.tui.launch import open_app
    from gpt2tui.tui.settings import read_settings

    paths = Paths.from_environment()
    defaults: dict[str, Any] = (ctx.find_root().default_map or {}).get("train", {})
    settings_file = ctx.meta.get("config") or paths.config_file
    options = AppOptions(
        paths=paths,
        run=run.folder if run else None,
        start=tuple(start),
        typed=dict(typed or {}),
        defaults=defaults,
        theme=appearance.theme,
        is_ascii=appearance.ascii,
        has_mouse=not appearance.no_mouse,
        has_animation=not appearance.no_animation,
        settings_name=settings_file.name,
    )
    raise typer.Exit(open_app(options.for_terminal(read_settings(settings_file))))
