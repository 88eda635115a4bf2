"""The verbs on data files, before any recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.cli.console import make_progress, print_json, results_only
from tunesmith.cli.mask import mask
from tunesmith.cli.options import Columns, Command, Group, Json, argument, value
from tunesmith.cli.prompts import prompts
from tunesmith.cli.unmask import unmask
from tunesmith.errors import DataError, RecipeError, UsageError

app = typer.Typer(cls=Group, help="Look at data, and make it ready.", no_args_is_help=True, rich_markup_mode="rich")
Sources = Annotated[list[str] | None, argument("IN…", help="Files, folders, globs or hub ids.")]
Output = Annotated[
    Path | None, value("--output", "-o", metavar="DIR", help="Where the data goes: DIR/data/train.jsonl and others.")
]
ValidationFraction = Annotated[
    float | None, value("--validation-fraction", metavar="SHARE", help="Share held out for the validation loss.")
]
TestFraction = Annotated[
    float | None, value("--test-fraction", metavar="SHARE", help="Share held out to compare base and tuned.")
]
Seed = Annotated[int | None, value("--seed", metavar="N", help="Decides the split and every choice.", min=0)]
Workers = Annotated[
    int | None, value("--num-workers", metavar="N", help="Processes for large data; by default one per core.", min=1)
]


@app.callback()
def _group() -> None:
    """Look at data files (format, rows, lengths, what is wrong), clean, split and compare them."""


app.command(cls=Command)(mask)
app.command(cls=Command)(unmask)
app.command(cls=Command)(prompts)


@app.command(cls=Command)
def inspect(
    path: Annotated[
        str, argument("FILE", help="A .jsonl, .json, .csv, .tsv or .parquet file (also .gz), a folder or a glob.")
    ],
    columns: Columns = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="How many rows to show.")] = 3,
    html: Annotated[Path | None, value("--html", metavar="OUT", help="Write a page with pictures as well.")] = None,
    json: Json = False,
) -> None:
    """Say what a data file holds: rows, lengths, languages, personal data, what to fix, a few samples."""
    from tunesmith.cli.inspect_text import print_inspection, write_page
    from tunesmith.curation.inspect import inspect_file

    found = inspect_file(path, columns=column_map(columns or []), limit=limit).to_dict()
    if html is not None:
        write_page(html, found)
    if json:
        print_json(found)
    else:
        print_inspection(path, found, html)
    if found["problem"]:
        raise DataError(found["problem"])


@app.command(cls=Command)
def curate(
    sources: Sources = None,
    output: Output = None,
    recipe: Annotated[
        Path | None, value("--recipe", metavar="FILE", help="Take data and curate from this recipe (YAML).")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        value("--set", metavar="KEY=VALUE", help="Change a field of the recipe, e.g. --set data.max_records=1000."),
    ] = None,
    stages: Annotated[
        str | None,
        value("--stages", metavar="NAMES", help="none, basic, default, or stages apart by commas. Default: default."),
    ] = None,
    columns: Columns = None,
    validation_fraction: ValidationFraction = None,
    test_fraction: TestFraction = None,
    seed: Seed = None,
    num_workers: Workers = None,
    key_file: Annotated[
        Path | None,
        value("--key-file", metavar="FILE", help="The secret that surrogates of personal data are made with."),
    ] = None,
    json: Json = False,
) -> None:
    """Clean, de-duplicate and split data, with the fate of every row on record. Stopped in any way, the same command goes
    on from there."""
    if not sources and recipe is None:
        raise UsageError("Name the data: tunesmith data curate rows.jsonl --output clean. Or give --recipe FILE.")
    division = _division(validation_fraction, test_fraction, seed, num_workers)
    console = make_progress()
    made = _recipe(sources, columns, recipe, stages, division, overrides, console)
    _make(made, output, key_file, console, json, "curate")


@app.command(cls=Command)
def split(
    sources: Sources = None,
    output: Output = None,
    validation_fraction: ValidationFraction = None,
    test_fraction: TestFraction = None,
    seed: Seed = None,
    columns: Columns = None,
    num_workers: Workers = None,
    json: Json = False,
) -> None:
    """Divide data into train, validation and test, and change nothing: what is alike stays together."""
    if not sources:
        raise UsageError("Name the data: tunesmith data split rows.jsonl --output divided.")
    division = _division(validation_fraction, test_fraction, seed, num_workers)
    console = make_progress()
    _make(_recipe(sources, columns, None, "none", division, None, console), output, None, console, json, "split")


@app.command(cls=Command)
def diff(
    one: Annotated[str, argument("A", help="A data file, or a folder of `data curate` or of a run.")],
    other: Annotated[str, argument("B", help="What to compare with it.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="How many rows to name of each.")] = 5,
    columns: Columns = None,
    json: Json = False,
) -> None:
    """Say which rows of B are new, which of A are gone, and which are not the same any more."""
    from tunesmith.curation.difference import compare

    found = compare(one, other, column_map(columns or [])).to_dict(limit)
    if json:
        print_json(found)
        return
    from tunesmith.cli.data_text import print_difference

    print_difference(one, other, found)


def _division(
    validation_fraction: float | None, test_fraction: float | None, seed: int | None, num_workers: int | None
) -> dict[str, float | int]:
    """What was given of the fields of a data section that have options of their own."""
    named = {"validation_fraction": validation_fraction, "test_fraction": test_fraction}
    named |= {"seed": seed, "num_workers": num_workers}
    return {name: value for name, value in named.items() if value is not None}


def _recipe(sources, columns, path, stages, division, overrides, console) -> Any:
    """The recipe these options make. Its model is none of our business here, so it may lack one."""
    from tunesmith.curation.pipeline import bind_stages
    from tunesmith.recipe_files import make_recipe, read_recipe_values, resolve_paths, said_by

    values = read_recipe_values(path) if path is not None else {}
    values["model"] = values.get("model") or {"name_or_path": "tunesmith/tiny-gpt"}
    data = values["data"] = dict(values.get("data") or {})
    if sources:
        named = column_map(columns or [])
        data["sources"] = [{"path": source, "columns": named} if named else source for source in sources]
    elif columns:
        raise UsageError(
            "--columns goes with the data it is about. In a recipe, give each of data.sources its columns."
        )
    data |= division
    if stages is not None:
        values["curate"] = _stage_list(stages)
        bind_stages(values["curate"], path=f"--stages {stages}")
    elif path is None:
        values["curate"] = "default"
    try:
        made = make_recipe(values, overrides or (), path=str(path or "command line"), notify=console.notice)
    except RecipeError as error:
        raise RecipeError(error.path, [_under_option(problem, division) for problem in error.problems]) from None
    bind_stages(made.curate, path=said_by("curate", path, overrides or ()))
    return made if path is None else resolve_paths(made, path)


def _under_option(problem: str, division: Mapping[str, Any]) -> str:
    """A problem of a field that was given by an option of its own, told under that option's name."""
    for name in division:
        _, is_about, told = problem.partition(f"data.{name}: ")
        if is_about:
            return f"--{name.replace('_', '-')}: {told}"
    return problem


def _stage_list(text: str) -> str | list[str]:
    from tunesmith.curation.stages import LISTS

    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(
            f"--stages {text!r}: a name is missing. Write none, basic, default or --stages drop_empty,drop_short."
        )
    return names[0] if len(names) == 1 and names[0] in LISTS else names


def _make(recipe: Any, output: Path | None, key_file: Path | None, console: Any, as_json: bool, verb: str) -> None:
    if output is None:
        raise UsageError(f"--output DIR is missing. For example: tunesmith data {verb} rows.jsonl --output clean")
    from tunesmith.workflows.curate import curate_files

    with results_only():
        found = curate_files(recipe, output, key_file=key_file, console=console)
    if as_json:
        print_json(found)
        return
    from tunesmith.cli.data_text import print_curation

    print_curation(found)


def column_map(pairs: list[str]) -> dict[str, str] | None:
    """``["instruction=question"]`` as a mapping; None where nothing is given."""
    from tunesmith.curation.columns import check_columns

    named = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise UsageError(f"--columns {pair}: write it as OURS=THEIRS, for example --columns instruction=question")
        named[ours] = theirs
    check_columns(named, said="--columns ")
    return named or None
