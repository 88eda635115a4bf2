"""What differs between two sets of records: rows that came, went or changed, counted by source, task and length."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.curation.prepared import SPLITS, lines_of
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.errors import DataError, RowError
from tunesmith.files import read_rows
from tunesmith.recipe import Source
from tunesmith.records import Record

LENGTHS = ((10, "up to 10 words"), (100, "11 to 100"), (1000, "101 to 1,000"))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a record to compare it: the beginning of its hash, and what it is counted by. No text."""

    id: str
    content: bytes
    split: str
    source: str
    task: str
    words: str

    @property
    def path(self) -> str:
        return self.source.rpartition(":")[0]


@dataclass
class Difference:
    """Rows of one set and not of the other, by id; under ``changed`` those with one id and another content.

    Where no id is shared, rows are told apart by content, and nothing counts as changed. ``why`` tells what stage
    dropped or rewrote a row, where a curation of one into the other has written it down.
    """

    by: str
    same: int = 0
    added: list[Fingerprint] = field(default_factory=list)
    removed: list[Fingerprint] = field(default_factory=list)
    changed: list[Fingerprint] = field(default_factory=list)
    moved: list[Fingerprint] = field(default_factory=list)
    why: Mapping[str, Mapping[tuple[str, str], str]] = field(default_factory=dict)

    def to_dict(self, limit: int = 5) -> dict[str, Any]:
        """Counts, and where the first few stand."""
        told: dict[str, Any] = {"by": self.by, "same": self.same}
        for name in ("added", "removed", "changed", "moved"):
            rows: list[Fingerprint] = getattr(self, name)
            whys = [self.why.get(name, {}).get((row.id, row.source), "") for row in rows]
            told[name] = {
                "count": len(rows),
                "by_why": _counted(whys),
                **{f"by_{what}": _counted(getattr(row, what) for row in rows) for what in BY},
                "examples": [
                    {"id": row.id, "source": row.source, "split": row.split, "why": why}
                    for row, why in zip(rows[:limit], whys)
                ],
            }
        return told


BY = ("split", "path", "task", "words")


def compare(one: str, other: str, columns: Mapping[str, str] | None = None) -> Difference:
    """How the second differs from the first; each a data file, or a folder with data (of a run or of `data curate`).

    ``moved`` are rows with the same content in another split, where both sides have splits. ``columns`` names those of
    data files that are not recognized (see `Source`).

    Raises:
        DataError: nothing there, or no record in it.
    """
    before, after = _fingerprints(one, columns), _fingerprints(other, columns)
    by = "id" if before.keys() & after.keys() else "content"
    if by == "content":
        before, after = ({row.content: row for row in rows.values()} for rows in (before, after))
    difference = Difference(by)
    difference.removed = [row for name, row in before.items() if name not in after]
    for name, row in after.items():
        old = before.get(name)
        if old is None:
            difference.added.append(row)
        elif old.content != row.content:
            difference.changed.append(row)
        elif old.split and row.split and old.split != row.split:
            difference.moved.append(row)
        else:
            difference.same += 1
    gone = {(row.id, row.source) for row in difference.removed}
    new = {(row.id, row.source) for row in difference.changed}
    difference.why = {
        "removed": _whys(other, "dropped.jsonl", gone, lambda row: f"{row['stage']}: {row['reason']}"),
        "changed": _whys(other, "changes.jsonl", new, lambda row: row["stage"]),
    }
    return difference


def _counted(values: Iterable[str]) -> dict[str, int]:
    """The most frequent first, without what is empty."""
    return {value: count for value, count in Counter(values).most_common() if value}


def _fingerprints(path: str, columns: Mapping[str, str] | None) -> dict[Any, Fingerprint]:
    """By id; of several records with one id (a row that several were made of, or a repeated one) by id and number."""
    found: dict[Any, Fingerprint] = {}
    seen: Counter[str] = Counter()
    for split, record in _records(path, columns):
        seen[record.id] += 1
        name = record.id if seen[record.id] == 1 else f"{record.id}#{seen[record.id]}"
        found[name] = _fingerprint(split, record)
    return found


def _fingerprint(split: str, record: Record) -> Fingerprint:
    num_words = sum(len(message.content.split()) for message in record.messages)
    words = next((name for limit, name in LENGTHS if num_words <= limit), "above 1,000")
    content = bytes.fromhex(record.content_sha256)[:16]
    return Fingerprint(record.id, content, split, record.source, sys.intern(record.task), words)


def _records(path: str, columns: Mapping[str, str] | None) -> Iterator[tuple[str, Record]]:
    if not Path(path).is_dir():
        yield from (("", record) for record in _of_file(path, columns))
        return
    data = _data_folder(path)
    splits = [split for split in SPLITS if (data / f"{split}.jsonl").is_file()]
    if not splits:
        raise DataError(
            f"{path}: no data in it (data/train.jsonl). Name a file, or a folder of `data curate` or a run."
        )
    for split in splits:
        for row in read_rows(data / f"{split}.jsonl"):
            if isinstance(row, RowError):
                raise row
            yield split, Record.from_dict(row.value)


def _data_folder(path: str) -> Path:
    data = Path(path) / "data"
    return data if data.is_dir() else Path(path)


def _of_file(path: str, columns: Mapping[str, str] | None) -> Iterator[Record]:
    """The records of a file; rows that give none are no difference."""
    source = Source(path=path, columns=dict(columns or {}))
    parts = read_source(source, ReadReport(path), require_answer=False)
    return (part for part in parts if isinstance(part, Record))


def _whys(
    path: str, name: str, wanted: set[tuple[str, str]], tell: Callable[[Mapping[str, Any]], str]
) -> dict[tuple[str, str], str]:
    """What the ledger of a curation says about some records; of several stages the last."""
    ledger = _data_folder(path) / name
    rows = (json.loads(line) for line in lines_of([ledger])) if wanted and ledger.is_file() else ()
    return {(row["id"], row["source"]): tell(row) for row in rows if (row["id"], row["source"]) in wanted}
