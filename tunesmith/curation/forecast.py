"""What curation would do to records nobody has touched: tried on a sample of them, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tunesmith.curation import pipeline  # noqa: F401  (it files the stages)
from tunesmith.curation.sample import HashSample, hash_of
from tunesmith.curation.stages import Injected, bind_stages, run_stage
from tunesmith.records import Drop, Record

SAMPLE_SIZE = 20_000


@dataclass(frozen=True, order=True, slots=True)
class Fate:
    """What would become of a record: the stages that would change it, and the one that would drop it. Sorted by place."""

    path: str
    line: int
    changed_by: tuple[str, ...] = field(default=(), compare=False)
    drop: Drop | None = field(default=None, compare=False)


class Forecast:
    """The checks and rewrites of a stage list, tried on `SAMPLE_SIZE` different records that have an answer, chosen by a
    hash of their ids. Selections, such as the search for duplicates, need all records and are not tried."""

    def __init__(self, curate: str = "default") -> None:
        self.curate = curate
        self._stages = [bound for bound in bind_stages(curate) if bound.stage.shape != "select"]
        self._fates: HashSample[Fate] = HashSample(SAMPLE_SIZE)

    def offer(self, record: Record) -> None:
        """Try a record where it belongs to the sample."""
        key = hash_of(record.id)
        if record.answer is not None and self._fates.admits(key):
            self._fates.put(key, self._try(record))

    def _try(self, record: Record) -> Fate:
        path, _, line = record.source.rpartition(":")
        changed: list[str] = []
        drop = None
        for bound in self._stages:
            left, drops, changes = run_stage(bound, [record], Injected(seed=0))
            changed += [bound.stage.name] if changes else []
            if drops:
                drop = drops[0]
                break
            [record] = left
        return Fate(path, int(line) if line.isdecimal() else 0, tuple(changed), drop)

    def drops(self) -> Iterator[Drop]:
        """What would be dropped, in the order of the source."""
        return (fate.drop for fate in sorted(self._fates) if fate.drop is not None)

    def to_dict(self) -> dict[str, Any]:
        """``curate``, ``num_tried``, ``num_dropped`` and the ``stages`` that would do something: ``stage``,
        ``num_changed``, ``reasons``."""
        changed = Counter(name for fate in self._fates for name in fate.changed_by)
        reasons: dict[str, Counter[str]] = {bound.stage.name: Counter() for bound in self._stages}
        for drop in self.drops():
            reasons[drop.stage][drop.reason] += 1
        stages = [
            {"stage": name, "num_changed": changed[name], "reasons": dict(counts.most_common())}
            for name, counts in reasons.items()
            if counts or changed[name]
        ]
        return {
            "curate": self.curate,
            "num_tried": len(self._fates),
            "is_whole": self._fates.is_whole,
            "num_dropped": sum(1 for _ in self.drops()),
            "stages": stages,
        }
