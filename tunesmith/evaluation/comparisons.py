"""Which differences are no chance: comparison rows, p adjusted for many of them, verdicts, and what was learned.

`better` and `worse` take both the test (p adjusted, below 0.05) and the interval (without 0): each can be the more careful
one, and a verdict that its own interval belies is none. Where the two part, the row's ``note`` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tunesmith import stats
from tunesmith.evaluation.estimates import OWN_SPLIT, Difference, Result, overall_difference
from tunesmith.evaluation.metrics import METRICS, Metric, is_judged
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.suites.suite import is_own
from tunesmith.evaluation.systems import TUNED, Pair, is_untrained
from tunesmith.stats import Interval

Verdict = Literal["better", "worse", "no difference"]
FEWEST_TO_TELL = 6
"""Of fewer paired samples even the clearest difference has p = 2 / 2^5 > 0.05."""


@dataclass(frozen=True)
class Compared:
    """A pair of systems by one metric, on one task or over several of them."""

    pair: Pair
    metric: Metric
    task: str
    difference: Difference

    def described(self) -> dict[str, Any]:
        """A row of ``differences``: how far apart, and nothing of better or worse."""
        pair = {"a": self.pair[0], "b": self.pair[1]}
        return {**pair, "task": self.task, "metric": self.metric.name, **self.difference.estimate.to_dict("delta")}

    def judged(self, p_adjusted: float | None) -> dict[str, Any]:
        """A row of ``comparisons``."""
        difference, interval = self.difference, self.difference.estimate.interval
        row = self.described() | {
            "p": difference.p,
            "p_adjusted": p_adjusted,
            "higher_is_better": self.metric.higher_is_better,
            "verdict": judge(
                difference.estimate.value, p_adjusted, interval, self.metric.higher_is_better is not False
            ),
            "smallest_detectable_difference": difference.detectable,
        }
        note = explain(difference.p, p_adjusted, interval, difference.estimate.n)
        optional = {"p_mid": difference.p_mid, "note": note or None}
        return row | {name: value for name, value in optional.items() if value is not None}


def judge(delta: float, p_adjusted: float | None, interval: Interval | None, higher_is_better: bool = True) -> Verdict:
    """What a difference b - a says of b, given what the test and the interval (where there is one) leave of it."""
    is_called = p_adjusted is not None and p_adjusted < stats.ALPHA and delta != 0
    if not is_called or (interval is not None and _holds_zero(interval)):
        return "no difference"
    return "better" if (delta > 0) == higher_is_better else "worse"


def explain(p: float | None, p_adjusted: float | None, interval: Interval | None, n: int) -> str:
    """Why there is no verdict though p or the interval alone would give one; empty where the three agree."""
    if p is None or p_adjusted is None or interval is None:
        return ""
    if p_adjusted < stats.ALPHA:
        return "The test alone calls a difference, but the interval holds 0: too close to tell." * _holds_zero(interval)
    if p < stats.ALPHA:
        return "p is below 0.05 alone, but not once adjusted for all that was compared (Holm)."
    if _holds_zero(interval):
        return ""
    if n < FEWEST_TO_TELL:
        return f"With fewer than {FEWEST_TO_TELL} samples p cannot fall below 0.05, even if all of them point one way."
    return "The interval leaves out 0 but the test does not call a difference: too close to tell."


def _holds_zero(interval: Interval) -> bool:
    return interval[0] <= 0 <= interval[1]


def compare(
    pairs: Sequence[Pair], metric: Metric, results: Sequence[Result], *, together: bool = False
) -> list[dict[str, Any]]:
    """The rows of one metric: for each pair its tasks, then the mean over those of `counted`.

    p is adjusted (Holm) for the tasks of a group; ``together`` for those of all pairs, and the means for the number of
    pairs: where several systems are held against one, each is a further chance to be wrong.
    """
    group_of = {result.task: result.group for result in results}
    rows, means = _of_tasks(pairs, metric, results), _means(pairs, metric, results)
    adjusted = _adjust(rows, lambda row: (group_of[row.task], None if together else row.pair))
    adjusted += _adjust(means, lambda row: None if together else row.pair)
    found = [row.judged(p) for row, p in zip([*rows, *means], adjusted)]
    return [row for pair in pairs for row in found if (row["a"], row["b"]) == pair]


def describe(pairs: Sequence[Pair], metric: Metric, results: Sequence[Result]) -> list[dict[str, Any]]:
    """The same of a metric that is not judged."""
    found = [*_of_tasks(pairs, metric, results), *_means(pairs, metric, results)]
    return [row.described() for pair in pairs for row in found if row.pair == pair]


def counted(results: Sequence[Result]) -> list[Result]:
    """The results that a mean over all tasks is of: the user's own, and the suites' where there are none."""
    return [result for result in results if is_own(result.group)] or list(results)


def _of_tasks(pairs: Sequence[Pair], metric: Metric, results: Sequence[Result]) -> list[Compared]:
    return [
        Compared(pair, metric, result.task, result.differences[pair, metric.name])
        for pair in pairs
        for result in results
        if (pair, metric.name) in result.differences
    ]


def _means(pairs: Sequence[Pair], metric: Metric, results: Sequence[Result]) -> list[Compared]:
    found = {pair: overall_difference(pair, metric.name, counted(results)) for pair in pairs}
    return [Compared(pair, metric, OVERALL, mean) for pair, mean in found.items() if mean is not None]


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
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(group, ``comparisons`` or ``differences``, row) of the mean over each group's tasks.

    p is adjusted for the number of groups.
    """
    for metric in METRICS.values():
        having = {
            group: [result for result in part if metric.name in result.estimates] for group, part in groups.items()
        }
        for pair in pairs:
            found = {group: overall_difference(pair, metric.name, part) for group, part in having.items()}
            means = {group: Compared(pair, metric, OVERALL, mean) for group, mean in found.items() if mean is not None}
            adjusted = stats.holm([row.difference.p for row in means.values()])
            for (group, mean), p in zip(means.items(), adjusted):
                if is_judged(metric.name):
                    yield group, "comparisons", mean.judged(p)
                else:
                    yield group, "differences", mean.described()


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
