"""What was learned, one test file at a time: each family with its scores, and whether it was ever trained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tunesmith.evaluation.estimates import OWN_SPLIT
from tunesmith.evaluation.systems import BASE, BASELINES
from tunesmith.report.folder import Figure
from tunesmith.report.results import Group, Result, Results, title_system
from tunesmith.report.text import is_number

SUMMARY = "eval/summary.json"


@dataclass(frozen=True)
class Family:
    """One family of tasks in one split.

    Attributes:
        num_records: how many training records it has; None where the training records name no task of the test.
    """

    name: str
    result: Result
    num_records: Figure | None

    @property
    def is_trained(self) -> bool:
        """Whether it was trained, as far as can be told."""
        return self.num_records is None or self.num_records.value > 0

    @property
    def mark(self) -> str | None:
        """``learned``, ``not learned``, ``never trained``; ``better untrained`` where it beats all without training."""
        learned = self.result.learned.value
        if self.is_trained:
            return None if learned is None else "learned" if learned else "not learned"
        return "better untrained" if learned else "never trained"


@dataclass(frozen=True)
class Split:
    """The families of one test file or of the run's own test split; ``overall`` is the mean over them."""

    name: str
    overall: Result
    families: list[Family]

    @property
    def title(self) -> str:
        return "own test split" if self.name == OWN_SPLIT else re.sub(r"[_-]+", " ", self.name)

    def title_of(self, family: Family) -> str:
        """What a family is called outside of its split."""
        return self.title if family.name == self.name else f"{self.title}: {family.name}"

    @property
    def family_names(self) -> set[str]:
        return {family.name for family in self.families}

    @property
    def trained(self) -> list[Family]:
        return [family for family in self.families if family.is_trained]

    @property
    def untrained(self) -> list[Family]:
        return [family for family in self.families if not family.is_trained]

    @property
    def is_judged(self) -> bool:
        """Whether it is known which families were learned."""
        return any(family.result.learned.known for family in self.families)

    @property
    def num_learned(self) -> Figure:
        return self._count(sum(family.mark == "learned" for family in self.trained), "learned and trained")

    @property
    def num_trained(self) -> Figure:
        return self._count(len(self.trained), "trained")

    @property
    def num_untrained(self) -> Figure:
        return self._count(len(self.untrained), "never trained")

    @property
    def num_better_untrained(self) -> Figure:
        return self._count(sum(family.mark == "better untrained" for family in self.untrained), "learned, not trained")

    def _count(self, count: int, what: str) -> Figure:
        return Figure(count, f"{SUMMARY}#/learned (families of {self.name} that were {what})")


@dataclass(frozen=True)
class Row:
    """A family across the splits: what it is in each of them, None where it is not in one."""

    name: str
    cells: list[Family | None]

    @property
    def tasks(self) -> list[str]:
        return [family.result.task for family in self.cells if family is not None]


def read_splits(results: Results, num_records: Mapping[str, Figure] | None) -> list[Split]:
    """The splits in the order of the summary; in each the trained families by score, then those never trained."""
    return [
        Split(group.name, group.overall, sorted(_families(group, num_records), key=lambda f: _rank(f, results.focus)))
        for group in results.groups
    ]


def _families(group: Group, num_records: Mapping[str, Figure] | None) -> list[Family]:
    def records(family: str) -> Figure | None:
        if num_records is None:
            return None
        return num_records.get(family, Figure(0, f"data/train.jsonl (records of {family})"))

    return [Family(result.family, result, records(result.family)) for result in group.tasks]


def _rank(family: Family, focus: str) -> tuple:
    return not family.is_trained, -(best_of(family.result, [focus]).value or 0.0), family.name


def name_known(results: Results, num_records: Mapping[str, Figure]) -> bool:
    """Whether the training records call a task of the test by its name, so that one they lack was never trained."""
    return any(result.family in num_records for result in results.tasks)


def cross_splits(splits: Sequence[Split], focus: str) -> list[Row]:
    """Every family with its place in each split, the best first; nothing where no family stands in two of them."""
    places: dict[str, list[Family | None]] = {}
    for k, split in enumerate(splits):
        for family in split.families:
            places.setdefault(family.name, [None] * len(splits))[k] = family
    rows = [Row(name, cells) for name, cells in places.items()]
    shared = any(sum(cell is not None for cell in row.cells) > 1 for row in rows)
    return sorted(rows, key=lambda row: _row_rank(row, focus)) if shared else []


def _row_rank(row: Row, focus: str) -> tuple:
    found = [family for family in row.cells if family is not None]
    values = [best_of(family.result, [focus]).value or 0.0 for family in found]
    num_learned = sum(family.mark == "learned" for family in found)
    return not all(family.is_trained for family in found), -num_learned / len(found), -fmean(values), row.name


def columns_of(results: Results) -> list[tuple[str, list[str]]]:
    """(title, systems) of the columns of a table; base with examples is one column, however many were asked."""
    shots = [system for system in results.systems if re.fullmatch(rf"{BASE}_\d+_shot", system)]
    columns = [(title_system(system), [system]) for system in results.systems if system not in shots[1:]]
    title = (
        title_system(shots[0]) if len(shots) == 1 else f"{title_system(BASE)} with examples, the best number of them"
    )
    return [(title, shots) if systems[0] in shots else (name, systems) for name, systems in columns]


def best_of(result: Result, systems: Sequence[str]) -> Figure:
    """The highest value of some systems."""
    found = [result.scores[system].at("value") for system in systems if system in result.scores]
    known = [figure for figure in found if is_number(figure.value)]
    return max(known, key=lambda figure: figure.value) if known else Figure(None, f"{SUMMARY}#/tasks")


def best_trivial(result: Result) -> tuple[str, Figure] | None:
    """(system, value) of the best answer that takes no model, or None where none was asked."""
    found = [name for name in BASELINES if name in result.scores and is_number(result.scores[name].at("value").value)]
    best = max(found, key=lambda name: result.scores[name].at("value").value, default=None)
    return (best, result.scores[best].at("value")) if best is not None else None
