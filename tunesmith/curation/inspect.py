"""A look at a source nobody has touched: what it holds, what is wrong with it, and a few rows as they would be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tunesmith.curation.advice import advise
from tunesmith.curation.card import gather_facts
from tunesmith.curation.clean import drop_bad_order, drop_empty
from tunesmith.curation.examples import FirstDrops
from tunesmith.curation.forecast import Forecast
from tunesmith.curation.profile import Profile
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.errors import DataError
from tunesmith.recipe import Source
from tunesmith.records import Drop, Record


@dataclass
class Inspection:
    """What `inspect_file` found; a file of any size takes the same memory.

    Attributes:
        report: rows in, kept and dropped, format, files.
        profile: what the records are like.
        flaws: records the basic stages would drop, by reason.
        forecast: what the default stages would do.
        rows: the first records.
        first_drops: the first rows or parts that gave no record, with their ``path:line``.
        drops: the first ones of each reason.
        problem: the one line that says what to do where no row can be used; empty otherwise.
        limit: how many rows and drops to show.
    """

    report: ReadReport
    profile: Profile = field(default_factory=Profile)
    flaws: Counter[str] = field(default_factory=Counter)
    forecast: Forecast = field(default_factory=Forecast)
    rows: list[Record] = field(default_factory=list)
    first_drops: list[Drop] = field(default_factory=list)
    drops: FirstDrops = field(default_factory=FirstDrops)
    problem: str = ""
    limit: int = 3

    def add(self, part: Record | Drop) -> None:
        """Take in what became of a row."""
        if isinstance(part, Drop):
            self.drops.add(part.to_dict())
            if len(self.first_drops) < self.limit:
                self.first_drops.append(part)
            return
        self.profile.add(part)
        self.forecast.offer(part)
        if len(self.rows) < self.limit:
            self.rows.append(part)
        flaw = _flaw(part)
        if flaw is not None:
            self.flaws[flaw] += 1

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What ``data/profile.json`` holds for a run, and ``forecast``; the examples are of drops that would be, too."""
        for drop in self.forecast.drops():
            self.drops.add(drop.to_dict())
        return {**gather_facts(self.profile, [self.report], self.drops), "forecast": self.forecast.to_dict()}

    @property
    def funnel(self) -> list[dict[str, Any]]:
        """What ``data/funnel.json`` holds for a run: here one stage, reading."""
        report = self.report
        counts = {"num_in": report.rows_in, "num_kept": report.kept, "num_out": report.records}
        reasons = {"reasons": dict(report.dropped), "part_reasons": dict(report.dropped_parts)}
        return [{"stage": "read", "unit": "rows", **counts, "num_dropped": report.dropped.total(), **reasons}]

    def to_dict(self) -> dict[str, Any]:
        """``format, rows_in, kept, dropped, records`` and more; ``rows`` are the first records, as in a run folder."""
        facts = self.facts
        tasks = {name: sum(counts.values()) for name, counts in facts["tasks"]["counts"].items()}
        return {
            **self.report.to_dict(),
            "problem": self.problem,
            "notices": self.report.notices,
            **{name: facts[name] for name in ("num_without_answer", "num_empty_answers", "num_exact_duplicates")},
            "would_be_dropped": dict(self.flaws),
            "num_messages": sum(facts["roles"].values()),
            **{name: facts[name] for name in ("roles", "num_with_tools", "lengths")},
            "tasks": tasks,
            "first_dropped": [drop.to_dict() for drop in self.first_drops],
            "rows": [record.to_dict() for record in self.rows],
            "funnel": self.funnel,
            "profile": facts,
            "advice": [item.to_dict() for item in advise(facts, self.funnel)],
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
            inspection.add(part)
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
