"""Answers → ``eval/summary.json``: what each system scores, how sure that is, and which differences are no chance.

Every value has a 95 % interval and every difference a paired test on the same samples:

    one sample right or wrong      Wilson's interval        exact McNemar test
    mean of the samples' scores    BCa bootstrap            paired sign-flip permutation test
    corpus BLEU, chrF, macro-F1    percentile bootstrap     the same test: answers swapped at random, scored anew

A test file is a group of tasks, and so is a run's own test split: they ask different things (new wordings, new names,
tasks never trained), so each is also summed up apart. p values are adjusted (Holm), for each metric and pair of systems,
for the tasks of a group, and the means of groups for the number of groups; `overall`, the mean over all tasks, stands
for itself. Means have a bootstrap and a test stratified by task. The summary is a pure function of the answers and a
seed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tunesmith import stats
from tunesmith.errors import DataError, did_you_mean
from tunesmith.evaluation.metrics import METRICS, Kind, Measurement, Metric, measure_task, primary_metric, task_kind
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.scorers import SAMPLE_METRICS
from tunesmith.files import read_jsonl, write_json
from tunesmith.stats import Floats, Interval

BASE, TUNED = "base", "tuned"
OWN_SPLIT = "test"  # the group of samples that no test file brought
BASELINES = {
    "majority_answer": "the most frequent training answer",
    "nearest_example": "the answer of the nearest training example",
}
NUM_DECIMALS = 12  # below what the order of a sum can change, so that thread counts do not show

Verdict = Literal["better", "worse", "no difference"]
Pair = tuple[str, str]
Row = dict[str, Any]  # a line of eval/SYSTEM/TASK.jsonl
Answers = Mapping[str, list[Row]]


def summarize(
    eval_dir: str | Path,
    *,
    systems: Sequence[str] | None = None,
    tasks: Collection[str] | None = None,
    seed: int = 0,
    num_resamples: int = stats.NUM_RESAMPLES,
    metric: str | None = None,
) -> dict[str, Any]:
    """Score what lies in ``eval/SYSTEM/TASK.jsonl``, write ``eval/summary.json`` and return it.

    Beside what DESIGN asks for: each task's ``kind``, ``signatures`` (how its metrics were computed) and
    ``smallest_detectable_difference`` ({metric: with 80 % power, between the two systems of the headline; null where
    undefined}), the same over all tasks, ``primary_metric``, ``metrics`` (title and scale), ``answers`` ({system: how
    many, how many cut short, how many empty}), ``seed`` and ``num_resamples``; ``groups`` ({the stem of a test file, or
    `test` for the run's own split: {"tasks", "metrics" and "comparisons" of the mean over them}}), and ``learned``
    ({task: {"learned", "against": {system: {"p_adjusted", "verdict"}}}}: by the primary metric, tuned is significantly
    better than base, base with worked examples and every baseline; null where it was not compared).

    Args:
        systems: which, in which order; by default every folder there is, base and tuned first.
        tasks: which; by default every task there is.
        metric: the primary one, where at least one task has it; by default chosen by the references.

    Raises:
        DataError: no answers, or systems that did not answer the same samples.
    """
    eval_dir = Path(eval_dir)
    systems = list(systems) if systems is not None else _systems_in(eval_dir)
    answered = {system: _read_answers(eval_dir / system, tasks) for system in systems}
    _refuse_unequal_samples(eval_dir, answered)
    pairs = _pairs(systems)
    results = [
        _measure(task, {system: answered[system][task] for system in systems}, pairs, seed, num_resamples)
        for task in sorted(answered[systems[0]])
    ]
    found = _summary(systems, pairs, results, answered, metric) | {"seed": seed, "num_resamples": num_resamples}
    summary = _rounded(found)
    write_json(eval_dir / "summary.json", summary)
    return summary


# -- reading -----------------------------------------------------------------------------------------------------------


def _systems_in(eval_dir: Path) -> list[str]:
    names = sorted({path.parent.name for path in eval_dir.glob("*/*.jsonl")})
    if not names:
        raise DataError(f"{eval_dir}: no answers in it. Expected SYSTEM/TASK.jsonl; run `tunesmith evaluate` first.")
    return sorted(names, key=lambda name: (name != BASE, name != TUNED, name in BASELINES, name))


def _read_answers(folder: Path, tasks: Collection[str] | None) -> dict[str, list[Row]]:
    """The lines of a system, by task."""
    rows: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, row in enumerate(read_jsonl(path), start=1):
            if not {"id", "task", "prediction", "references", "scores"} <= row.keys():
                raise DataError(f"{path}:{number}: not an answer of ours. Move the file away, or evaluate again.")
            if not row["scores"].keys() >= set(SAMPLE_METRICS):
                raise DataError(f"{path}:{number}: scored by an older version of Tunesmith. Evaluate again.")
            rows.setdefault(row["task"], []).append(row)
    if tasks is None and rows:
        return rows
    missing = [task for task in tasks or ("any task",) if task not in rows]
    if missing:
        hint = did_you_mean(missing[0], rows) or " Run `tunesmith evaluate` again."
        raise DataError(f"{folder}: no answers for {missing[0]}.{hint}")
    return {task: rows[task] for task in tasks or ()}


def _refuse_unequal_samples(eval_dir: Path, answered: Mapping[str, Answers]) -> None:
    first, *others = answered
    for system in others:
        for task in sorted(answered[first].keys() | answered[system].keys()):
            asked, also_asked = (answered[name].get(task, ()) for name in (first, system))
            if [_question(row) for row in asked] != [_question(row) for row in also_asked]:
                raise DataError(
                    f"{eval_dir}: {first} and {system} did not answer the same samples of {task}. "
                    f"Delete {eval_dir / system} and run `tunesmith evaluate` again."
                )


def _question(row: Row) -> tuple[str, list[str]]:
    return row["id"], row["references"]


def _pairs(systems: Sequence[str]) -> list[Pair]:
    """Which (a, b) are compared: each other system with tuned; without it, with the last that is no baseline."""
    real = [system for system in systems if system not in BASELINES]
    focus = TUNED if TUNED in systems else (real or systems)[-1]
    return [(system, focus) for system in systems if system != focus]


# -- one task ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Estimate:
    """A value or a difference with its interval, and its bootstrap distribution for the mean over tasks."""

    value: float
    interval: Interval
    n: int
    resampled: Floats

    def to_dict(self, name: str = "value") -> dict[str, Any]:
        return {name: self.value, "low": self.interval[0], "high": self.interval[1], "n": self.n}


@dataclass(frozen=True)
class _Difference:
    """A difference b - a, its p, its distribution under random swaps, and the smallest that could have been seen."""

    estimate: _Estimate
    p: float
    swapped: Floats
    detectable: float | None


@dataclass
class _Result:
    """Everything measured on one task."""

    task: str
    group: str
    kind: Kind
    signatures: dict[str, str]
    n: int
    estimates: dict[str, dict[str, _Estimate]] = field(default_factory=dict)
    differences: dict[tuple[Pair, str], _Difference] = field(default_factory=dict)


def _measure(task: str, rows: Answers, pairs: Sequence[Pair], seed: int, num_resamples: int) -> _Result:
    asked = next(iter(rows.values()))
    references = [row["references"] for row in asked]
    predictions = {system: [row["prediction"] for row in lines] for system, lines in rows.items()}
    scores = {system: [row["scores"] for row in lines] for system, lines in rows.items()}
    measurements, signatures = measure_task(references, predictions, scores)
    group = asked[0].get("group") or OWN_SPLIT
    result = _Result(task, group, task_kind(references), signatures, len(references))
    # Seeded by the task's name: another task in the folder does not change this one's numbers.
    digest = int.from_bytes(hashlib.sha256(task.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    draws, swaps = np.random.default_rng([seed, digest]).spawn(2)
    resampled = _resample(measurements, draws, num_resamples)
    for measurement in measurements:
        name = measurement.metric.name
        result.estimates[name] = {system: _estimate(measurement, system, resampled[name, system]) for system in rows}
    for pair, measurement, sums in _swap(measurements, pairs, swaps, num_resamples):
        delta = result.estimates[measurement.metric.name]
        spread = delta[pair[1]].resampled - delta[pair[0]].resampled
        result.differences[pair, measurement.metric.name] = _difference(measurement, pair, spread, sums)
    return result


def _resample(
    measurements: Sequence[Measurement], rng: np.random.Generator, num_resamples: int
) -> dict[tuple[str, str], Floats]:
    """The bootstrap distribution of each metric and system, all over the same draws of samples."""
    cells = [(measurement, system) for measurement in measurements for system in measurement.rows]
    sums = _split(stats.bootstrap_sums, [measurement.rows[system] for measurement, system in cells], rng, num_resamples)
    return {(cell[0].metric.name, cell[1]): cell[0].score(part) for cell, part in zip(cells, sums)}


def _swap(
    measurements: Sequence[Measurement], pairs: Sequence[Pair], rng: np.random.Generator, num_resamples: int
) -> Iterator[tuple[Pair, Measurement, Floats]]:
    """Sums of b's rows less a's over a random half of the samples, the same halves for each pair and metric."""
    cells = [(pair, measurement) for pair in pairs for measurement in measurements]
    changes = [measurement.rows[b] - measurement.rows[a] for (a, b), measurement in cells]
    for (pair, measurement), sums in zip(cells, _split(stats.swap_sums, changes, rng, num_resamples) if cells else ()):
        yield pair, measurement, sums


def _split(resample: Any, blocks: Sequence[Floats], rng: np.random.Generator, num_resamples: int) -> list[Floats]:
    """One resampling of several blocks of columns side by side."""
    ends = np.cumsum([block.shape[1] for block in blocks])[:-1]
    return np.split(resample(np.hstack(blocks), rng, num_resamples), ends, axis=1)


def _estimate(measurement: Measurement, system: str, resampled: Floats) -> _Estimate:
    metric, rows = measurement.metric, measurement.rows[system]
    value, n = float(measurement.score(rows.sum(axis=0))), len(rows)
    if metric.is_proportion:
        interval: Interval | None = stats.wilson_interval(int(rows[:, 0].sum()), n)
    else:
        interval = stats.bca_interval(rows[:, 0], resampled) if metric.is_mean else stats.percentile_interval(resampled)
    return _Estimate(value, _around(value, interval, n, (0.0, metric.scale)), n, resampled)


def _difference(measurement: Measurement, pair: Pair, resampled: Floats, swapped_sums: Floats) -> _Difference:
    metric, score = measurement.metric, measurement.score
    rows_a, rows_b = (measurement.rows[system] for system in pair)
    total_a, total_b, n = rows_a.sum(axis=0), rows_b.sum(axis=0), len(rows_a)
    value = float(score(total_b) - score(total_a))
    swapped = score(total_b - swapped_sums) - score(total_a + swapped_sums)
    changes = (rows_b - rows_a)[:, 0]
    if metric.is_proportion:
        num_only_a, num_only_b = int((changes < 0).sum()), int((changes > 0).sum())
        interval: Interval | None = stats.paired_proportion_interval(num_only_a, num_only_b, n)
        p = stats.mcnemar_p(num_only_a, num_only_b)
        detectable = stats.smallest_detectable_proportion_difference(n, (num_only_a + num_only_b + 2) / (n + 2))
    else:
        interval = stats.bca_interval(changes, resampled) if metric.is_mean else stats.percentile_interval(resampled)
        p = _exact_swap_p(measurement, pair, value) if 2**n <= len(swapped) else stats.swap_p(swapped, value)
        detectable = stats.smallest_detectable_difference(float(resampled.std())) or None
    bounds = (-metric.scale, metric.scale)
    return _Difference(_Estimate(value, _around(value, interval, n, bounds), n, resampled), p, swapped, detectable)


def _exact_swap_p(measurement: Measurement, pair: Pair, value: float) -> float:
    rows_a, rows_b = (measurement.rows[system] for system in pair)
    sums = stats.every_swap_sum(rows_b - rows_a)
    swapped = measurement.score(rows_b.sum(axis=0) - sums) - measurement.score(rows_a.sum(axis=0) + sums)
    return stats.swap_p(swapped, value, exact=True)


def _around(value: float, interval: Interval | None, n: int, bounds: Interval) -> Interval:
    """An interval that holds its value, also where resampling gave none or missed a skewed one."""
    low, high = interval if interval is not None else stats.constant_interval(value, n, bounds)
    return min(low, value), max(high, value)


# -- over all tasks ----------------------------------------------------------------------------------------------------


def _mean_estimate(estimates: Sequence[_Estimate], metric: Metric) -> _Estimate:
    """The mean over tasks, each counting the same; one task's mean is that task's own."""
    if len(estimates) == 1:
        return estimates[0]
    values = [estimate.value for estimate in estimates]
    resampled = np.mean([estimate.resampled for estimate in estimates], axis=0)
    interval = None if metric.is_proportion else stats.percentile_interval(resampled)
    if interval is None:
        interval = stats.mean_of_intervals(values, [estimate.interval for estimate in estimates])
    value = float(np.mean(values))
    low, high = min(interval[0], value), max(interval[1], value)
    return _Estimate(value, (low, high), sum(estimate.n for estimate in estimates), resampled)


def _mean_difference(differences: Sequence[_Difference], metric: Metric) -> _Difference:
    if len(differences) == 1:
        return differences[0]
    estimate = _mean_estimate([difference.estimate for difference in differences], metric)
    swapped = np.mean([difference.swapped for difference in differences], axis=0)
    parts = [difference.detectable for difference in differences]
    detectable = None if None in parts else float(np.sqrt(np.square(parts).sum()) / len(parts))
    return _Difference(estimate, stats.swap_p(swapped, estimate.value), swapped, detectable)


def _summary(
    systems: Sequence[str],
    pairs: Sequence[Pair],
    results: Sequence[_Result],
    answered: Mapping[str, Answers],
    metric: str | None,
) -> dict[str, Any]:
    names = [name for name in METRICS if any(name in result.estimates for result in results)]
    having = {name: [result for result in results if name in result.estimates] for name in names}
    means = {
        (pair, name): _mean_difference([result.differences[pair, name] for result in having[name]], METRICS[name])
        for pair in pairs
        for name in names
    }
    main = _main_pair(pairs)
    primary = metric if metric in names else primary_metric([result.kind for result in results])
    comparisons = [
        row
        for pair in pairs
        for name in names
        for row in _comparisons(pair, METRICS[name], having[name], means[pair, name])
    ]
    return {
        "systems": list(systems),
        "tasks": {result.task: _task_summary(result, main) for result in results},
        "overall": {name: _overall_values(METRICS[name], having[name], systems) for name in names},
        "comparisons": comparisons,
        "groups": _group_summaries(systems, pairs, _by_group(results, order=answered[systems[0]])),
        "learned": _judge_learned([result.task for result in results], primary, comparisons),
        "smallest_detectable_difference": {name: means[main, name].detectable if main else None for name in names},
        "primary_metric": primary,
        "metrics": {name: {"title": METRICS[name].title, "scale": METRICS[name].scale} for name in names},
        "answers": {system: _count_answers(answered[system]) for system in systems},
    }


def _main_pair(pairs: Sequence[Pair]) -> Pair | None:
    """Base and tuned, or the first pair of systems that are no baselines."""
    real = [pair for pair in pairs if pair[0] not in BASELINES]
    return (BASE, TUNED) if (BASE, TUNED) in pairs else next(iter([*real, *pairs]), None)


def _overall_values(metric: Metric, results: Sequence[_Result], systems: Sequence[str]) -> dict[str, Any]:
    estimates = {system: [result.estimates[metric.name][system] for result in results] for system in systems}
    return {system: _mean_estimate(parts, metric).to_dict() for system, parts in estimates.items()}


def _task_summary(result: _Result, main: Pair | None) -> dict[str, Any]:
    return {
        "n": result.n,
        "metrics": {
            name: {system: estimate.to_dict() for system, estimate in estimates.items()}
            for name, estimates in result.estimates.items()
        },
        "kind": result.kind,
        "signatures": result.signatures,
        "smallest_detectable_difference": {
            name: result.differences[main, name].detectable if main else None for name in result.estimates
        },
    }


def _comparisons(pair: Pair, metric: Metric, results: Sequence[_Result], mean: _Difference) -> Iterator[dict[str, Any]]:
    differences = {result.task: result.differences[pair, metric.name] for result in results}
    adjusted: dict[str, float | None] = {}
    for part in _by_group(results).values():
        p_values = stats.holm([differences[result.task].p for result in part])
        adjusted |= {result.task: p for result, p in zip(part, p_values)}
    for task, difference in differences.items():
        yield _comparison(pair, metric, task, difference, adjusted[task])
    yield _comparison(pair, metric, OVERALL, mean, mean.p)


def _comparison(
    pair: Pair, metric: Metric, task: str, difference: _Difference, p_adjusted: float | None
) -> dict[str, Any]:
    return {
        "a": pair[0],
        "b": pair[1],
        "task": task,
        "metric": metric.name,
        **difference.estimate.to_dict("delta"),
        "p": difference.p,
        "p_adjusted": p_adjusted,
        "higher_is_better": metric.higher_is_better,
        "verdict": _verdict(difference.estimate.value, p_adjusted),
    }


def _verdict(delta: float, p_adjusted: float | None) -> Verdict:
    if p_adjusted is None or p_adjusted >= stats.ALPHA or delta == 0:
        return "no difference"
    return "better" if delta > 0 else "worse"


# -- group by group, and what was learned ------------------------------------------------------------------------------


def _by_group(results: Sequence[_Result], order: Collection[str] = ()) -> dict[str, list[_Result]]:
    """The results of each group; the run's own split first, then in the ``order`` of the tasks."""
    place = {task: k for k, task in enumerate(order)}
    groups: dict[str, list[_Result]] = {}
    for result in sorted(results, key=lambda result: (result.group != OWN_SPLIT, place.get(result.task, 0))):
        groups.setdefault(result.group, []).append(result)
    return {group: sorted(part, key=lambda result: result.task) for group, part in groups.items()}


def _group_summaries(
    systems: Sequence[str], pairs: Sequence[Pair], groups: Mapping[str, Sequence[_Result]]
) -> dict[str, Any]:
    """The mean over the tasks of each group, as `overall` is over all of them."""
    summaries: dict[str, dict[str, Any]] = {
        group: {"tasks": [result.task for result in part], "metrics": {}, "comparisons": []}
        for group, part in groups.items()
    }
    for name, metric in METRICS.items():
        having = {group: [result for result in part if name in result.estimates] for group, part in groups.items()}
        having = {group: part for group, part in having.items() if part}
        for group, part in having.items():
            summaries[group]["metrics"][name] = _overall_values(metric, part, systems)
        for pair in pairs:
            means = [
                _mean_difference([item.differences[pair, name] for item in part], metric) for part in having.values()
            ]
            adjusted = stats.holm([mean.p for mean in means])
            for group, mean, p_adjusted in zip(having, means, adjusted):
                summaries[group]["comparisons"].append(_comparison(pair, metric, OVERALL, mean, p_adjusted))
    return summaries


def _judge_learned(tasks: Sequence[str], metric: str, comparisons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether tuned beats, on each task, all that a user has without training."""
    against: dict[str, dict[str, Any]] = {task: {} for task in tasks}
    for row in comparisons:
        if row["metric"] == metric and row["b"] == TUNED and row["task"] in against and _is_untrained(row["a"]):
            against[row["task"]][row["a"]] = {"p_adjusted": row["p_adjusted"], "verdict": row["verdict"]}
    return {
        task: {"learned": all(row["verdict"] == "better" for row in rows.values()) if rows else None, "against": rows}
        for task, rows in against.items()
    }


def _is_untrained(system: str) -> bool:
    return system == BASE or system in BASELINES or re.fullmatch(rf"{BASE}_\d+_shot", system) is not None


def _count_answers(tasks: Answers) -> dict[str, int]:
    rows = [row for lines in tasks.values() for row in lines]
    num_cut = sum(row.get("finish_reason") == "length" for row in rows)
    return {"n": len(rows), "num_cut": num_cut, "num_empty": sum(not row["prediction"].strip() for row in rows)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, NUM_DECIMALS) + 0.0 if isinstance(value, float) else value  # + 0.0: no minus before a zero


# -- in words ----------------------------------------------------------------------------------------------------------


def headline(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The one result a reader asks for: the primary metric over all tasks, between base and tuned.

    Keys: ``metric``, ``title``, ``n``, ``num_tasks``, ``b`` with ``value_b`` and its interval ``low_b``, ``high_b``;
    and where two systems are compared (else None) ``a``, ``value_a``, ``delta``, ``low``, ``high``, ``p``, ``verdict``,
    ``smallest_detectable_difference``; ``baselines``: {system: {"value", "verdict" (of b against it)}}.
    """
    metric = summary["primary_metric"]
    values = summary["overall"][metric]
    overall = [row for row in summary["comparisons"] if row["task"] == OVERALL and row["metric"] == metric]
    rows = {(row["a"], row["b"]): row for row in overall}
    pair = _main_pair(list(rows))
    a, b = pair if pair is not None else (None, summary["systems"][0])
    compared = rows[pair] if pair is not None else {}
    return {
        "metric": metric,
        "title": summary["metrics"][metric]["title"],
        "n": values[b]["n"],
        "num_tasks": sum(metric in task["metrics"] for task in summary["tasks"].values()),
        "b": b,
        "value_b": values[b]["value"],
        "low_b": values[b]["low"],
        "high_b": values[b]["high"],
        "a": a,
        "value_a": values[a]["value"] if a is not None else None,
        **{name: compared.get(name) for name in ("delta", "low", "high", "p", "verdict")},
        "smallest_detectable_difference": summary["smallest_detectable_difference"][metric],
        "baselines": {
            name: {"value": values[name]["value"], "verdict": rows[name, b]["verdict"]}
            for name in BASELINES
            if (name, b) in rows and name != a
        },
    }


def verdict_sentence(summary: Mapping[str, Any]) -> str:
    """The headline in plain words: the verdict, how large, how sure, on how much, and whether baselines do as well."""
    found = headline(summary)
    if found["a"] is None:
        score = f"{found['title']} {found['value_b']:.3f} (95 % interval {found['low_b']:.3f} to {found['high_b']:.3f})"
        return f"{found['b']} scores {score} {_extent(found)}; there is nothing to compare it with."
    return " ".join(part for part in (_comparison_sentence(found), _baseline_sentence(found)) if part)


def _comparison_sentence(found: Mapping[str, Any]) -> str:
    a, b, title = found["a"], found["b"], found["title"]
    runs = " (one training run)" if b == TUNED else ""
    if found["value_a"] == found["value_b"] == 0:
        return f"Cannot tell {b} from {a}{runs}: both score 0 on {title}, {_extent(found)}, which shows no difference."
    sure = f"{found['delta']:+.3f}, 95 % interval {found['low']:+.3f} to {found['high']:+.3f}, {_p_text(found['p'])}"
    measured = f"{title} {found['value_b']:.3f} against {found['value_a']:.3f} ({sure}) {_extent(found)}."
    if found["verdict"] != "no difference":
        return f"{b} is {found['verdict']} than {a}{runs}: {measured}"
    smallest = found["smallest_detectable_difference"]
    if found["low"] * found["high"] > 0:
        measured += " The interval leaves out 0 but the test does not call a difference: too close to tell."
    elif smallest is not None:
        measured += f" A true difference below {smallest:.3f} would often go unseen on this many samples."
    return f"No difference between {b} and {a} could be shown{runs}: {measured}"


def _baseline_sentence(found: Mapping[str, Any]) -> str:
    b, baselines = found["b"], found["baselines"]
    lost = [name for name, row in baselines.items() if row["verdict"] != "better"]
    if not baselines:
        return ""
    if not lost:
        return f"{b} also beats {_listed(baselines, list(baselines))}."
    return f"But {b} does not beat {_listed(baselines, lost)}, which needs no model: do not rely on {b} yet."


def _listed(baselines: Mapping[str, Any], names: Sequence[str]) -> str:
    return " and ".join(f"{BASELINES[name]} ({baselines[name]['value']:.3f})" for name in names)


def _extent(found: Mapping[str, Any]) -> str:
    num_tasks = found["num_tasks"]
    return f"on {found['n']} sample{'s' * (found['n'] != 1)} of {num_tasks} task{'s' * (num_tasks != 1)}"


def _p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
