"""Values and differences with their intervals and tests: of one task, and of the mean over several.

Every value has a 95 % interval and every difference a paired test on the same samples:

    one sample right or wrong      Wilson's interval; Bonett and Price's      exact McNemar test
    mean of the samples' scores    bootstrap (see `stats.resampled_interval`) paired sign-flip permutation test
    any other function of sums     the same                                   answers swapped at random, scored anew

Ratios (instructions followed of those asked, entity F1, perplexity), corpus BLEU, chrF and macro-F1 are such functions.
Where lines are rephrasings of one question, a unit is all lines of a question: rows come summed by unit, units are drawn
and swapped whole (Miller 2024, arXiv 2411.00640), and no line counts as a sample of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tunesmith import stats
from tunesmith.evaluation.answers import Answers
from tunesmith.evaluation.measurements import Measurement, measure_task
from tunesmith.evaluation.metrics import Metric
from tunesmith.evaluation.systems import Pair
from tunesmith.evaluation.task_kinds import Kind, task_kind
from tunesmith.stats import Floats, Interval

OWN_SPLIT = "test"  # the group of samples that no test file brought
SAMPLES = "samples"
FEWEST_FOR_SPREAD = 20
"""From fewer scores their spread is not known well enough to say which difference would have been seen."""


@dataclass(frozen=True)
class Estimate:
    """A value or a difference with its interval, and its bootstrap distribution.

    ``value`` is nan where it is undefined, ``interval`` None where it cannot be told.
    """

    value: float
    interval: Interval | None
    n: int
    resampled: Floats

    def to_dict(self, name: str = "value") -> dict[str, Any]:
        """Value, bounds and n; None for what is undefined."""
        low, high = self.interval if self.interval is not None else (None, None)
        return {name: self.value if np.isfinite(self.value) else None, "low": low, "high": high, "n": self.n}


@dataclass(frozen=True)
class Difference:
    """A difference b - a, its p, its distribution under random swaps, and the smallest that could have been seen.

    ``p_mid`` is the mid-p of McNemar's test, for proportions.
    """

    estimate: Estimate
    p: float | None
    swapped: Floats
    detectable: float | None
    p_mid: float | None = None


@dataclass
class Result:
    """Everything measured on one task.

    ``units``: metric → what its n counts, where that is not samples.
    """

    task: str
    group: str
    kind: Kind
    signatures: dict[str, str]
    n: int
    units: dict[str, str] = field(default_factory=dict)
    estimates: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    differences: dict[tuple[Pair, str], Difference] = field(default_factory=dict)


def measure(
    task: str,
    rows: Answers,
    pairs: Sequence[Pair],
    seed: int,
    num_resamples: int = stats.NUM_RESAMPLES,
    wanted: Sequence[str] | None = None,
) -> Result:
    """All metrics of a task, for all systems and pairs; ``rows`` are the lines of each system, in one order."""
    asked = next(iter(rows.values()))
    measurements, signatures = measure_task(rows, wanted)
    result = Result(task, asked[0].get("group") or OWN_SPLIT, task_kind(asked), signatures, len(asked))
    result.units = {found.metric.name: found.units for found in measurements if found.units != SAMPLES}
    result.estimates, result.differences = estimate(measurements, pairs, generators(task, seed), num_resamples)
    return result


def estimate(
    measurements: Sequence[Measurement],
    pairs: Sequence[Pair],
    generators: Sequence[np.random.Generator],
    num_resamples: int = stats.NUM_RESAMPLES,
) -> tuple[dict[str, dict[str, Estimate]], dict[tuple[Pair, str], Difference]]:
    """{metric: {system: value}} and {(pair, metric): difference}, from the rows of each metric.

    All systems and metrics see the same draws of samples, and all pairs the same swaps: of each kind of ``generators``
    one.
    """
    draws, swaps = generators
    estimates: dict[str, dict[str, Estimate]] = {}
    for measurement, resampled in _resample(measurements, draws, num_resamples):
        name = measurement.metric.name
        estimates[name] = {system: _estimate(measurement, system, resampled[system]) for system in resampled}
    differences = {}
    for pair, measurement, sums in _swap(measurements, pairs, swaps, num_resamples):
        name = measurement.metric.name
        with np.errstate(invalid="ignore"):
            spread = estimates[name][pair[1]].resampled - estimates[name][pair[0]].resampled
        differences[pair, name] = _difference(measurement, pair, spread, sums)
    return estimates, differences


def generators(task: str, seed: int) -> list[np.random.Generator]:
    """One for draws and one for swaps, by the task's name: another task in the folder does not change its numbers."""
    digest = int.from_bytes(hashlib.sha256(task.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return np.random.default_rng([seed, digest]).spawn(2)


# -- resampling --------------------------------------------------------------------------------------------------------


def _resample(
    measurements: Sequence[Measurement], rng: np.random.Generator, num_resamples: int
) -> Iterator[tuple[Measurement, dict[str, Floats]]]:
    """The bootstrap distribution of each metric and system, all over the same draws of samples."""
    cells = [(measurement, system) for measurement in measurements for system in measurement.rows]
    sums = _split(stats.bootstrap_sums, [measurement.rows[system] for measurement, system in cells], rng, num_resamples)
    found: dict[str, dict[str, Floats]] = {measurement.metric.name: {} for measurement in measurements}
    for (measurement, system), part in zip(cells, sums):
        found[measurement.metric.name][system] = _scored(measurement, part)
    for measurement in measurements:
        yield measurement, found[measurement.metric.name]


def _swap(
    measurements: Sequence[Measurement], pairs: Sequence[Pair], rng: np.random.Generator, num_resamples: int
) -> Iterator[tuple[Pair, Measurement, Floats]]:
    """Sums of b's rows less a's over a random half of the samples, the same halves for each pair and metric."""
    cells = [(pair, measurement) for pair in pairs for measurement in measurements if _is_comparable(measurement, pair)]
    changes = [measurement.rows[b] - measurement.rows[a] for (a, b), measurement in cells]
    for (pair, measurement), sums in zip(cells, _split(stats.swap_sums, changes, rng, num_resamples)):
        yield pair, measurement, sums


def _is_comparable(measurement: Measurement, pair: Pair) -> bool:
    """Whether both systems have the metric, and of the same things: a token of one tokenizer is not one of another."""
    if not set(pair) <= measurement.rows.keys():
        return False
    a, b = (measurement.rows[system] for system in pair)
    return not measurement.metric.like_counts or np.array_equal(a[:, 1:], b[:, 1:])


def _split(
    resample: Callable[..., Floats], blocks: Sequence[Floats], rng: np.random.Generator, num_resamples: int
) -> list[Floats]:
    """One resampling of several blocks of columns side by side, those of one number of rows together."""
    found: list[Floats] = [np.empty(0)] * len(blocks)
    for n in dict.fromkeys(map(len, blocks)):
        places = [place for place, block in enumerate(blocks) if len(block) == n]
        rows = np.hstack([blocks[place] for place in places])
        rows = stats.random_groups(rows, rng) if n > stats.MAX_UNITS else rows
        ends = np.cumsum([blocks[place].shape[1] for place in places])[:-1]
        for place, sums in zip(places, np.split(resample(rows, rng, num_resamples), ends, axis=1)):
            found[place] = sums
    return found


def _scored(measurement: Measurement, sums: Floats) -> Floats:
    """The metric of sums; nan where a resample leaves nothing to compute it from."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return measurement.score(sums)


# -- one value, one difference -----------------------------------------------------------------------------------------


def _is_paired_share(measurement: Measurement) -> bool:
    """Whether each unit is one sample, right or wrong: what Wilson and McNemar speak of."""
    return measurement.metric.is_proportion and measurement.units == SAMPLES


def _num_units(measurement: Measurement, rows: Floats) -> int:
    """The units that count for something: a mean leaves out those whose own count is 0."""
    return int((rows[:, -1] > 0).sum()) if measurement.metric.is_mean else len(rows)


def _estimate(measurement: Measurement, system: str, resampled: Floats) -> Estimate:
    metric, rows = measurement.metric, measurement.rows[system]
    value, n = float(_scored(measurement, rows.sum(axis=0))), _num_units(measurement, rows)
    if not np.isfinite(value):
        return Estimate(np.nan, None, n, resampled)
    if _is_paired_share(measurement):
        interval: Interval | None = stats.wilson_interval(int(rows[:, 0].sum()), n)
    elif metric.on_log_scale:
        without = np.log(stats.jackknife(rows, measurement.score))
        logs = stats.resampled_interval(np.log(value), without, np.log(resampled))
        with np.errstate(over="ignore"):
            interval = None if logs is None else (float(np.exp(logs[0])), float(np.exp(logs[1])))
    else:
        interval = stats.resampled_interval(value, stats.jackknife(rows, measurement.score), resampled)
    return Estimate(value, _around(value, interval, n, (metric.lowest, metric.scale)), n, resampled)


def _difference(measurement: Measurement, pair: Pair, resampled: Floats, swapped_sums: Floats) -> Difference:
    metric = measurement.metric
    rows_a, rows_b = (measurement.rows[system] for system in pair)
    total_a, total_b, n = rows_a.sum(axis=0), rows_b.sum(axis=0), _num_units(measurement, rows_b)
    value = float(_scored(measurement, total_b) - _scored(measurement, total_a))
    swapped = _scored(measurement, total_b - swapped_sums) - _scored(measurement, total_a + swapped_sums)
    if not np.isfinite(value):
        return Difference(Estimate(np.nan, None, n, resampled), None, swapped, None)
    bounds = (metric.lowest - metric.scale, metric.scale - metric.lowest)
    if _is_paired_share(measurement):
        changes = (rows_b - rows_a)[:, 0]
        only_a, only_b = int((changes < 0).sum()), int((changes > 0).sum())
        interval = stats.paired_proportion_interval(only_a, only_b, n)
        detectable = stats.smallest_detectable_proportion_difference(n, (only_a + only_b + 2) / (n + 2))
        estimate = Estimate(value, _around(value, interval, n, bounds), n, resampled)
        return Difference(
            estimate, stats.mcnemar_p(only_a, only_b), swapped, detectable, stats.mcnemar_mid_p(only_a, only_b)
        )
    finite = resampled[np.isfinite(resampled)]
    without = np.stack([stats.jackknife(rows, measurement.score) for rows in (rows_a, rows_b)], axis=1)
    student = None
    if metric.on_log_scale:
        logs = np.log([_scored(measurement, total) for total in (total_a, total_b)])
        student = stats.student_interval_of_exponentials(logs, np.log(without)) if n > 1 else None
    interval = stats.resampled_interval(value, without[:, 1] - without[:, 0], resampled, student)
    exact = 2 ** len(rows_a) <= len(swapped)
    p = _exact_swap_p(measurement, pair, value) if exact else stats.swap_p(swapped, value)
    spread = float(finite.std()) if len(finite) and n >= FEWEST_FOR_SPREAD else 0.0
    detectable = stats.smallest_detectable_difference(spread) or None
    return Difference(Estimate(value, _around(value, interval, n, bounds), n, resampled), p, swapped, detectable)


def _exact_swap_p(measurement: Measurement, pair: Pair, value: float) -> float:
    rows_a, rows_b = (measurement.rows[system] for system in pair)
    sums = stats.every_swap_sum(rows_b - rows_a)
    swapped = _scored(measurement, rows_b.sum(axis=0) - sums) - _scored(measurement, rows_a.sum(axis=0) + sums)
    return stats.swap_p(swapped, value, exact=True)


def _around(value: float, interval: Interval | None, n: int, bounds: Interval) -> Interval | None:
    """An interval within the bounds that holds its value, also where resampling gave none or missed a skewed one.

    None where nothing varies and no bound says how far the next sample may lie, and where an end is beyond all numbers.
    """
    if interval is None and not np.isfinite(bounds[1]):
        return None
    low, high = interval if interval is not None else stats.constant_interval(value, n, bounds)
    if not (np.isfinite(low) and np.isfinite(high)):
        return None
    return max(min(low, value), min(bounds[0], value)), min(max(high, value), max(bounds[1], value))


# -- the mean over tasks -----------------------------------------------------------------------------------------------


def mean_estimate(estimates: Sequence[Estimate]) -> Estimate:
    """The mean over tasks, each counting the same; one task's mean is that task's own."""
    if len(estimates) == 1:
        return estimates[0]
    values = [estimate.value for estimate in estimates]
    value, n = float(np.mean(values)), sum(estimate.n for estimate in estimates)
    with np.errstate(invalid="ignore"):
        resampled = np.mean([estimate.resampled for estimate in estimates], axis=0)
    intervals = [estimate.interval for estimate in estimates if estimate.interval is not None]
    is_known = len(intervals) == len(estimates) and np.isfinite(value)
    return Estimate(value, stats.mean_of_intervals(values, intervals) if is_known else None, n, resampled)


def mean_difference(differences: Sequence[Difference]) -> Difference:
    """The difference of the means over tasks, with a test stratified by task.

    The interval put together from those of small tasks is wide: each of them allows for a variance it hardly knows, and the
    mean takes over all of that. The test has all samples, so where it rejects 0 the interval leaves out 0 too.
    """
    if len(differences) == 1:
        return differences[0]
    estimate = mean_estimate([difference.estimate for difference in differences])
    with np.errstate(invalid="ignore"):
        swapped = np.mean([difference.swapped for difference in differences], axis=0)
    parts = [difference.detectable for difference in differences if difference.detectable is not None]
    detectable = float(np.sqrt(np.square(parts).sum()) / len(parts)) if len(parts) == len(differences) else None
    if not np.isfinite(estimate.value):
        return Difference(estimate, None, swapped, detectable)
    p = stats.swap_p(swapped, estimate.value)
    if p < stats.ALPHA and estimate.interval is not None:
        estimate = replace(estimate, interval=_not_rejected(estimate.value, estimate.interval, swapped))
    return Difference(estimate, p, swapped, detectable)


def _not_rejected(value: float, interval: Interval, swapped: Floats) -> Interval:
    """The interval of a significant difference, its end towards 0 no further off than what p calls significant."""
    most_as_large = int(np.ceil(stats.ALPHA * (len(swapped) + 1))) - 2  # as `stats.swap_p` counts them
    reach = float(np.sort(np.nan_to_num(np.abs(swapped)))[::-1][most_as_large])
    low, high = interval
    return (max(low, value - reach), high) if value > 0 else (low, min(high, value + reach))


def overall_values(metric: Metric, results: Sequence[Result], systems: Sequence[str]) -> dict[str, Estimate]:
    """The mean over tasks of each system that has the metric on all of them."""
    parts = {system: [result.estimates[metric.name].get(system) for result in results] for system in systems}
    known = {system: [part for part in found if part is not None] for system, found in parts.items()}
    return {system: mean_estimate(found) for system, found in known.items() if len(found) == len(results)}


def overall_difference(pair: Pair, name: str, results: Sequence[Result]) -> Difference | None:
    """The difference of the means over tasks; None where one of the two has not the metric on all of them."""
    found = [result.differences.get((pair, name)) for result in results]
    known = [difference for difference in found if difference is not None]
    return mean_difference(known) if known and len(known) == len(results) else None


def plain_values(values: Mapping[str, Estimate]) -> dict[str, Any]:
    """``{system: {"value", "low", "high", "n"}}``."""
    return {system: estimate.to_dict() for system, estimate in values.items()}
