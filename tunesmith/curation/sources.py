"""From a source of a recipe to records, with every row accounted for: ``rows_in == kept + dropped``."""

from __future__ import annotations

import glob
import importlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tunesmith.curation.columns import check_columns
from tunesmith.curation.formats import no_answer, record_from_row
from tunesmith.errors import DataError, RowError
from tunesmith.files import (
    RawLine,
    Row,
    checked_row,
    file_sha256,
    is_supported,
    missing_path,
    parse_raw,
    read_raw_rows,
)
from tunesmith.recipe import Source
from tunesmith.records import Drop, Record

# What a convention leaves out on purpose: `on_bad_row: raise` does not stop at these.
LEFT_OUT = ("undesirable", "unanswered_prompt", "deleted_message")


@dataclass(frozen=True)
class HubDataset:
    """A Hugging Face dataset id."""

    name: str


@dataclass
class ReadReport:
    """What became of the rows of one source.

    Attributes:
        source: the path as the recipe has it.
        files: ``{path, sha256, size_bytes}`` of each file read; for a hub dataset ``fingerprint`` instead of a hash.
        ignored_files: files of a folder that are of no type we read.
        rows_in: rows met, good or bad.
        kept: rows that gave at least one record.
        records: records they gave.
        dropped: rows that gave none, by reason.
        dropped_parts: parts of kept rows that became no record, by reason.
        formats: rows by convention.
        license: what the recipe says about its licence, or empty.
    """

    source: str
    files: list[dict[str, Any]] = field(default_factory=list)
    ignored_files: list[str] = field(default_factory=list)
    rows_in: int = 0
    kept: int = 0
    records: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_parts: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    license: str = ""

    @property
    def format(self) -> str:
        """The convention, or ``mixed: messages 10, alpaca 20``."""
        if len(self.formats) <= 1:
            return next(iter(self.formats), "unknown")
        return "mixed: " + ", ".join(f"{name} {count}" for name, count in self.formats.items())

    @property
    def notices(self) -> list[str]:
        """What a person should know before training on it, a line each."""
        lines = [
            f"{self.source}: {NOTICES[name].format(count=count)}"
            for name, count in self.formats.items()
            if name in NOTICES
        ]
        if self.ignored_files:
            lines.append(
                f"{self.source}: not read, as no rows are expected in them: {', '.join(self.ignored_files[:5])}"
            )
        return lines

    def counts(self) -> dict[str, Any]:
        """What `add` takes, as JSON can hold it."""
        return {name: getattr(self, name) for name in COUNTED}

    def add(self, counts: Mapping[str, Any]) -> None:
        """Count in what became of some more rows of the source."""
        for name in COUNTED:
            if isinstance(counts[name], int):
                setattr(self, name, getattr(self, name) + counts[name])
            else:
                getattr(self, name).update(counts[name])

    def to_dict(self) -> dict[str, Any]:
        """For funnel, card and inspection."""
        counts = {"rows_in": self.rows_in, "kept": self.kept, "records": self.records, "format": self.format}
        drops = {"dropped": dict(self.dropped), "dropped_parts": dict(self.dropped_parts)}
        return {"source": self.source, "files": self.files, "ignored_files": self.ignored_files, **counts, **drops}


COUNTED = ("rows_in", "kept", "records", "dropped", "dropped_parts", "formats")
NOTICES = {
    "preference": "{count} preference rows: only the chosen answer is learned, the rejected one is kept in meta.",
    "unpaired preference": "{count} rows with a good/bad label: only answers marked good are learned.",
    "text": "{count} rows of bare text without a question: learned as text to continue.",
}


def expand_paths(path: str) -> list[Path] | HubDataset:
    """The files a path stands for, sorted; or the hub dataset it names.

    A path is a file, a folder (all files in it of a type we read, at any depth, hidden ones left out), a glob, or
    ``owner/name`` of a Hugging Face dataset where nothing of that name lies here.

    Raises:
        DataError: nothing there, with the nearest name; a folder or glob with no file we can read.
    """
    local = Path(path).expanduser()
    try:
        return _found(path, local)
    except PermissionError as error:
        raise DataError(
            f"{error.filename}: no permission to look there. Change its mode or owner (chmod u+rx)."
        ) from None


def _found(path: str, local: Path) -> list[Path] | HubDataset:
    if local.is_dir():
        return _at_least_one(
            path, [file for file in _files_below(local) if is_supported(file)], "no file to read there. Put"
        )
    if local.exists():
        return [local]
    if re.search(r"[*?\[]", path):
        found = sorted(Path(name) for name in glob.glob(str(local), recursive=True))
        readable = [file for file in found if file.is_file() and is_supported(file)]
        return _at_least_one(path, readable, "matches no file to read. Check the pattern, or put")
    if _is_hub_id(path):
        return HubDataset(path)
    raise missing_path(local)


def read_source(
    source: Source,
    report: ReadReport,
    *,
    on_bad_row: Literal["drop", "raise"] = "drop",
    require_answer: bool = True,
    require_prompt: bool = False,
) -> Iterator[Record | Drop]:
    """Yield the records of a source in order and a `Drop` for every row or part that became none; fill the report.

    Drops of whole rows have stage ``read``; parts of a kept row (a broken instance, an unanswered question of a tree)
    have stage ``read_part``. A row that could not even be parsed has an empty id.

    Raises:
        DataError: a file that cannot be read, or without one good row; with ``on_bad_row="raise"`` the first bad row.
    """
    for path, raw_rows in open_source(source, report):
        kept, first, before = report.kept, None, report.dropped.copy()
        for part in read_parts(
            raw_rows,
            source,
            report,
            on_bad_row=on_bad_row,
            require_answer=require_answer,
            require_prompt=require_prompt,
        ):
            first = part if first is None and isinstance(part, Drop) else first
            yield part
        if report.kept == kept:
            raise no_good_row(path, report.dropped - before, first)


RawRows = Iterable[RawLine | Row | RowError]


def open_source(source: Source, report: ReadReport) -> list[tuple[str, RawRows]]:
    """Each file of the source and its rows, as yet unread; entered into the report with its hash.

    Raises `DataError` where nothing is there, or the columns named in the recipe are none of ours.
    """
    check_columns(source.columns)
    report.license = source.license or ""
    paths = expand_paths(source.path)
    if isinstance(paths, HubDataset):
        return [_hub_rows(paths.name, source, report)]
    folder = Path(source.path).expanduser()
    if folder.is_dir():
        report.ignored_files = [str(file) for file in _files_below(folder) if not is_supported(file)]
    opened = []
    for path in paths:
        rows = read_raw_rows(path)
        report.files.append({"path": str(path), "sha256": file_sha256(path), "size_bytes": path.stat().st_size})
        opened.append((str(path), rows))
    return opened


def read_parts(
    raw_rows: RawRows,
    source: Source,
    report: ReadReport,
    *,
    on_bad_row: Literal["drop", "raise"] = "drop",
    require_answer: bool = True,
    require_prompt: bool = False,
) -> Iterator[Record | Drop]:
    """`read_source` for some rows of one file, in whatever process."""
    for raw in raw_rows:
        for part in _count(_parts(parse_raw(raw), source, report, require_answer, require_prompt), report):
            if isinstance(part, Drop):
                _stop_at_bad_row(part, on_bad_row)
            yield part


def no_good_row(path: str, dropped: Counter[str], first: Drop | None) -> DataError:
    """The error for a file that holds no usable row; ``first`` is the first that was dropped."""
    if first is None:
        return DataError(f"{path}: there are no rows in it. Give a file with at least one.")
    counts = ", ".join(f"{reason} {count}" for reason, count in dropped.most_common())
    count = dropped.total()
    told = "its only row cannot be used" if count == 1 else f"none of its {count:,} rows can be used"
    return DataError(f"{path}: {told} ({counts}). {first.source}: {first.detail}")


def read_records(
    path: str, *, require_answer: bool, columns: Mapping[str, str] | None = None, task: str | None = None
) -> tuple[list[Record], list[Drop], ReadReport]:
    """Records, drops and report of a file to be tested on.

    Rows without a question are dropped (``no_prompt``); with ``require_answer`` also rows without a reference answer
    (``no_answer``: IFEval, MT-bench). Raises `DataError` where nothing is left.
    """
    source = Source(path=path, columns=dict(columns or {}), task=task)
    report = ReadReport(path)
    parts = list(read_source(source, report, require_answer=require_answer, require_prompt=True))
    records = [part for part in parts if isinstance(part, Record)]
    return records, [part for part in parts if isinstance(part, Drop)], report


def _files_below(folder: Path) -> list[Path]:
    files = (Path(root) / name for root, _, names in os.walk(folder, onerror=_raise) for name in names)
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _raise(error: OSError) -> None:
    raise error


def _at_least_one(path: str, files: list[Path], problem: str) -> list[Path]:
    if not files:
        raise DataError(f"{path}: {problem} .jsonl, .json, .csv, .tsv or .parquet files there (also .gz).")
    return files


def _is_hub_id(path: str) -> bool:
    """``owner/name``, unless the owner is a folder here: then it is a mistyped file."""
    return (
        re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", path) is not None
        and not is_supported(path)
        and not Path(path).parent.exists()
    )


def _hub_rows(name: str, source: Source, report: ReadReport) -> tuple[str, RawRows]:
    # Loaded here and not above: `datasets` takes seconds to import and most runs read files.
    hub = importlib.import_module("tunesmith.curation.hub")
    fingerprint, rows = hub.load_rows(name, config=source.hub_config, split=source.hub_split)
    path = f"{name}[{source.hub_split}]"
    report.files.append({"path": path, "fingerprint": fingerprint})
    return path, (checked_row(dict(row), path, number) for number, row in enumerate(rows, start=1))


def _parts(row: Row | RowError, source: Source, report: ReadReport, answer: bool, prompt: bool) -> list[Record | Drop]:
    if isinstance(row, RowError):
        return [Drop("", row.source, "read", row.reason, row.detail)]
    convention, parts = record_from_row(row.value, source=row.source, columns=source.columns, task=source.task)
    report.formats[convention] += 1
    return [_refused(part, row, answer, prompt) or part for part in parts]


def _refused(part: Record | Drop, row: Row, answer: bool, prompt: bool) -> Drop | None:
    """A drop for a record that lacks what its use needs."""
    if isinstance(part, Drop):
        return None
    if answer and part.answer is None:
        return Drop(part.id, part.source, "read", "no_answer", no_answer(row.value).detail)
    if prompt and not part.prompt:
        return Drop(part.id, part.source, "read", "no_prompt", "there is no question to be asked.")
    return None


def _count(parts: list[Record | Drop], report: ReadReport) -> list[Record | Drop]:
    """Enter one row into the report; what is left of a row without records is its first drop."""
    records = [part for part in parts if isinstance(part, Record)]
    report.rows_in += 1
    if not records:
        drop = parts[0] if parts else None
        assert isinstance(drop, Drop), "a convention gave neither a record nor a drop"
        report.dropped[drop.reason] += 1
        return [drop]
    report.kept += 1
    report.records += len(records)
    report.dropped_parts.update(part.reason for part in parts if isinstance(part, Drop))
    return [Drop(p.id, p.source, "read_part", p.reason, p.detail) if isinstance(p, Drop) else p for p in parts]


def _stop_at_bad_row(drop: Drop, on_bad_row: str) -> None:
    if on_bad_row == "raise" and drop.reason not in LEFT_OUT:
        way_on = "Correct the row, or set data.on_bad_row: drop to go on without it."
        raise RowError(drop.reason, f"{drop.detail} {way_on}", drop.source)
