"""Stages that look at all records: what one leaves is a list of numbers, and beside it the records it wrote anew."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.curation.bench import Bench
from tunesmith.curation.stages import BoundStage, given_function, select
from tunesmith.curation.store import Records, Rows, WatchedRecords, place_of
from tunesmith.files import json_line, read_json, write_json
from tunesmith.records import Drop, Record


def select_records(bench: Bench, bound: BoundStage, records: Records) -> Records:
    """What a selection leaves; one that was finished before is not done again."""
    name = bound.stage.name
    folder = bench.step(name)
    if not (folder / "step.json").exists():
        watched = WatchedRecords(records, bench.console, name)
        parts = select(name, given_function(bound, bench.injected), watched)
        write_json(folder / "step.json", _spill(folder, parts, records))
    bench.note_stage(bound, read_json(folder / "step.json"))
    bench.curated.drops.append(folder / "drops")
    written = Rows.open(folder / "written")
    return Records([*records.files, *([written] if len(written) else [])], np.load(folder / "kept.npy"))


def _spill(folder: Path, parts: Iterator[Record | Drop], records: Records) -> dict[str, Any]:
    """Write down what a selection yields; its figures for the funnel."""
    kept, num_written, num_lines = array("q"), 0, sum(len(rows) for rows in records.files)
    reasons: Counter[str] = Counter()
    first = None
    with open(folder / "drops", "wb") as drops, open(folder / "written", "wb") as written:
        for part in parts:
            if isinstance(part, Drop):
                drops.write(json_line(part.to_dict()))
                reasons[part.reason] += 1
                first = first or part.source
                continue
            place = place_of(part)
            if place is None:
                written.write(json_line(part.to_dict()))
                place, num_written = num_lines + num_written, num_written + 1
            kept.append(place)
    np.save(folder / "kept.npy", np.array(kept, dtype=np.int64))
    return {"num_in": len(records), "num_out": len(kept), "reasons": reasons, "first": first}
