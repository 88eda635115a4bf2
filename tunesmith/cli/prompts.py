"""`tunesmith data prompts`: fresh prompts with constraints that a program can check."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli.console import print_json, result_console
from tunesmith.cli.options import Json, value
from tunesmith.errors import UsageError


def prompts(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the prompts go (.jsonl).")],
    num: Annotated[int, typer.Option("--num", "-n", metavar="N", help="How many prompts.")] = 200,
    checks: Annotated[
        str, typer.Option("--checks", metavar="N|LOW-HIGH", help="How many constraints each prompt has, up to 5.")
    ] = "1-3",
    kinds: Annotated[
        str | None,
        value(
            "--kinds",
            metavar="NAMES",
            help="Kinds, families or ids of the constraints, apart by commas; all by default.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Decides every prompt.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Make prompts with constraints that no model has seen, in the format of IFEval's prompt file."""
    from tunesmith.checks.fresh import fresh_prompts
    from tunesmith.files import write_jsonl

    if not str(output).endswith((".jsonl", ".jsonl.gz")):
        raise UsageError(f"--output {output}: prompts are written one a line. Name a .jsonl file.")
    names = [name.strip() for name in (kinds or "").split(",") if name.strip()]
    if kinds is not None and not names:
        raise UsageError(f"--kinds: names nothing, got `{kinds}`. Leave it out for all kinds.")
    made = fresh_prompts(num, num_checks=_check_range(checks), kinds=names, seed=seed)
    write_jsonl(output, (prompt.to_row(key) for key, prompt in enumerate(made)))
    counts = Counter(kind for prompt in made for kind in prompt.kinds)
    if json:
        print_json({"num_prompts": len(made), "num_checks": dict(sorted(counts.items())), "output": str(output)})
        return
    console = result_console()
    console.print(f"prompts  {len(made):,}")
    console.print(
        f"checks   {counts.total():,}: {', '.join(f'{kind} {count:,}' for kind, count in counts.most_common())}"
    )
    console.print(f"output   {output}", soft_wrap=True, markup=False)
    next_command = f"tunesmith evaluate MODEL --tasks {shlex.quote(str(output))} --output scores"
    console.print(f"next     {next_command}", soft_wrap=True, markup=False)


def _check_range(text: str) -> tuple[int, int]:
    """(lowest, highest) of `2` or `1-3`."""
    found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if not found:
        raise UsageError(f"--checks: expected a number or a range such as 1-3, got `{text}`.")
    return int(found[1]), int(found[2] or found[1])
