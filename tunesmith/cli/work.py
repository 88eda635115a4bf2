"""The verbs on a recipe: init, preview, run, train."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.cli.console import importing, make_progress, print_json, result_console, results_only
from tunesmith.cli.options import Json, argument, flag, value
from tunesmith.cli.results import splits_table
from tunesmith.errors import UsageError

RecipePath = Annotated[Path, argument("RECIPE", help="A recipe (YAML), or a run folder to take its recipe from.")]
OutputDir = Annotated[
    Path | None,
    value("--output-dir", "-o", metavar="DIR", help="The run folder. By default runs/ and the recipe's name."),
]
Overrides = Annotated[
    list[str] | None,
    value("--set", metavar="KEY=VALUE", help="Change a field, e.g. --set train.max_steps=20. May be repeated."),
]
Resume = Annotated[bool, flag("--resume", help="Go on with the run in the folder; begin where none is there.")]
Overwrite = Annotated[
    bool, flag("--overwrite", help="Delete what an earlier run wrote into the folder, and begin anew.")
]
DryRun = Annotated[bool, flag("--dry-run", help="Load model and data, take one step in memory, write nothing.")]


def init(
    path: Annotated[Path, typer.Argument(metavar="RECIPE", help="Where to write it; - prints it.")] = Path(
        "recipe.yaml"
    ),
    model: Annotated[
        str, value("--model", metavar="MODEL", help="Fill in the model: a folder, a run or a hub id.")
    ] = "",
    data: Annotated[
        list[str] | None,
        value("--data", metavar="PATH", help="Fill in a source, or a folder of `data curate`. May be repeated."),
    ] = None,
) -> None:
    """Write a commented recipe with every field to start from."""
    from tunesmith.files import write_text
    from tunesmith.recipe_files import init_recipe_text

    sources = _sources(data or ())
    is_curated = any(isinstance(source, dict) for source in sources)
    text = init_recipe_text(model, sources, "none" if is_curated else "")
    if str(path) == "-":
        sys.stdout.write(text)
        return
    if path.exists():
        raise UsageError(f"{path}: already there, and not overwritten. Name another file: tunesmith init other.yaml")
    write_text(path, text)
    missing = " and ".join(name for name, value in (("model.name_or_path", model), ("data.sources", data)) if not value)
    print(f"Wrote {path}.{f' Fill in {missing}.' if missing else ''}")
    print(f"Next: tunesmith preview {shlex.quote(str(path))}")


def _sources(named: Sequence[str]) -> list[str | dict[str, str]]:
    """What to read: a folder that `data curate` made is read by its splits."""
    if not any(Path(name).is_dir() for name in named):
        return list(named)
    from tunesmith.curation.data_folder import curated_sources

    return [source for name in named for source in curated_sources(name) or [name]]


def preview(
    recipe: RecipePath,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="How many records to show.")] = 3,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Show what the model will see, which tokens it learns from, and what is lost."""
    console = make_progress()
    loaded = load(recipe, overrides, console)
    check_paths(loaded)
    with importing():
        from tunesmith.workflows.preview import preview as make_preview

    with results_only():
        shown = make_preview(loaded, limit=limit, console=console)
    if json:
        print_json(shown)
        return
    from tunesmith.cli.preview_text import print_preview
    from tunesmith.model.load import load_tokenizer

    print_preview(shown, load_tokenizer(loaded.model)[0])
    print(f"Next: {run_command('run', recipe, overrides)}")


def run(
    recipe: RecipePath,
    output_dir: OutputDir = None,
    overrides: Overrides = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Do it all: data, training, comparison of base and tuned, report."""
    _work(recipe, output_dir, overrides, resume, overwrite, dry_run, json, until="report")


def train(
    recipe: RecipePath,
    output_dir: OutputDir = None,
    overrides: Overrides = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Stop after training: the same as run, without comparison and report."""
    _work(recipe, output_dir, overrides, resume, overwrite, dry_run, json, until="train")


def _work(recipe, output_dir, overrides, resume, overwrite, dry_run, as_json, *, until) -> None:
    if resume and overwrite:
        raise UsageError("--resume goes on with a run, --overwrite deletes it: give only one of them.")
    console = make_progress()
    loaded = load(recipe, overrides, console)
    if not resume:  # a run that goes on has its data
        check_paths(loaded)
    folder = output_dir or default_folder(recipe, loaded.output_dir)
    if not dry_run:
        _refuse_early(folder, loaded, resume, overwrite)
    with importing():
        from tunesmith.workflows.run import run_recipe

    command = shlex.join(["tunesmith", *sys.argv[1:]])
    with results_only():
        summary = run_recipe(
            loaded,
            folder,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            console=console,
            until=until,
            command=command,
        )
    if as_json:
        print_json(summary)
    elif dry_run:
        verb = "train" if until == "train" else "run"
        print("Ready: model and data are loaded, and one step works. Nothing was written.")
        print(f"Next: {run_command(verb, recipe, overrides, output_dir)}")
    else:
        _print_summary(summary, folder, until)


def load(path: Path, overrides: list[str] | None, console: Any) -> Any:
    """The recipe with its overrides, its stages checked and its paths found."""
    from tunesmith.recipe_files import load_recipe, resolve_paths, said_by

    recipe = load_recipe(path, overrides or (), notify=console.notice)
    with importing():
        from tunesmith.curation.pipeline import bind_stages

    bind_stages(recipe.curate, path=said_by("curate", path, overrides or ()))
    return resolve_paths(recipe, path)


def _refuse_early(folder: Path, recipe: Any, resume: bool, overwrite: bool) -> None:
    """What is wrong with the run folder, such as another process in it, before anything slow is imported."""
    from tunesmith.run import Run

    Run(folder).refuse(recipe, resume=resume, overwrite=overwrite)


def check_paths(recipe: Any) -> None:
    """Find every data file before anything slow is imported. Raises `DataError`."""
    from tunesmith.curation.sources import expand_paths

    for path in (*(source.path for source in recipe.data.sources), *recipe.evaluate.tasks):
        expand_paths(path)


def run_command(verb: str, recipe: Path, overrides: list[str] | None, output_dir: Path | None = None) -> str:
    """The command that does in earnest what was only looked at, with the same changes."""
    words = ["tunesmith", verb, str(recipe)]
    words += [word for change in overrides or () for word in ("--set", change)]
    return shlex.join([*words, *(["--output-dir", str(output_dir)] if output_dir is not None else [])])


def default_folder(recipe: Path, named: str | None) -> Path:
    """Where a run goes by itself: the recipe's output_dir, the run folder it was loaded from, or runs/ and its name."""
    if named is not None:
        return Path(named)
    return recipe if recipe.is_dir() else Path("runs") / recipe.stem


def _print_summary(summary: dict[str, Any], folder: Path, until: str) -> None:
    """The verdict, what was learned of each test file, where the result is, and the next command."""
    run_dir = shlex.quote(str(summary.get("run_dir") or folder))
    if summary.get("verdict"):
        print(summary["verdict"])
        table = splits_table(Path(summary["run_dir"])) if "summary" in summary else None
        if table is not None:
            result_console().print("", table, "", sep="\n")
    if until == "train":
        print(f"Model:  {run_dir}/model\nNext:   tunesmith chat {run_dir}")
    else:
        print(f"Report: {summary.get('report') or run_dir}\nNext:   tunesmith chat {run_dir}")
