"""Which differences are no chance: comparison rows, p adjusted for many of them, verdicts, and what was learned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tunesmith import stats
from tunesmith.evaluation.estimates import OWN_SPLIT, Difference, Result, overall_difference
from tunesmith.evaluation.metrics import METRICS, Metric
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.systems import TUNED, Pair, is_untrained

Verdict = Literal["better", "worse", "no difference"]


@dataclass(frozen=True)
class Compared:
    """A pair of systems by one metric, on one task or over several of them."""

    pair: Pair
    metric: Metric
    task: str
    difference: Difference

    def to_dict(self, p_adjusted: float | None) -> dict[str, Any]:
        """A row of ``comparisons``."""
        row = {
            "a": self.pair[0],
            "b": self.pair[1],
            "task": self.task,
            "metric": self.metric.name,
            **self.difference.estimate.to_dict("delta"),
            "p": self.difference.p,
            "p_adjusted": p_adjusted,
            "higher_is_better": self.metric.higher_is_better,
            "verdict": judge(self.difference.estimate.value, p_adjusted, self.metric.higher_is_better),
            "smallest_detectable_difference": self.difference.detectable,
        }
        return row if self.difference.p_mid is None else {**row, "p_mid": self.difference.p_mid}


def judge(delta: float, p_adjusted: float | None, higher_is_better: bool = True) -> Verdict:
    """What a difference b - a says of b."""
    if p_adjusted is None or p_adjusted >= stats.ALPHA or delta == 0:
        return "no difference"
    return "better" if (delta > 0) == higher_is_better else "worse"


def compare(
    pairs: Sequence[Pair], metric: Metric, results: Sequence[Result], *, together: bool = False
) -> list[dict[str, Any]]:
    """The rows of one metric: for each pair its tasks, then their mean.

    p is adjusted (Holm) for the tasks of a group; ``together`` for those of all pairs, and the means for the number of
    pairs: where several systems are held against one, each is a further chance to be wrong.
    """
    group_of = {result.task: result.group for result in results}
    rows = [
        Compared(pair, metric, result.task, result.differences[pair, metric.name])
        for pair in pairs
        for result in results
        if (pair, metric.name) in result.differences
    ]
    adjusted = _adjust(rows, lambda row: (group_of[row.task], None if together else row.pair))
    means = [
        Compared(pair, metric, OVERALL, mean)
        for pair in pairs
        if (mean := overall_difference(pair, metric.name, results)) is not None
    ]
    adjusted += _adjust(means, lambda row: None if together else row.pair)
    found = [row.to_dict(p) for row, p in zip([*rows, *means], adjusted)]
    return [row for pair in pairs for row in found if (row["a"], row["b"]) == pair]


def _adjust(rows: Sequence[Compared], family_of: Callable[[Compared], Hashable]) -> list[float | None]:
    """Holm's p of each row, among those of its family."""
    adjusted: list[float | None] = [None] * len(rows)
    families: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        families.setdefault(family_of(row), []).append(place)
    for places in families.values():
        for place, p in zip(places, stats.holm([rows[place].difference.p for place in places])):
            adjusted[place] = p
    return adjusted


# -- group by group ----------------------------------------------------------------------------------------------------


def by_group(results: Sequence[Result], order: Collection[str] = ()) -> dict[str, list[Result]]:
    """The results of each group; the run's own split first, then in the ``order`` of the tasks."""
    place = {task: k for k, task in enumerate(order)}
    groups: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: (result.group != OWN_SPLIT, place.get(result.task, 0))):
        groups.setdefault(result.group, []).append(result)
    return {group: sorted(part, key=lambda result: result.task) for group, part in groups.items()}


def compare_groups(
    pairs: Sequence[Pair], groups: Mapping[str, Sequence[Result]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(group, row) of the mean over each group's tasks; p is adjusted for the number of groups."""
    for metric in METRICS.values():
        having = {
            group: [result for result in part if metric.name in result.estimates] for group, part in groups.items()
        }
        for pair in pairs:
            means = {
                group: Compared(pair, metric, OVERALL, mean)
                for group, part in having.items()
                if (mean := overall_difference(pair, metric.name, part)) is not None
            }
            for (group, mean), p in zip(means.items(), stats.holm([row.difference.p for row in means.values()])):
                yield group, mean.to_dict(p)


# -- what was learned --------------------------------------------------------------------------------------------------


def judge_learned(tasks: Sequence[str], metric: str, comparisons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether tuned beats, on each task, all that a user has without training."""
    against: dict[str, dict[str, Any]] = {task: {} for task in tasks}
    for row in comparisons:
        if row["metric"] == metric and row["b"] == TUNED and row["task"] in against and is_untrained(row["a"]):
            against[row["task"]][row["a"]] = {"p_adjusted": row["p_adjusted"], "verdict": row["verdict"]}
    return {
        task: {"learned": all(row["verdict"] == "better" for row in rows.values()) if rows else None, "against": rows}
        for task, rows in against.items()
    }
