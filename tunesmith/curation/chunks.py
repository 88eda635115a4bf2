"""One chunk of rows through consecutive checks and rewrites: what a worker process does, and what it hands back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tunesmith.curation.sources import RawRows, ReadReport, read_parts
from tunesmith.curation.stages import BoundStage, Injected, run_stage
from tunesmith.files import RawLine, json_line
from tunesmith.recipe import Source
from tunesmith.records import Drop, Record

CHUNK_ROWS, CHUNK_BYTES = 500, 2**20


@dataclass(frozen=True)
class Chunk:
    """Rows of one file that are worked on together; ``source`` is its number in the recipe, None where the rows are
    records that were read before."""

    rows: Sequence[Any]
    path: str = ""
    source: int | None = None


@dataclass
class Outcome:
    """What became of a chunk, as it goes to disk.

    Attributes:
        files: name of a file and what the chunk adds to it: ``records``, and ``drops-K`` and ``changes-K`` of the stage
            of that number (0 is reading).
        facts: counts, as JSON can hold them: ``num_rows``, ``stages`` (see `stage_counts`), ``path``, ``source`` and,
            where rows were read, ``read`` (`ReadReport.counts`) and ``first_drop``.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """Consecutive checks and rewrites. Called with a chunk, in whatever process, it gives the outcome.

    Raises:
        RowError: a bad row, where the recipe says ``on_bad_row: raise``.
        DataError: a stage that failed.
    """

    stages: tuple[BoundStage, ...]
    injected: Injected
    sources: tuple[Source, ...] = ()
    on_bad_row: Literal["drop", "raise"] = "drop"

    def __call__(self, chunk: Chunk) -> Outcome:
        outcome = Outcome(facts={"path": chunk.path, "source": chunk.source, "num_rows": len(chunk.rows), "stages": []})
        records = self._records(chunk, outcome)
        for number, bound in enumerate(self.stages, start=1):
            kept, drops, changes = run_stage(bound, records, self.injected)
            outcome.facts["stages"].append(stage_counts(len(records), len(kept), drops, len(changes)))
            outcome.files[f"drops-{number}"] = _lines(drop.to_dict() for drop in drops)
            outcome.files[f"changes-{number}"] = _lines(changes)
            records = kept
        outcome.files["records"] = _lines(record.to_dict() for record in records)
        return outcome

    def _records(self, chunk: Chunk, outcome: Outcome) -> list[Record]:
        if chunk.source is None:
            return [Record.from_dict(json.loads(line)) for line in chunk.rows]
        report = ReadReport(chunk.path)
        parts = list(read_parts(chunk.rows, self.sources[chunk.source], report, on_bad_row=self.on_bad_row))
        drops = [part for part in parts if isinstance(part, Drop)]
        outcome.files["drops-0"] = _lines(drop.to_dict() for drop in drops)
        outcome.facts["read"] = report.counts()
        outcome.facts["first_drop"] = drops[0].to_dict() if drops else None
        return [part for part in parts if isinstance(part, Record)]


def stage_counts(num_in: int, num_out: int, drops: Sequence[Drop], num_changed: int) -> dict[str, Any]:
    """The funnel's figures of a stage, and where the first drop stands."""
    reasons, first = Counter(drop.reason for drop in drops), drops[0].source if drops else None
    return {"num_in": num_in, "num_out": num_out, "num_changed": num_changed, "reasons": reasons, "first": first}


def chunks_of_rows(raw_rows: RawRows, path: str, source: int) -> Iterator[Chunk]:
    """The rows of a file, cut where a chunk is full."""
    for rows in _batches(raw_rows):
        yield Chunk(rows, path, source)


def chunks_of_lines(lines: Iterable[bytes]) -> Iterator[Chunk]:
    """Records that were read before, cut where a chunk is full."""
    for rows in _batches(lines):
        yield Chunk(rows)


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.text) if isinstance(row, RawLine) else len(row) if isinstance(row, bytes) else 0
        if len(batch) == CHUNK_ROWS or size >= CHUNK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json_line(row) for row in rows)
