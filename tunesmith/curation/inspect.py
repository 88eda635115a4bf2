"""A look at a source: what it holds, what is wrong with it, and a few rows as they would be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.curation.clean import drop_bad_order, drop_empty
from tunesmith.curation.dedup import content_key
from tunesmith.curation.lengths import summarize_lengths
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.errors import DataError
from tunesmith.recipe import Source
from tunesmith.records import Drop, Record


@dataclass
class Inspection:
    """What `inspect_file` found.

    Attributes:
        report: rows in, kept and dropped, format, files.
        records: every record.
        first_drops: the first few rows or parts that gave no record, with their ``path:line``.
        problem: the one line that says what to do where no row can be used; empty otherwise.
        limit: how many rows and drops to show.
    """

    report: ReadReport
    records: list[Record] = field(default_factory=list)
    first_drops: list[Drop] = field(default_factory=list)
    problem: str = ""
    limit: int = 3

    def to_dict(self) -> dict[str, Any]:
        """``format, rows_in, kept, dropped, records`` and more; ``rows`` are the first records, as in a run folder."""
        answers = [record.answer for record in self.records]
        flaws = Counter(reason for record in self.records if (reason := _flaw(record)) is not None)
        return {
            **self.report.to_dict(),
            "problem": self.problem,
            "notices": self.report.notices,
            "num_without_answer": sum(answer is None for answer in answers),
            "num_empty_answers": sum(answer is not None and not answer.strip() for answer in answers),
            "num_exact_duplicates": len(self.records) - len({content_key(record) for record in self.records}),
            "would_be_dropped": dict(flaws),
            "num_messages": sum(len(record.messages) for record in self.records),
            "roles": dict(Counter(message.role for record in self.records for message in record.messages)),
            "tasks": dict(Counter(record.task for record in self.records if record.task).most_common()),
            "num_with_tools": sum(bool(record.tools) for record in self.records),
            "lengths": summarize_lengths(self.records),
            "first_dropped": [drop.to_dict() for drop in self.first_drops],
            "rows": [record.to_dict() for record in self.records[: self.limit]],
        }


def inspect_file(path: str, *, columns: Mapping[str, str] | None = None, limit: int = 3) -> Inspection:
    """Read a file, folder, glob or hub dataset and tell what is in it; rows without an answer are kept.

    A source whose every row is bad is still inspected: ``problem`` says what to add.

    Raises:
        DataError: the path is not there, cannot be read, or holds no rows at all.
    """
    inspection = Inspection(ReadReport(path), limit=limit)
    source = Source(path=path, columns=dict(columns or {}))
    try:
        for part in read_source(source, inspection.report, require_answer=False):
            if isinstance(part, Record):
                inspection.records.append(part)
            elif len(inspection.first_drops) < limit:
                inspection.first_drops.append(part)
    except DataError as error:
        if inspection.report.rows_in == 0:
            raise
        inspection.problem = str(error)
    return inspection


def _flaw(record: Record) -> str | None:
    """Why the basic stages would drop it."""
    if record.answer is None:
        return None
    return drop_empty(record) or drop_bad_order(record)
