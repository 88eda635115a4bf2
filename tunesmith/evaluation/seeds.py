"""Several training runs of one recipe that differ in the seed: what of a result is the recipe's, and what is luck.

Each run has its tuned answers, and mostly its base's, on the same samples. For each metric: the value of each run, their
mean and standard deviation, the mean difference from base with an interval over runs and samples (`stats.mean_over_runs`),
and its verdict. One training run cannot tell how much the seed does, and two hardly: `better` or `worse` takes three.

Beside the figures, how far single answers agree: two runs of one score may be right on different samples
(`same_answer`: share of samples to which two of the runs give the same normalized answer; and for a metric of right or
wrong: the shares always, sometimes and never right).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tunesmith import stats
from tunesmith.evaluation.answers import Answers, Row
from tunesmith.evaluation.comparisons import judge
from tunesmith.evaluation.estimates import OWN_SPLIT, Estimate, estimate, generators, mean_estimate
from tunesmith.evaluation.measurements import Measurement, measure_task
from tunesmith.evaluation.metrics import METRICS, is_judged
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.suites.suite import is_own
from tunesmith.evaluation.summary import headline_metric, metrics_of_suite
from tunesmith.evaluation.task_kinds import task_kind
from tunesmith.evaluation.texts import Writing, normalize_answer
from tunesmith.stats import Floats

MIN_RUNS = 3
Estimates = dict[str, Estimate]  # system → value; systems are called `RUN` and `base of RUN`


@dataclass(frozen=True)
class OverRuns:
    """A metric on one task, or over all of them, in every run."""

    task: str
    metric: str
    runs: Estimates
    bases: Estimates

    def to_dict(self, p_adjusted: float | None = None) -> dict[str, Any]:
        """Values, mean, sd, and where there is a base the mean difference from it."""
        values = [self.runs[name].value for name in self.runs]
        row: dict[str, Any] = {
            "task": self.task,
            "metric": self.metric,
            "n": next(iter(self.runs.values())).n,
            "values": {name: estimate.value for name, estimate in self.runs.items()},
            "mean": float(np.mean(values)),
            "sd": float(np.std(values, ddof=1)),
        }
        if not self.bases:
            return row
        interval, p = self.difference
        delta = float(np.mean(self.deltas))
        row |= {
            "base": float(np.mean([estimate.value for estimate in self.bases.values()])),
            "delta": delta,
            "deltas": dict(zip(self.runs, self.deltas)),
            "sd_of_deltas": float(np.std(self.deltas, ddof=1)),
            "low": interval[0],
            "high": interval[1],
        }
        if not is_judged(self.metric):
            return row
        adjusted = p if p_adjusted is None else p_adjusted
        verdict = judge(delta, adjusted, interval, METRICS[self.metric].higher_is_better is not False)
        verdict = verdict if len(self.runs) >= MIN_RUNS else "no difference"
        return row | {"p": p, "p_adjusted": adjusted, "verdict": verdict}

    @property
    def deltas(self) -> list[float]:
        """Tuned less base, of each run."""
        return [self.runs[name].value - self.bases[name].value for name in self.runs]

    @property
    def difference(self) -> tuple[stats.Interval, float]:
        """Interval and p of the mean difference."""
        n = next(iter(self.runs.values())).n
        mean: Floats = np.mean([self.runs[name].resampled - self.bases[name].resampled for name in self.runs], axis=0)
        spread = float(mean[np.isfinite(mean)].std()) * np.sqrt(n / max(n - 1, 1))
        return stats.mean_over_runs(self.deltas, spread, n)


def summarize_seeds(
    tuned: Mapping[str, Answers],
    base: Mapping[str, Answers],
    *,
    metric: str | None = None,
    seed: int = 0,
    num_resamples: int = stats.NUM_RESAMPLES,
) -> dict[str, Any]:
    """``{"runs", "primary_metric", "rows": [...], "consistency": {...}}``; see `OverRuns`.

    Args:
        tuned, base: run → its answers; all on the same samples in the same order. ``base`` may be empty.
    """
    names = list(tuned)
    first = tuned[names[0]]
    found = {task: _measure(task, tuned, base, seed, num_resamples) for task in sorted(first)}
    chosen = headline_metric((first[task][0].get("group") or OWN_SPLIT, task_kind(first[task])) for task in found)
    metrics = [name for name in METRICS if any(name in values for values in found.values())]
    judged = [name for name in metrics if is_judged(name)]
    primary = next((name for name in (metric, chosen, *judged) if name in judged), metrics[0])
    own = {task for task in found if is_own(first[task][0].get("group") or OWN_SPLIT)}
    rows = []
    for name in metrics:
        rows += _rows(name, {task: values[name] for task, values in found.items() if name in values}, names, own)
    return {
        "runs": names,
        "primary_metric": primary,
        "num_samples": sum(map(len, first.values())),
        "rows": rows,
        "consistency": _consistency(tuned, primary),
    }


def _measure(
    task: str, tuned: Mapping[str, Answers], base: Mapping[str, Answers], seed: int, num_resamples: int
) -> dict[str, Estimates]:
    """Metric → the value of each run, and of its base as ``base of RUN``, over the same draws."""
    lines = {name: answers[task] for name, answers in tuned.items()}
    lines |= {_base_of(name): answers[task] for name, answers in base.items()}
    measurements: Sequence[Measurement] = measure_task(lines, metrics_of_suite(tuned[next(iter(tuned))][task]))[0]
    found, _ = estimate(measurements, [], generators(task, seed), num_resamples)
    return {
        name: values
        for name, values in found.items()
        if len(values) == len(lines) and all(np.isfinite(estimate.value) for estimate in values.values())
    }


def _base_of(run: str) -> str:
    return f"base of {run}"


def _rows(
    metric: str, by_task: Mapping[str, Estimates], names: Sequence[str], own: Collection[str]
) -> list[dict[str, Any]]:
    """A metric on each task, p adjusted for their number, and its mean over the user's ``own``, else over all of them."""
    of_tasks = [_over_runs(task, metric, values, names) for task, values in by_task.items()]
    over = [values for task, values in by_task.items() if task in own] or list(by_task.values())
    means = {system: mean_estimate([values[system] for values in over]) for system in over[0]}
    p_values = [row.difference[1] if row.bases else None for row in of_tasks]
    rows = [row.to_dict(p) for row, p in zip(of_tasks, stats.holm(p_values))]
    return [*rows, _over_runs(OVERALL, metric, means, names).to_dict()]


def _over_runs(task: str, metric: str, values: Estimates, names: Sequence[str]) -> OverRuns:
    bases = {name: values[_base_of(name)] for name in names if _base_of(name) in values}
    return OverRuns(task, metric, {name: values[name] for name in names}, bases)


def _consistency(tuned: Mapping[str, Answers], metric: str) -> dict[str, float | None]:
    """How far the runs agree on single samples."""
    runs = [[row for task in sorted(answers) for row in answers[task]] for answers in tuned.values()]
    answers = np.array([[_answer(row) for row in rows] for rows in runs])
    same = [float((answers[one] == answers[other]).mean()) for one, other in combinations(range(len(runs)), 2)]
    return {"same_answer": float(np.mean(same)), **_shares_right(runs, metric)}


def _shares_right(runs: Sequence[Sequence[Row]], metric: str) -> dict[str, float | None]:
    names = ("always_right", "sometimes_right", "never_right")
    column = METRICS[metric].columns[0] if METRICS[metric].is_proportion else ""
    if not all(column in row["scores"] for rows in runs for row in rows):
        return dict.fromkeys(names)
    right = np.array([[row["scores"][column] >= 1 for row in rows] for rows in runs])
    always, ever = float(right.all(axis=0).mean()), float(right.any(axis=0).mean())
    return dict(zip(names, (always, ever - always, 1 - ever)))


def _answer(row: Row) -> str:
    return normalize_answer(row["prediction"], Writing.of(row["references"] or [row["prediction"]]))


def seeds_sentence(summary: Mapping[str, Any]) -> str:
    """The result over the runs in plain words."""
    metric, runs = summary["primary_metric"], len(summary["runs"])
    [row] = [row for row in summary["rows"] if row["metric"] == metric and row["task"] == OVERALL]
    title = METRICS[metric].title
    told = f"{title} {row['mean']:.3f} on average over {runs} training runs, standard deviation {row['sd']:.3f}"
    same = summary["consistency"]["same_answer"]
    agree = f" Two of the runs give the same answer to {100 * same:.0f} % of the {summary['num_samples']} samples."
    if "delta" not in row:
        return f"{told}; there is no base to compare with.{agree}"
    sure = (
        f"{row['delta']:+.3f} against base, 95 % interval {row['low']:+.3f} to {row['high']:+.3f}, p = {row['p']:.3f}"
    )
    if runs < MIN_RUNS:
        lead = f"No verdict over seeds: it takes {MIN_RUNS} training runs, and there are {runs}"
    elif row["verdict"] == "no difference":
        lead = f"No difference from base could be shown over {runs} training runs"
    else:
        lead = f"tuned is {row['verdict']} than base ({runs} training runs)"
    return f"{lead}: {told} ({sure}).{agree}"
