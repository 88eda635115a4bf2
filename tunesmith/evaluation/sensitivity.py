"""How much an answer depends on the wording of a request: figures over clusters of one request in several wordings.

A cluster is one unit: its lines share ``variant_of``. With answers y and scores s (0..1) of a cluster of k lines:

    mean_of_k    mean s;  worst_of_k  min s
    agreement    share of the k (k - 1) / 2 pairs of answers that are equal once normalized
    similarity   mean token F1 over those pairs: the same for long answers, which are seldom equal
    spread       max s - min s
    flip_rate    of the variants where it or the original is right, the share where the other is wrong
    drop_AXIS    s of the original less the mean s of the variants along that axis

The first four tell better from worse. Spread, flips and drops describe, and are never judged: who is seldom right has little
to lose, so that they grow with the score, and a better model would read "worse". Where no wording is right at all there is
nothing to lose: such a cluster counts for none of the three, or a model that is always wrong would seem the steadiest.
s is what the answer is judged by: its checks or tests, a match where the references are short, else ROUGE-L, of which
nothing is right or wrong, so that there are no flips. A figure that a cluster does not have (flips without an original)
leaves the cluster out. Agreement says nothing of being right: a model that always says the same agrees with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from tunesmith.evaluation.rephrasings import AXES, GIVEN, ORIGINAL, axis_of
from tunesmith.evaluation.task_kinds import is_short
from tunesmith.evaluation.texts import Writing, normalize_answer, token_f1
from tunesmith.stats import Floats

Row = Mapping[str, Any]
Pair = tuple[float, float]

DROPS = {f"drop_{axis}": axis for axis in [*AXES.values(), GIVEN]}
"""Metric → the axis along which it tells what is lost."""
CLUSTER_METRICS = ("worst_of_k", "mean_of_k", "agreement", "similarity", "spread", "flip_rate", *DROPS)
JUDGED_BY = ("prompt_level_strict", "pass_at_1", "schema_match", "number_match", "exact_match")


def clusters_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The lines of each cluster, in the order of their first line."""
    clusters: dict[str, list[Row]] = {}
    for row in rows:
        clusters.setdefault(row["variant_of"], []).append(row)
    return clusters


def cluster_rows(name: str, lines: Sequence[Row]) -> Floats | None:
    """``(num_clusters, 2)``: a metric of each cluster, and 1; 0 and 0 where it is undefined. None where it is in all."""
    if not all(line.get("variant_of") for line in lines):
        return None
    found = np.array([MEASURES[name](cluster) for cluster in clusters_of(lines).values()], dtype=np.float64)
    return found if found[:, 1].any() else None


def line_score(row: Row) -> tuple[float, bool] | None:
    """What a line is judged by, and whether that is right or wrong; None where it has no such score."""
    scores = row["scores"]
    name = next((name for name in JUDGED_BY if name in scores), None)
    if name is None or (name == "exact_match" and not _is_short(row)):
        return (float(scores["rougeL"]), False) if "rougeL" in scores else None
    return float(scores[name]), True


def _is_short(row: Row) -> bool:
    first = row["references"][:1]
    return bool(first) and is_short(first[0])


def _scores(cluster: Sequence[Row]) -> list[float]:
    found = [line_score(row) for row in cluster]
    return [score[0] for score in found if score is not None] if None not in found else []


def _over_scores(statistic: Callable[[list[float]], float]) -> Callable[[Sequence[Row]], Pair]:
    def measure(cluster: Sequence[Row]) -> Pair:
        scores = _scores(cluster)
        return (statistic(scores), 1.0) if len(scores) > 1 else (0.0, 0.0)

    return measure


def _spread(cluster: Sequence[Row]) -> Pair:
    scores = _scores(cluster)
    return (max(scores) - min(scores), 1.0) if len(scores) > 1 and max(scores) > 0 else (0.0, 0.0)


def _agreement(cluster: Sequence[Row]) -> Pair:
    writing = _writing(cluster)
    answers = [normalize_answer(row["prediction"], writing) for row in cluster]
    pairs = list(combinations(answers, 2))
    return (sum(one == other for one, other in pairs) / len(pairs), 1.0) if pairs else (0.0, 0.0)


def _similarity(cluster: Sequence[Row]) -> Pair:
    writing = _writing(cluster)
    pairs = list(combinations([row["prediction"] for row in cluster], 2))
    return (sum(token_f1(one, [other], writing) for one, other in pairs) / len(pairs), 1.0) if pairs else (0.0, 0.0)


def _writing(cluster: Sequence[Row]) -> Writing:
    return Writing.of(cluster[0]["references"] or [row["prediction"] for row in cluster])


def _flips(cluster: Sequence[Row]) -> Pair:
    original, variants = _divided(cluster)
    start = None if original is None else line_score(original)
    if start is None or not start[1]:
        return 0.0, 0.0
    judged = [score[0] >= 1 for score in map(line_score, variants) if score is not None and score[1]]
    counted = [is_right for is_right in judged if is_right or start[0] >= 1]
    return (sum(is_right != (start[0] >= 1) for is_right in counted) / len(counted), 1.0) if counted else (0.0, 0.0)


def _drop(axis: str) -> Callable[[Sequence[Row]], Pair]:
    def measure(cluster: Sequence[Row]) -> Pair:
        original, variants = _divided(cluster)
        found = [
            score[0] for row in variants if axis_of(row["variant"]) == axis and (score := line_score(row)) is not None
        ]
        start = None if original is None else line_score(original)
        if start is None or not found or not (start[0] or any(found)):
            return 0.0, 0.0
        return start[0] - sum(found) / len(found), 1.0

    return measure


def _divided(cluster: Sequence[Row]) -> tuple[Row | None, list[Row]]:
    original = next((row for row in cluster if row["variant"] == ORIGINAL), None)
    return original, [row for row in cluster if row is not original and axis_of(row["variant"]) is not None]


MEASURES: dict[str, Callable[[Sequence[Row]], Pair]] = {
    "worst_of_k": _over_scores(min),
    "mean_of_k": _over_scores(lambda scores: sum(scores) / len(scores)),
    "agreement": _agreement,
    "similarity": _similarity,
    "spread": _spread,
    "flip_rate": _flips,
    **{name: _drop(axis) for name, axis in DROPS.items()},
}
