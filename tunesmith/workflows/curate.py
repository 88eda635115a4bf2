"""Data made ready on its own: sources in, a folder with splits, drops, changes and a card out; resumable at any moment."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tunesmith.curation.data_folder import FILES, write_curated
from tunesmith.curation.pipeline import curated_in, files_of_stages
from tunesmith.curation.prepared import Curated
from tunesmith.curation.sources import HubDataset, expand_paths
from tunesmith.curation.stages import bind_stages
from tunesmith.errors import Interrupted, UsageError
from tunesmith.files import Pathlike, refuse_overwriting
from tunesmith.privacy.keys import read_key
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import Recipe, Source
from tunesmith.workflows.signals import listening

WORK = ".curation"


def curate_files(
    recipe: Recipe, output: Path, *, key_file: Pathlike | None = None, console: Progress = SilentProgress()
) -> dict[str, Any]:
    """Read, clean, de-duplicate and split the recipe's sources into ``output/data``; the counts and where it is.

    Work under way lies in ``output/.curation``. Started again after any end, the same call goes on there. What an earlier
    call wrote into ``output/data`` stays until all of the new is there.

    Raises:
        UsageError: an output would overwrite an input or something that is not ours; a key that does not fit.
        DataError, RecipeError: see `prepare`.
        Interrupted: SIGINT or SIGTERM.
    """
    folder = output / "data"
    _refuse_foreign(output)
    inputs = [*_inputs(recipe.data.sources), *files_of_stages(bind_stages(recipe.curate))]
    refuse_overwriting(inputs, [folder / name for name in FILES])
    _refuse_inside(output / WORK, inputs)
    if (folder / "funnel.json").exists():
        console.notice(f"{folder} holds an earlier result; it is replaced once the new one is complete.")
    key = read_key(key_file, outside=[output])
    start = time.monotonic()
    try:
        with listening(), curated_in(output / WORK, recipe.data, recipe.curate, key=key, console=console) as curated:
            for report in curated.reports:
                for notice in report.notices:
                    console.notice(notice)
            console.say(f"Writing {folder}")
            made = write_curated(curated, output / WORK / "data", console=console)
            _put_in_place(made, folder)
            return _told(curated, folder, time.monotonic() - start)
    except Interrupted as error:
        again = "Stopped; the same command goes on from here."
        raise Interrupted(again, error.exit_code - 128) from None
    finally:
        with suppress(OSError):  # of a start that failed nothing is left
            output.rmdir()


def _refuse_foreign(output: Path) -> None:
    """A folder is ours while it holds work, or a result of ours, which is made anew."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: a file, where a folder is to be. Choose another --output.")
    if (output / "recipe.yaml").exists():
        raise UsageError(f"{output}: is a run folder, whose data belongs to the run. Choose another --output.")
    there = [name for name in FILES if (output / "data" / name).exists()]
    if there and "funnel.json" not in there and not (output / WORK).exists():
        raise UsageError(f"{output}/data: holds {there[0]}, which is no result of ours. Choose another --output.")


def _refuse_inside(work: Path, inputs: Iterable[Pathlike]) -> None:
    for path in inputs:
        if Path(path).resolve().is_relative_to(work.resolve()):
            raise UsageError(f"{path}: lies in {work}, which is deleted in the end. Copy it somewhere else.")


def _put_in_place(made: Path, folder: Path) -> None:
    """Move the new files over those of an earlier curation; what has no successor goes, what is not ours stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (made / name).exists():
            os.replace(made / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _inputs(sources: Iterable[Source]) -> list[Path]:
    found = [expand_paths(source.path) for source in sources]
    return [path for paths in found if not isinstance(paths, HubDataset) for path in paths]


def _told(curated: Curated, folder: Path, seconds: float) -> dict[str, Any]:
    read, splits = curated.funnel[0], {name: len(records) for name, records in curated.splits.items()}
    dropped = sum((Counter(entry["reasons"]) for entry in curated.funnel), Counter())
    return {
        "data": str(folder),
        "card": str(folder / "card.md"),
        "rows_in": read["num_in"],
        "records": read["num_out"],
        "kept": sum(splits.values()),
        "num_dropped": dropped.total(),
        "dropped": dict(dropped.most_common()),
        "splits": splits,
        "funnel": curated.funnel,
        "seconds": round(seconds, 3),
        "rows_per_second": None if curated.went_on else round(read["num_in"] / max(seconds, 1e-9), 1),
    }
