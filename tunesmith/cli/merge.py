"""Merging an adapter into its base."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli.console import importing, make_progress, print_json, results_only
from tunesmith.cli.options import Json, argument, flag


def merge(
    target: Annotated[str, argument("RUN|ADAPTER", help="A run, or the folder of an adapter.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the whole model goes.")],
    requantize: Annotated[
        bool,
        flag("--requantize", help="Quantize the weights again, as the base's were, and tell the error that makes."),
    ] = False,
    json: Json = False,
) -> None:
    """Add what an adapter learned to the weights of its base, and write a whole model."""
    with importing():
        from tunesmith.workflows.merge import merge_adapter

    with results_only():
        merged = merge_adapter(target, output, requantize=requantize, console=make_progress())
    if json:
        print_json(merged)
        return
    print(f"Merged into one model of {merged['num_parameters']:,} parameters.")
    print(_difference_text("Its", merged["max_difference"], merged["share_of_effect"]))
    if merged["requantized"] is not None:
        again = (merged["requantized_max_difference"], merged["requantized_share_of_effect"])
        print(_difference_text(f"Quantized again ({merged['requantized']}), its", *again))
    print(f"Model: {merged['model']}\nNext:  tunesmith chat {shlex.quote(merged['model'])}")


def _difference_text(whose: str, largest: float, share: float) -> str:
    return f"{whose} logits differ by at most {largest:.2g} from the adapter's on its base: {share:.2f} of what it changes."
