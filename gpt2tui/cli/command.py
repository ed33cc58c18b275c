"""How commands differ from typer's: built when they are asked for, a variable for each option, and shorter help."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from typer import Typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, TyperInfo

from gpt2tui.cli.wrong_words import misplaced, not_typed, places_of_values, unknown_variable
from gpt2tui.errors import UsageError


class Command(TyperCommand):
    """A command whose options can be set as ``GPT2TUI_<COMMAND>_<OPTION>``, named as they are typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _hide_variables(self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for parameter in self.params:
            if parameter.param_type_name == "option":
                longest = max(parameter.opts, key=len)
                parameter.envvar = f"{ctx.auto_envvar_prefix}{longest.replace('-', '_').removeprefix('_').upper()}"
        if words := unknown_variable(ctx):
            raise UsageError(words)
        ctx.meta["arguments"] = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if words := misplaced(ctx, getattr(error, "option_name", None)) or not_typed(ctx, error):
                raise UsageError(words) from error
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            if places := places_of_values(ctx, str(error)):
                raise UsageError(f"{error} ({', '.join(places)})") from error
            raise


class Group(TyperGroup):
    """A group of commands. Its own options are only typed: as variables they would be taken for its commands'."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _hide_variables(self.params)
        parameters: list[Any] = self.params
        for parameter in parameters:
            parameter.allow_from_autoenv = False


class LateCommands(dict[str, Any]):
    """Commands that are imported and built when they are asked for, since a start needs one of them.

    ``places`` names for each command the function or group that it is made of: ``module:name``.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        super().__init__(dict.fromkeys(places))
        self._places = places

    def __getitem__(self, name: str) -> Any:
        if (command := super().__getitem__(name)) is None:
            command = self[name] = _built(name, self._places[name])
        return command

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def values(self) -> Any:
        return {name: self[name] for name in self}.values()

    def items(self) -> Any:
        return {name: self[name] for name in self}.items()


def _built(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, Typer):
        made_of = CommandInfo(name=name, cls=Command, callback=found)
        return get_command_from_info(made_of, pretty_exceptions_short=True, rich_markup_mode=None)
    for command in found.registered_commands:
        command.cls = Command
    return get_group_from_info(
        TyperInfo(found, name=name), pretty_exceptions_short=True, suggest_commands=True, rich_markup_mode=None
    )


def _hide_variables(parameters: list[Any]) -> None:
    """That each option has a variable is said once, not at each."""
    for parameter in parameters:
        parameter.show_envvar = False
