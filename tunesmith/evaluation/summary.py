"""Answers → ``eval/summary.json``: what each system scores, how sure that is, and which differences are no chance.

Intervals and tests: see `tunesmith.evaluation.estimates`. A test file is a group of tasks, and so is a run's own test
split: they ask different things (new wordings, new names, tasks never trained), so each is also summed up apart. p
values are adjusted (Holm), for each metric and pair of systems, for the tasks of a group, and the means of groups for
the number of groups; `overall`, the mean over the user's own tasks (over the suites' for a metric that no task of the user's
has), stands for itself. Means have a bootstrap and a test stratified by task. The summary is a pure function of the
answers and a seed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith import stats
from tunesmith.evaluation.answers import Answers, Row, count_answers, read_answers, refuse_unequal_samples, systems_in
from tunesmith.evaluation.comparisons import by_group, compare, compare_groups, counted, describe, judge_learned
from tunesmith.evaluation.estimates import (
    OWN_SPLIT,
    Result,
    measure,
    overall_difference,
    overall_values,
    plain_values,
)
from tunesmith.evaluation.measurements import choose_metrics, wanted_metrics
from tunesmith.evaluation.metrics import METRICS, Metric, is_judged
from tunesmith.evaluation.suites.suite import SUITES, is_own
from tunesmith.evaluation.systems import Pair, choose_pairs, main_pair
from tunesmith.evaluation.task_kinds import Kind, primary_metric
from tunesmith.files import write_json

NUM_DECIMALS = 12  # below what the order of a sum can change, so that thread counts do not show


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How answers are summarized.

    Attributes:
        metric: the primary one, where at least one task has it; by default chosen by the references.
        metrics: those a task shows: {task, group or ``*``: names}; by default what its questions ask for.
        against: the system every other is held against; p is then adjusted for the number of them too. By default all
            are compared with tuned.
    """

    seed: int = 0
    num_resamples: int = stats.NUM_RESAMPLES
    metric: str | None = None
    metrics: Mapping[str, Sequence[str]] | None = None
    against: str | None = None


def summarize(
    eval_dir: str | Path,
    *,
    systems: Sequence[str] | None = None,
    tasks: Collection[str] | None = None,
    tasks_of: Mapping[str, Collection[str]] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Score what lies in ``eval/SYSTEM/TASK.jsonl``, write ``eval/summary.json`` and return it.

    Beside what DESIGN asks for: each task's ``kind``, ``signatures`` (how its metrics were computed), ``units`` (what
    the n of a metric counts where that is not samples) and ``smallest_detectable_difference`` ({metric: with 80 % power,
    between the two systems of the headline; null where undefined}), the same over all tasks and in each comparison,
    where a proportion also has ``p_mid`` (McNemar's mid-p; verdicts are by the exact p) and one without a verdict that p
    or the interval alone would give a ``note``; ``differences``: of figures that are described and not judged, rows
    without p and verdict; ``primary_metric``, ``metrics`` (title, scale, direction: null where it is not judged),
    ``answers`` ({system: how many, how many cut short, how many empty}), ``seed`` and ``num_resamples``; ``groups`` ({the
    stem of a test file, or `test` for the run's own split: {"tasks", and "metrics", "comparisons" and "differences" of
    the mean over them}}), and ``learned`` ({task: {"learned", "against": {system: {"p_adjusted", "verdict"}}}}: by the
    primary metric, tuned is significantly better than base, base with worked examples and every baseline; null where it
    was not compared).

    Args:
        systems: which, in which order; by default every folder there is, base and tuned first.
        tasks: which; by default every task there is.
        tasks_of: system → which, where a system did not answer all of them: a task then has the systems that did, and a
            mean over tasks those that answered all of it.
        settings: those of `Settings`.

    Raises:
        DataError: no answers, or systems that did not answer the same samples.
    """
    eval_dir = Path(eval_dir)
    systems = list(systems) if systems is not None else systems_in(eval_dir)
    asked = tasks_of if tasks_of is not None else dict.fromkeys(systems, tasks)
    answered = {system: read_answers(eval_dir / system, asked[system]) for system in systems}
    refuse_unequal_samples(eval_dir, answered, may_differ=tasks_of is not None)
    found = summarize_answers(answered, **settings)
    write_json(eval_dir / "summary.json", found)
    return found


def summarize_answers(answered: Mapping[str, Answers], **settings: Any) -> dict[str, Any]:
    """The summary of answers at hand: the same samples in the same order for every system (see `summarize`)."""
    chosen, systems = Settings(**settings), list(answered)
    pairs = choose_pairs(systems, chosen.against)
    results = []
    for task in sorted({task for tasks in answered.values() for task in tasks}):
        rows = {system: answered[system][task] for system in systems if task in answered[system]}
        asked = next(iter(rows.values()))
        group = asked[0].get("group") or OWN_SPLIT
        wanted = wanted_metrics(chosen.metrics or {}, task, group) or metrics_of_suite(asked)
        results.append(measure(task, rows, pairs, chosen.seed, chosen.num_resamples, wanted))
    found = _summary(answered, pairs, results, chosen)
    return _rounded(found | {"seed": chosen.seed, "num_resamples": chosen.num_resamples})


def _summary(
    answered: Mapping[str, Answers], pairs: Sequence[Pair], results: Sequence[Result], settings: Settings
) -> dict[str, Any]:
    systems, main = list(answered), main_pair(pairs)
    names = [name for name in METRICS if any(name in result.estimates for result in results)]
    having = {name: [result for result in results if name in result.estimates] for name in names}
    over = {name: counted(having[name]) for name in names}
    primary = _primary(settings.metric, names, results)
    together = settings.against is not None
    judged = [name for name in names if is_judged(name)]
    rows = [row for name in judged for row in compare(pairs, METRICS[name], having[name], together=together)]
    rows.sort(key=lambda row: pairs.index((row["a"], row["b"])))
    others = [name for name in names if not is_judged(name)]
    return {
        "systems": systems,
        "tasks": {result.task: _task_summary(result, main) for result in results},
        "overall": {name: plain_values(overall_values(METRICS[name], over[name], systems)) for name in names},
        "comparisons": rows,
        "differences": [row for name in others for row in describe(pairs, METRICS[name], having[name])],
        "groups": _group_summaries(systems, pairs, by_group(results, order=answered[systems[0]])),
        "learned": judge_learned([result.task for result in results], primary, rows),
        "smallest_detectable_difference": {name: _detectable(main, name, over[name]) for name in names},
        "primary_metric": primary,
        "metrics": {name: _describe(METRICS[name]) for name in names},
        "answers": {system: count_answers(answered[system]) for system in systems},
    }


def _primary(wanted: str | None, names: Sequence[str], results: Sequence[Result]) -> str:
    """The metric of the headline: the one that was asked for, else that of the references; one that can be judged."""
    chosen = headline_metric((result.group, result.kind) for result in results)
    judged = [name for name in names if is_judged(name)]
    return next((name for name in (wanted, chosen, *judged) if name in judged), chosen)


def headline_metric(tasks: Iterable[tuple[str, Kind]]) -> str:
    """The primary metric of (group, kind) of each task: of the user's own tasks, where there are any beside the suites'."""
    tasks = list(tasks)
    own = [kind for group, kind in tasks if is_own(group)]
    return primary_metric(own or [kind for _, kind in tasks])


def metrics_of_suite(lines: Sequence[Row]) -> Sequence[str] | None:
    """The metrics of the suite a task is of, or None: what wordings score is no second test of the user's own questions."""
    group = lines[0].get("group")
    names = SUITES.get(group).metrics if group in SUITES.names() else ()
    return names if names and choose_metrics(lines, names) else None


def _describe(metric: Metric) -> dict[str, Any]:
    scale = metric.scale if np.isfinite(metric.scale) else None
    return {"title": metric.title, "scale": scale, "higher_is_better": metric.higher_is_better}


def _detectable(pair: Pair | None, name: str, results: Sequence[Result]) -> float | None:
    difference = overall_difference(pair, name, results) if pair is not None else None
    return difference.detectable if difference is not None else None


def _task_summary(result: Result, main: Pair | None) -> dict[str, Any]:
    summary = {
        "n": result.n,
        "metrics": {name: plain_values(values) for name, values in result.estimates.items()},
        "kind": result.kind,
        "signatures": result.signatures,
        "smallest_detectable_difference": {name: _detectable(main, name, [result]) for name in result.estimates},
    }
    return {**summary, "units": result.units} if result.units else summary


def _group_summaries(
    systems: Sequence[str], pairs: Sequence[Pair], groups: Mapping[str, Sequence[Result]]
) -> dict[str, Any]:
    """The mean over the tasks of each group, as `overall` is over all of them."""
    summaries: dict[str, dict[str, Any]] = {
        group: {"tasks": [result.task for result in part], "metrics": {}, "comparisons": [], "differences": []}
        for group, part in groups.items()
    }
    for group, part in groups.items():
        for name, metric in METRICS.items():
            having = [result for result in part if name in result.estimates]
            if having:
                summaries[group]["metrics"][name] = plain_values(overall_values(metric, having, systems))
    for group, kind, row in compare_groups(pairs, groups):
        summaries[group][kind].append(row)
    return summaries


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, NUM_DECIMALS) + 0.0 if isinstance(value, float) else value  # + 0.0: no minus before a zero
