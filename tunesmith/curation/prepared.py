"""What a curation gives: the splits, and what became of everything else; in memory, or in files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.curation.sources import ReadReport
from tunesmith.curation.store import Records
from tunesmith.files import read_jsonl
from tunesmith.records import Drop, Record

SPLITS = ("train", "validation", "test")


@dataclass
class Prepared:
    """Records ready to be rendered, and what became of all others.

    Attributes:
        train, validation, test: the splits; a record weighted above 1 stands in ``train`` several times.
        drops: every row, part or record that was left out, in the order of the stages.
        changes: ``{id, source, stage, fields, spans}`` of every rewritten record.
        funnel: one entry per stage: read, the curation stages, max_records, split, mix.
        reports: one per source.
    """

    train: list[Record] = field(default_factory=list)
    validation: list[Record] = field(default_factory=list)
    test: list[Record] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    funnel: list[dict[str, Any]] = field(default_factory=list)
    reports: list[ReadReport] = field(default_factory=list)

    @property
    def notices(self) -> list[str]:
        """What a person should know before training on it, a line each."""
        return [line for report in self.reports for line in report.notices]


@dataclass
class Curated:
    """What `Prepared` tells, lying in the files of a work folder: for more records than memory holds.

    ``drops`` and ``changes`` are JSON-lines files, in the order of the stages; ``went_on`` says that some of the work
    was done before.
    """

    splits: dict[str, Records] = field(default_factory=dict)
    drops: list[Path] = field(default_factory=list)
    changes: list[Path] = field(default_factory=list)
    funnel: list[dict[str, Any]] = field(default_factory=list)
    reports: list[ReadReport] = field(default_factory=list)
    went_on: bool = False

    def load(self) -> Prepared:
        """The same in memory."""
        splits = {
            name: [Record.from_dict(json.loads(line)) for line in records.lines()]
            for name, records in self.splits.items()
        }
        return Prepared(
            **splits,
            drops=[Drop(**row) for path in self.drops for row in read_jsonl(path)],
            changes=[row for path in self.changes for row in read_jsonl(path)],
            funnel=self.funnel,
            reports=self.reports,
        )


def lines_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """The lines of several files of ours, one file after another."""
    for path in paths:
        with open(path, "rb") as stream:
            yield from stream
