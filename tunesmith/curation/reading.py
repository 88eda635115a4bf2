"""Rows and records through consecutive checks and rewrites: chunk by chunk, in several processes, each finished once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tunesmith.curation.bench import Bench
from tunesmith.curation.chunks import Chunk, Course, chunks_of_lines, chunks_of_rows, stage_counts
from tunesmith.curation.sources import RawRows, ReadReport, no_good_row
from tunesmith.curation.stages import BoundStage
from tunesmith.curation.store import Records, Rows
from tunesmith.curation.work import Journal
from tunesmith.curation.workers import ordered_map
from tunesmith.files import count_lines
from tunesmith.records import Drop

Opened = Sequence[Sequence[tuple[str, RawRows]]]  # by source: path and rows of each file


def read_sources(bench: Bench, opened: Opened, stages: tuple[BoundStage, ...]) -> Records:
    """Read every row, and do the stages that follow on the way.

    Raises `DataError` for a file without one good row.
    """
    data, folder = bench.data, bench.step("read")
    files = [(number, path, rows) for number, listed in enumerate(opened) for path, rows in listed]
    chunks = (chunk for number, path, rows in files for chunk in chunks_of_rows(rows, path, number))
    course = Course(stages, bench.injected, data.sources, data.on_bad_row)
    tallies = {path: _Tally() for _, path, _ in files}
    totals = _Totals(len(stages))
    for facts in _run(bench, folder, course, chunks, "Read and clean", _num_rows(path for _, path, _ in files)):
        bench.curated.reports[facts["source"]].add(facts["read"])
        tallies[facts["path"]].add(facts)
        totals.add(facts)
    for path, tally in tallies.items():
        if not tally.kept:
            raise no_good_row(path, tally.dropped, tally.first)
    bench.curated.funnel.append(_read_entry(bench.curated.reports))
    bench.curated.drops.append(folder / "drops-0")
    return _noted(bench, folder, stages, totals)


def rewrite_records(bench: Bench, stages: tuple[BoundStage, ...], records: Records) -> Records:
    """Checks and rewrites of records that were read before."""
    folder, totals = bench.step(stages[0].stage.name), _Totals(len(stages))
    course = Course(stages, bench.injected)
    for facts in _run(bench, folder, course, chunks_of_lines(records.lines()), "Clean", len(records)):
        totals.add(facts)
    return _noted(bench, folder, stages, totals)


def _run(
    bench: Bench, folder: Path, course: Course, chunks: Iterator[Chunk], description: str, num_rows: int | None
) -> Iterator[dict[str, Any]]:
    """The facts of every chunk in order, those that were finished before first."""
    journal = Journal(folder)
    with closing(journal), bench.console.bar(description, num_rows, unit="rows") as bar:
        for facts, _ in zip(journal.entries, chunks, strict=False):
            bar.advance(facts["num_rows"])
            yield facts
        start, num_done = time.monotonic(), 0
        with closing(ordered_map(course, chunks, num_workers=bench.num_workers(course.stages))) as outcomes:
            for outcome in outcomes:
                journal.add(outcome.files, outcome.facts)
                num_done += outcome.facts["num_rows"]
                bar.advance(outcome.facts["num_rows"])
                bar.update(rows_per_second=num_done / max(time.monotonic() - start, 1e-9))
                yield outcome.facts


def _num_rows(paths: Iterable[str]) -> int | None:
    """How many rows there are at most, where that is quickly told."""
    counts = [count_lines(path) if path.lower().endswith(".jsonl") else None for path in paths]
    return None if None in counts else sum(counts)


def _noted(bench: Bench, folder: Path, stages: Sequence[BoundStage], totals: _Totals) -> Records:
    """What the stages have left, once they are in the funnel."""
    for number, (bound, counts) in enumerate(zip(stages, totals.stages), start=1):
        bench.note_stage(bound, counts)
        bench.curated.drops.append(folder / f"drops-{number}")
        bench.curated.changes.append(folder / f"changes-{number}")
    return Records([Rows.open(folder / "records")])


class _Totals:
    """Funnel figures of several stages, summed over chunks."""

    def __init__(self, num_stages: int):
        self.stages = [stage_counts(0, 0, [], 0) for _ in range(num_stages)]

    def add(self, facts: Mapping[str, Any]) -> None:
        for total, counts in zip(self.stages, facts["stages"], strict=True):
            for name in ("num_in", "num_out", "num_changed"):
                total[name] += counts[name]
            total["reasons"].update(counts["reasons"])
            total["first"] = total["first"] or counts["first"]


class _Tally:
    """What became of the rows of one file."""

    def __init__(self) -> None:
        self.kept = 0
        self.dropped: Counter[str] = Counter()
        self.first: Drop | None = None

    def add(self, facts: Mapping[str, Any]) -> None:
        self.kept += facts["read"]["kept"]
        self.dropped.update(facts["read"]["dropped"])
        if self.first is None and facts["first_drop"] is not None:
            self.first = Drop(**facts["first_drop"])


def _read_entry(reports: Iterable[ReadReport]) -> dict[str, Any]:
    """The funnel's first entry, which counts rows."""
    reports = list(reports)
    dropped = sum((report.dropped for report in reports), Counter())
    parts = sum((report.dropped_parts for report in reports), Counter())
    rows, kept = sum(report.rows_in for report in reports), sum(report.kept for report in reports)
    assert rows == kept + dropped.total(), "rows in == kept + dropped"
    return {
        "stage": "read",
        "unit": "rows",
        "num_in": rows,
        "num_kept": kept,
        "num_out": sum(report.records for report in reports),
        "num_dropped": dropped.total(),
        "reasons": dict(dropped),
        "num_dropped_parts": parts.total(),
        "part_reasons": dict(parts),
    }
