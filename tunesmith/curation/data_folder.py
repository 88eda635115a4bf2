"""The files of a data folder: written whole from what was prepared, and read again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.curation import decontaminate
from tunesmith.curation.card import write_card
from tunesmith.curation.language import release_languages
from tunesmith.curation.prepared import SPLITS, Curated, Prepared, lines_of
from tunesmith.curation.profile import Profile, licenses_of
from tunesmith.curation.sources import ReadReport
from tunesmith.curation.store import WatchedRecords
from tunesmith.files import Pathlike, read_jsonl, refuse_overwriting, write_json, write_jsonl, write_lines
from tunesmith.progress import Progress, SilentProgress
from tunesmith.records import Drop, Record

FILES = (
    *(f"{split}.jsonl" for split in SPLITS),
    *("dropped.jsonl", "changes.jsonl", "funnel.json", "decontamination.json", "profile.json", "card.md"),
)


def curated_sources(folder: Pathlike) -> list[dict[str, str]]:
    """The splits that `data curate` wrote into a folder (or into ``folder/data``), as sources of a recipe; none where it
    is no such folder."""
    for place in (Path(folder), Path(folder) / "data"):
        if (place / "funnel.json").is_file():
            files = {split: place / f"{split}.jsonl" for split in SPLITS}
            return [{"path": str(file), "split": split} for split, file in files.items() if _has_rows(file)]
    return []


def _has_rows(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def write_prepared(prepared: Prepared, folder: Pathlike) -> Path:
    """Write the splits, ``dropped.jsonl``, ``changes.jsonl``, ``funnel.json``, and the card with its numbers
    (``profile.json``) into a folder; return it.

    Raises:
        UsageError: one of the files would overwrite a source.
        ResourceError: no permission, disk full …
    """
    folder = Path(folder)
    refuse_overwriting(input_paths(prepared.reports), [folder / name for name in FILES])
    profile = Profile(licenses_of(prepared.reports))
    for split in SPLITS:
        write_jsonl(folder / f"{split}.jsonl", (record.to_dict() for record in getattr(prepared, split)))
        for record in getattr(prepared, split):
            profile.add(record, split)
    write_jsonl(folder / "dropped.jsonl", (drop.to_dict() for drop in prepared.drops))
    write_jsonl(folder / "changes.jsonl", prepared.changes)
    _describe(folder, prepared.funnel, profile, prepared.reports)
    release_languages()  # a training in this process has no use for them
    return folder


def write_curated(curated: Curated, folder: Pathlike, *, console: Progress = SilentProgress()) -> Path:
    """`write_prepared` for what lies in a work folder: lines are copied, records are only looked at for the card."""
    folder = Path(folder)
    refuse_overwriting(input_paths(curated.reports), [folder / name for name in FILES])
    for split, records in curated.splits.items():
        write_lines(folder / f"{split}.jsonl", records.lines())
    write_lines(folder / "dropped.jsonl", lines_of(curated.drops))
    write_lines(folder / "changes.jsonl", lines_of(curated.changes))
    _describe(folder, curated.funnel, _profile(curated, console), curated.reports)
    return folder


def read_split(path: Pathlike) -> list[Record]:
    """The records of a split that was written. Raises `DataError` where the file is missing or damaged."""
    return [Record.from_dict(row) for row in read_jsonl(path)]


def input_paths(reports: Iterable[ReadReport]) -> list[str]:
    """Every file that was read."""
    return [file["path"] for report in reports for file in report.files if "sha256" in file]


def _describe(
    folder: Path, funnel: Sequence[Mapping[str, Any]], profile: Profile, reports: Iterable[ReadReport]
) -> None:
    """The files that tell about the others, once those are there."""
    write_json(folder / "funnel.json", funnel)
    against = [path for entry in funnel if entry["stage"] == decontaminate.STAGE for path in entry["against"]]
    (folder / "decontamination.json").unlink(missing_ok=True)  # of an earlier curation into this folder
    if against:
        drops = (Drop(**json.loads(line)) for line in lines_of([folder / "dropped.jsonl"]))
        found = decontaminate.summarize_contamination(drops, against)
        write_json(folder / "decontamination.json", found)
    write_card(folder, profile, reports)


def _profile(curated: Curated, console: Progress) -> Profile:
    """The numbers of the card. In this process alone: with workers beside it, this would be the peak of memory."""
    profile = Profile(licenses_of(curated.reports))
    for split, records in curated.splits.items():
        for record in WatchedRecords(records, console, f"Describe {split}"):
            profile.add(record, split)
    return profile
