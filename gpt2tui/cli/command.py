"""How the commands of this program differ from typer's: each option's variable, and shorter help."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


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
        ctx.meta["arguments"] = tuple(args)
        return super().parse_args(ctx, args)


class Group(TyperGroup):
    """A group of commands. Its own options are only typed: as variables they would be taken for its commands'."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _hide_variables(self.params)
        parameters: list[Any] = self.params
        for parameter in parameters:
            parameter.allow_from_autoenv = False


def _hide_variables(parameters: list[Any]) -> None:
    """That each option has a variable is said once, not at each."""
    for parameter in parameters:
        parameter.show_envvar = False
