"""How options are shown, and the ones several commands share."""

from __future__ import annotations

from pathlib import Path
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

Columns = Annotated[
    list[str] | None,
    value(
        "--columns",
        metavar="OURS=THEIRS",
        help="Name a column that is not recognized, e.g. output=label. May be repeated.",
    ),
]

# -- of the verbs that ask and judge -----------------------------------------------------------------------------------

Tasks = Annotated[list[Path] | None, value("--tasks", metavar="FILE", help="Questions with answers. May be repeated.")]
MetricName = Annotated[
    str | None, value("--metric", metavar="NAME", help="The metric of the headline, e.g. verbatim_match.")
]
MaxSamples = Annotated[
    int | None,
    value("--max-samples", metavar="N", min=1, help="At most so many questions per task, before they are rephrased."),
]
MaxNewTokens = Annotated[
    int | None,
    value("--max-new-tokens", metavar="N", min=1, help="Longest answer, in tokens; by default a run's own, else 512."),
]
Shots = Annotated[
    list[Path] | None,
    value(
        "--shots",
        metavar="FILE",
        help="Records to take worked examples from: one file for all --tasks, or one for each; by default a run's own.",
    ),
]
NumShots = Annotated[
    int | None,
    value(
        "--num-shots",
        metavar="K",
        min=0,
        help="Worked examples before each question; for evaluate RUN by default as it was trained.",
    ),
]
Template = Annotated[
    str | None,
    value(
        "--template",
        metavar="NAME",
        help="Ask every model with this template (chatml, alpaca, plain, inline, bare or a .jinja file); by default each "
        "with its own, and one without with that of the first.",
    ),
]
RunCode = Annotated[
    bool, flag("--run-code", help="Run programs that a model wrote, to score them: in a limited process.")
]
