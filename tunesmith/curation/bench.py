"""The workbench of a curation: what each of its steps is given, and where it notes what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunesmith.curation.prepared import Curated
from tunesmith.curation.stages import BoundStage, Injected, is_importable, needs_key
from tunesmith.curation.store import Records
from tunesmith.curation.work import Work
from tunesmith.errors import DataError
from tunesmith.files import json_line
from tunesmith.hardware import num_cores
from tunesmith.progress import Progress
from tunesmith.recipe import DataSection
from tunesmith.records import Drop


@dataclass
class Bench:
    """What every step needs: the recipe's section, where to work, and the result so far.

    ``key_scope`` says whether the key is the project's or was made for this run alone.
    """

    data: DataSection
    injected: Injected
    key_scope: Literal["project", "run"]
    work: Work
    console: Progress
    curated: Curated
    num_steps: int = 0

    def step(self, name: str) -> Path:
        """The folder of the next step."""
        self.num_steps += 1
        return self.work.step(f"{self.num_steps - 1:02}-{name}")

    def num_workers(self, stages: Iterable[BoundStage]) -> int:
        """One where other processes could not find the stages."""
        return (self.data.num_workers or num_cores()) if all(map(is_importable, stages)) else 1

    def note(self, stage: str, counts: Mapping[str, Any], **more: Any) -> None:
        """Enter a stage into the funnel. Raises `DataError` where it left nothing."""
        num_in, num_out, reasons = counts["num_in"], counts["num_out"], counts["reasons"]
        num_dropped = sum(reasons.values())
        assert num_in == num_out + num_dropped, f"stage {stage}: records in == kept + dropped"
        entry = {"stage": stage, "unit": "records", "num_in": num_in, "num_out": num_out, "num_dropped": num_dropped}
        self.curated.funnel.append({**entry, "reasons": dict(reasons), **more})
        if not num_out:
            named = ", ".join(f"{reason} {count}" for reason, count in Counter(reasons).most_common())
            raise DataError(
                f"curate: stage {stage} dropped all {num_in} records ({named})."
                f" First: {counts['first']}. Leave it out, or fix the rows."
            )

    def note_stage(self, bound: BoundStage, counts: Mapping[str, Any]) -> None:
        """`note` of a stage, with what else is told of it: how many records it changed, its mode, what it compared with,
        and whose key it used."""
        told = {name: value for name, value in bound.settings.items() if name in ("mode", "against")}
        told |= {"key": self.key_scope} if needs_key(bound) else {}
        told |= {"num_changed": counts["num_changed"]} if bound.stage.shape == "rewrite" else {}
        self.note(bound.stage.name, counts, **told)

    def drop(self, stage: str, lost: Iterable[tuple[str, Records]]) -> dict[str, int]:
        """List records that are left out, by reason; the reasons of the funnel."""
        path, reasons = self.step(stage) / "drops", Counter()
        with open(path, "wb") as drops:
            for reason, record in ((reason, record) for reason, part in lost for record in part):
                drops.write(json_line(Drop(record.id, record.source, stage, reason).to_dict()))
                reasons[reason] += 1
        self.curated.drops.append(path)
        return dict(reasons)
