"""The verbs on data files, before any recipe."""

from __future__ import annotations

from typing import Annotated

import typer

from tunesmith.cli.console import print_json
from tunesmith.cli.options import Command, Group, Json, argument, value
from tunesmith.errors import DataError, UsageError

app = typer.Typer(cls=Group, help="Look at data files.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    """Look at data files: what format, how many rows, how long, what is wrong."""


@app.command(cls=Command)
def inspect(
    path: Annotated[
        str, argument("FILE", help="A .jsonl, .json, .csv, .tsv or .parquet file (also .gz), a folder or a glob.")
    ],
    columns: Annotated[
        list[str] | None,
        value(
            "--columns", metavar="OURS=THEIRS", help="Name a column that is not recognized, e.g. instruction=question."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="How many rows to show.")] = 3,
    json: Json = False,
) -> None:
    """Say what a data file holds: format, counts, lengths, duplicates, bad rows, a few samples."""
    from tunesmith.curation.inspect import inspect_file

    found = inspect_file(path, columns=column_map(columns or []), limit=limit).to_dict()
    if json:
        print_json(found)
    else:
        from tunesmith.cli.inspect_text import print_inspection

        print_inspection(path, found)
    if found["problem"]:
        raise DataError(found["problem"])


def column_map(pairs: list[str]) -> dict[str, str] | None:
    """``["instruction=question"]`` as a mapping; None where nothing is given."""
    named = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise UsageError(f"--columns {pair}: write it as OURS=THEIRS, for example --columns instruction=question")
        named[ours] = theirs
    return named or None
