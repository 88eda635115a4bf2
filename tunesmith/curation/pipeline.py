"""The way from sources to a run folder's data: read → stages → choose → split → mix, every record accounted for.

Rows are read in chunks. Consecutive checks and rewrites run on a chunk in one go, in worker processes where there is
enough to do (`reading`); a selection looks at all records, which lie in files (`selection`); what is left is divided into
splits (`division`). What is finished is kept in a work folder (`work`), from which the same work goes on after any
interruption. The order of the result is canonical: sources that are held out come first (of duplicates the first stays),
then by path, then by line, in whatever order the recipe names them.
"""

from __future__ import annotations

import glob
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from tunesmith import __version__
from tunesmith.curation import (  # noqa: F401  (they file their stages)
    answers,
    clean,
    constraints,
    decontaminate,
    dedup,
    endings,
    language,
    markup,
    mojibake,
    outliers,
    personal_data,
    refusals,
    repetition,
)
from tunesmith.curation.bench import Bench
from tunesmith.curation.division import divide_records, limit_records, mix_records
from tunesmith.curation.prepared import SPLITS, Curated, Prepared
from tunesmith.curation.reading import Opened, read_sources, rewrite_records
from tunesmith.curation.selection import select_records
from tunesmith.curation.sources import ReadReport, open_source
from tunesmith.curation.split import HELD_OUT
from tunesmith.curation.stages import BoundStage, Injected, bind_stages, needs_key
from tunesmith.curation.store import Records
from tunesmith.curation.work import Work, code_sha256, fingerprint
from tunesmith.errors import DataError
from tunesmith.files import file_sha256
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import DataSection, Source
from tunesmith.system_errors import explained_writing

SMALL_BYTES = 2**20
# Fields of the data section that change nothing before the split, which is always made anew.
LATE = {"num_workers", "max_records", "validation_fraction", "test_fraction"}
Curate = str | Sequence[str | Mapping[str, Any]]


def prepare(
    data: DataSection,
    curate: Curate = "basic",
    *,
    key: bytes | None = None,
    work: Path | None = None,
    console: Progress = SilentProgress(),
) -> Prepared:
    """Read, clean, choose, split and mix the records of a recipe.

    Duplicates go before the split. Sources with a ``split`` fill that split alone: the fraction of the same name is
    then not taken from the others. What a held-out source asks is dropped everywhere else (``held_out_prompt``), and so
    is what looks like it (``like_held_out``, see `split`).

    ``work`` is a folder to go on in after an interruption (see `curated_in`); it stays when all is done, for the caller
    to delete once the result is safe.

    Raises:
        DataError: a source that cannot be read or has no good row, nothing left after a stage, a split without records.
        RecipeError: a stage or setting that does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="tunesmith-") as folder:
        place = work if work is not None else Path(folder) / "work"
        with curated_in(place, data, curate, key=key, keep=work is not None, console=console) as curated:
            return curated.load()


@contextmanager
def curated_in(
    folder: Path,
    data: DataSection,
    curate: Curate = "basic",
    *,
    key: bytes | None = None,
    keep: bool = False,
    console: Progress = SilentProgress(),
) -> Iterator[Curated]:
    """`prepare` with all that is large in the files of a work folder, going on with what is finished there.

    The folder is deleted when the body ends well (unless ``keep``), or when the data turns out to be of no use; after
    any other end it stays, for the same call to go on with.

    Raises what `prepare` raises, and:
        UsageError: the folder holds the same work, begun with another key, or something that is no work at all.
        ResourceError: another process is at work in the folder, or it cannot be written.
    """
    stages = tuple(bind_stages(curate))
    data = data.model_copy(update={"sources": tuple(sorted(data.sources, key=_canonical))})
    curated = Curated(reports=[ReadReport(source.path) for source in data.sources])
    opened = [open_source(source, report) for source, report in zip(data.sources, curated.reports)]
    origin = _origin(opened)
    is_keyed = any(map(needs_key, stages))
    once = secrets.token_hex(16) if is_keyed and key is None else None
    held_out = tuple(path for path, number in origin.items() if data.sources[number].split in HELD_OUT)
    given = Injected(data.seed, key if key is not None else secrets.token_bytes(32), held_out)
    same_work = _fingerprint(data, stages, curated, once)
    with explained_writing(folder), Work(folder, same_work, key if is_keyed else None) as work:
        curated.went_on = work.goes_on
        if curated.went_on:
            console.say(f"Going on with the work in {folder}")
        shown = SilentProgress() if _is_small(curated.reports) else console
        bench = Bench(data, given, "project" if key is not None else "run", work, shown, curated)
        try:
            records = limit_records(bench, _run_stages(bench, stages, opened))
            divide_records(bench, records, origin)
            mix_records(bench, origin)
            yield curated
        except DataError:
            work.remove()
            raise
        if not keep:
            work.remove()


def files_of_stages(stages: Iterable[BoundStage]) -> list[str]:
    """Files that settings name: what is compared with, or read besides the sources."""
    named = [value for bound in stages for value in bound.settings.values()]
    texts = [text for value in named for text in (value if isinstance(value, (list, tuple)) else [value])]
    return [path for text in texts if isinstance(text, str) for path in _files_named(text)]


def _files_named(text: str) -> list[str]:
    """The file of that name, or the files in the folder or of the pattern."""
    pattern = f"{glob.escape(text)}/**" if Path(text).is_dir() else text
    found = [text] if Path(text).is_file() else glob.glob(pattern, recursive=True)
    return sorted(path for path in found if Path(path).is_file())


def _run_stages(bench: Bench, stages: Sequence[BoundStage], opened: Opened) -> Records:
    """The records every stage has left. The first checks and rewrites go along with reading."""
    groups = [
        (shape, tuple(group)) for shape, group in groupby(stages, key=lambda bound: bound.stage.shape == "select")
    ]
    first = groups.pop(0)[1] if groups and not groups[0][0] else ()
    records = read_sources(bench, opened, first)
    for is_select, group in groups:
        if is_select:
            for bound in group:
                records = select_records(bench, bound, records)
        else:
            records = rewrite_records(bench, group, records)
    return records


def _is_small(reports: Iterable[ReadReport]) -> bool:
    """Whether all is done before anybody looks at a bar."""
    return sum(file.get("size_bytes", SMALL_BYTES) for report in reports for file in report.files) < SMALL_BYTES


def _canonical(source: Source) -> tuple[int, str, str, str]:
    """Where a source comes in the order, whatever order it is named in."""
    held_out = SPLITS[::-1].index(source.split or "train")
    return held_out, source.path, source.hub_config or "", source.hub_split


def _origin(opened: Opened) -> dict[str, int]:
    """The number of the source each path belongs to."""
    origin: dict[str, int] = {}
    for number, files in enumerate(opened):
        for path, _ in files:
            if origin.setdefault(path, number) != number:
                raise DataError(
                    f"data.sources: {path} is read by two sources. Name it once; `weight` repeats its records."
                )
    return origin


def _fingerprint(data: DataSection, stages: Sequence[BoundStage], curated: Curated, once: str | None) -> str:
    """What the work up to the split depends on, the key aside. With a key for this run alone, ``once`` differs each time."""
    return fingerprint(
        {
            "version": __version__,
            "code": code_sha256([bound.stage.function for bound in stages]),
            "data": data.model_dump(mode="json", exclude=LATE),
            "stages": [(bound.stage.name, dict(bound.settings)) for bound in stages],
            "files": [report.files for report in curated.reports],
            "files_of_stages": [file_sha256(path) for path in files_of_stages(stages)],
            "once": once,
        }
    )
