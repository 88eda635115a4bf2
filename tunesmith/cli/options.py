"""How options are shown, and the ones several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ORDER = (
    "init",
    "data",
    "inspect",
    "curate",
    "mask",
    "unmask",
    "split",
    "diff",
    "prompts",
    "preview",
    "run",
    "train",
    "merge",
    "report",
    "evaluate",
    "compare",
    "gate",
    "chat",
    "runs",
    "doctor",
    "version",
)


class PlainHelp:
    """Shows ``--help`` without a type: a flag takes no value."""

    def get_help_option(self, ctx: typer.Context):
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option


class Command(PlainHelp, typer.core.TyperCommand):
    """A command of ours."""


class Group(PlainHelp, typer.core.TyperGroup):
    """Lists its commands in the order a person meets them."""

    def list_commands(self, ctx: typer.Context) -> list[str]:
        return sorted(self.commands, key=ORDER.index)


def flag(*names: str, help: str):
    """An option that is there or not."""
    return typer.Option(*names, metavar="", help=help)


def value(*names: str, metavar: str, help: str, **bounds: float):
    """An option with a value that has no default worth showing."""
    return typer.Option(*names, metavar=metavar, help=help, show_default=False, **bounds)


def argument(metavar: str, help: str):
    """A positional argument."""
    return typer.Argument(metavar=metavar, help=help, show_default=False)


Json = Annotated[bool, flag("--json", help="Print the result as one JSON object.")]
