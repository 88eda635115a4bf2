"""What came in, what was left out and why: the counts of every stage that touched the records."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from tunesmith.report.data import DataFacts
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.text import format_count, is_number, join_places

NUM_PLACES = 3
NOT_REJECTING = ("max_records", "mix", "render")
SPLITS = ("train", "validation", "test")
FUNNEL = "data/funnel.json"


@dataclass(frozen=True)
class DropReason:
    """Why records (or parts of rows) were left out at a stage, how many, where the first of them stand and what is said
    of the first."""

    stage: str
    reason: str
    count: Figure
    places: str
    detail: str
    is_part: bool


@dataclass
class _FirstDrops:
    """The first few ``path:line`` of a reason, and what the first drop says of itself."""

    places: list[str] = field(default_factory=list)
    detail: str = ""


@dataclass(frozen=True)
class Funnel:
    """The stages of a run, each with its counts."""

    run: RunFolder
    data: DataFacts

    @cached_property
    def stages(self) -> list[Figure]:
        """The stages that took records in and gave records out, in order."""
        return [stage for stage in self.run.funnel.items() if stage.at("num_in").known]

    @cached_property
    def split(self) -> list[tuple[str, Figure]]:
        """(name, number of records) of each split, after the last stage that tells them."""
        told = [stage for stage in self.run.funnel.items() if stage.at("train").known]
        return [(name, told[-1].at(name)) for name in SPLITS] if told else []

    @property
    def rows_in(self) -> Figure:
        return self._first_stage.at("num_in")

    @property
    def num_kept(self) -> Figure:
        """Source rows that gave at least one record."""
        kept = self._first_stage.at("num_kept")
        return kept if kept.known else self._first_stage.at("num_out")

    @property
    def num_rows_dropped(self) -> Figure:
        return self._first_stage.at("num_dropped")

    @property
    def _first_stage(self) -> Figure:
        return self.stages[0] if self.stages else Figure(None, FUNNEL)

    @property
    def rows_add_up(self) -> bool:
        """Whether rows in = kept + dropped."""
        counts = [figure.value for figure in (self.rows_in, self.num_kept, self.num_rows_dropped)]
        return all(map(is_number, counts)) and counts[0] == counts[1] + counts[2]

    @property
    def num_rejected(self) -> Figure:
        """Rows and records left out for what they are: not those too long, and not those nobody asked for."""
        return self._num_dropped(without=NOT_REJECTING)

    @property
    def num_left_out(self) -> Figure:
        """Rows and records left out for whatever reason."""
        return self._num_dropped()

    def _num_dropped(self, *, without: tuple[str, ...] = ()) -> Figure:
        counts = [stage.at("num_dropped").value or 0 for stage in self.stages if stage.at("stage").value not in without]
        how = f"sum of num_dropped{', without ' + ', '.join(without) if without else ''}"
        return Figure(sum(counts) if counts else None, f"{FUNNEL} ({how})")

    @cached_property
    def drop_reasons(self) -> list[DropReason]:
        """Every reason of every stage with its count, most frequent first within a stage; parts of rows last."""
        kinds = (("reasons", ""), ("part_reasons", " (parts of rows)"))
        return [
            self._drop_reason(stage.at("stage").value, words, str(reason), count)
            for stage in self.stages
            for kind, words in kinds
            for reason, count in sorted(stage.at(kind).entries(), key=lambda entry: (-(entry[1].value or 0), entry[0]))
        ]

    def _drop_reason(self, stage: str, words: str, reason: str, count: Figure) -> DropReason:
        first = self._drops.get((stage, reason)) or self._drops.get((None, reason)) or _FirstDrops()
        return DropReason(f"{stage}{words}", reason, count, join_places(first.places), first.detail, bool(words))

    @property
    def drop_examples(self) -> list[tuple[DropReason, list[Figure]]]:
        """Rows that were left out, by reason, masked."""
        stages = [stage.at("stage").value for stage in self.stages]
        known = [(drop, next((s for s in stages if drop.stage.startswith(s)), "")) for drop in self.drop_reasons]
        found = [(drop, self.data.examples_of(stage, drop.reason)) for drop, stage in known]
        return [(drop, examples) for drop, examples in found if examples]

    @cached_property
    def _drops(self) -> dict[tuple[str | None, str], _FirstDrops]:
        """By (stage, reason); the stage is None where the funnel does not know it."""
        known = {stage.at("stage").value for stage in self.stages}
        drops: dict[tuple[str | None, str], _FirstDrops] = {}
        for row in self.run.rows("data/dropped.jsonl"):
            stage, reason, source = (row.at(key).value for key in ("stage", "reason", "source"))
            found = drops.setdefault((stage if stage in known else None, reason), _FirstDrops())
            found.detail = found.detail or str(row.at("detail").value or "")
            if len(found.places) < NUM_PLACES and source and source not in found.places:
                found.places.append(str(source))
        return drops

    def changed_by(self, stage: Figure) -> Figure:
        """Number of records a stage rewrote; unknown for one that rewrites nothing."""
        return self.data.profile.at("changes", stage.at("stage").value, "num_changes")

    def bar_of(self, stage: Figure) -> list[tuple[str, float, str]]:
        """What a stage gave out, by split where it tells them, and what it dropped: parts of a bar."""
        splits = [(f"part-{name}", stage.at(name), name) for name in SPLITS if stage.at(name).known]
        parts = [*(splits or [("keep", stage.at("num_out"), "out")]), ("drop", stage.at("num_dropped"), "dropped")]
        return [
            (css_class, count.value or 0, f"{format_count(count.value)} {name}") for css_class, count, name in parts
        ]

    @property
    def scale(self) -> float:
        """The longest bar, in records."""
        return max(sum(size for _, size, _ in self.bar_of(stage)) for stage in self.stages)
