"""Scores over the number of worked examples, and what examples cost: is tuning worth as much as k of them in the prompt?

Tuning and worked examples do the same work. Examples are paid for at every request, in tokens of context; so where a
tuned model without any does as well as its base with k, it saves their tokens. "As well" is a claim like any other: not
having shown a difference is not enough. It is said only where the 95 % interval of the difference (tuned less base)
lies above -`MARGIN` (non-inferiority, Schuirmann 1987).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith import stats
from tunesmith.evaluation.answers import Answers, read_answers
from tunesmith.evaluation.comparisons import judge
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.summary import summarize

MARGIN = 0.03
"""A loss of so much of a metric's scale counts as none."""
BETTER, AS_GOOD, UNDECIDED, WORSE = "better", "at least as good", "no difference shown", "worse"


def shot_system(system: str, num_shots: int) -> str:
    """What a system asked with so many worked examples is called; without any it keeps its name."""
    return f"{system}_{num_shots}_shot" if num_shots else system


def summarize_curve(
    eval_dir: Path,
    *,
    systems: Sequence[str],
    num_shots: Sequence[int],
    metric: str,
    seed: int = 0,
    num_resamples: int = stats.NUM_RESAMPLES,
) -> dict[str, Any]:
    """Score what lies in ``eval_dir`` for each system and number of worked examples, and compare.

    The last of the ``systems`` without examples is held against the first with every number of them, on the same samples; a
    system alone against itself.

    Returns:
        ``metric``, ``title``, ``margin``, ``num_shots``, ``systems``, ``answers`` (as in the summary); ``curve``: for each system and number ``value, low, high, n`` and
        ``tokens`` ({"value", "low", "high"}: context tokens per request, None where they are not known); ``comparisons``
        with ``num_shots`` (of a), ``delta, low, high, p, p_adjusted, verdict``, ``smallest_detectable_difference`` and
        ``tokens_saved``; ``sentence``: the comparison with the best number of examples, in words.
    """
    names = {(system, k): shot_system(system, k) for system in systems for k in num_shots}
    ordered = sorted(names.values(), key=lambda name: name == systems[-1])  # the last without examples is the focus
    summary = summarize(eval_dir, systems=ordered, metric=metric, seed=seed, num_resamples=num_resamples)
    metric = summary["primary_metric"]
    tokens = {name: _tokens(read_answers(eval_dir / name)) for name in ordered}
    draws = np.random.default_rng([seed, len(ordered)])
    values = summary["overall"][metric]
    found: dict[str, Any] = {
        "metric": metric,
        "title": summary["metrics"][metric]["title"],
        "higher_is_better": summary["metrics"][metric]["higher_is_better"],
        "margin": MARGIN * (summary["metrics"][metric]["scale"] or 1.0),
        "num_shots": list(num_shots),
        "systems": list(systems),
        "answers": summary["answers"],
        "curve": [
            {"system": system, "num_shots": k, **values[name], "tokens": _mean(tokens[name], draws)}
            for (system, k), name in names.items()
        ],
        "comparisons": _comparisons(summary, metric, systems, num_shots, tokens, draws),
    }
    return found | {"sentence": curve_sentence(found)}


def _tokens(answers: Answers) -> list[float] | None:
    """Context tokens of each request, in order; None where they were not told."""
    counts = [row.get("num_prompt_tokens") for rows in answers.values() for row in rows]
    return [float(count) for count in counts] if all(counts) else None


def _mean(values: Sequence[float] | None, rng: np.random.Generator) -> dict[str, float] | None:
    """The mean with its bootstrap interval."""
    if not values:
        return None
    rows = np.array(values)[:, None]
    resampled = stats.bootstrap_sums(rows, rng, 2000)[:, 0] / len(rows)
    value = float(rows.mean())
    low, high = stats.percentile_interval(resampled) or (value, value)
    return {"value": value, "low": low, "high": high}


def _comparisons(
    summary: Mapping[str, Any],
    metric: str,
    systems: Sequence[str],
    num_shots: Sequence[int],
    tokens: Mapping[str, list[float] | None],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """The last system without worked examples against the first with each number of them."""
    first, focus = systems[0], systems[-1]
    rows = {
        row["a"]: row
        for row in summary["comparisons"]
        if (row["b"], row["task"], row["metric"]) == (focus, OVERALL, metric)
    }
    compared = [(k, rows[name]) for k in num_shots if (name := shot_system(first, k)) in rows]
    adjusted = stats.holm([row["p"] for _, row in compared])
    scale = MARGIN * (summary["metrics"][metric]["scale"] or 1.0)
    return [
        {
            **{
                name: row[name]
                for name in ("a", "b", "delta", "low", "high", "n", "p", "smallest_detectable_difference")
            },
            "num_shots": k,
            "p_adjusted": p,
            "verdict": _verdict(row, p, scale),
            "tokens_saved": _mean(_saved(tokens[shot_system(first, k)], tokens[focus]), rng),
        }
        for (k, row), p in zip(compared, adjusted)
    ]


def _saved(with_examples: list[float] | None, without: list[float] | None) -> list[float] | None:
    if with_examples is None or without is None:
        return None
    return [one - other for one, other in zip(with_examples, without, strict=True)]


def _verdict(row: Mapping[str, Any], p_adjusted: float | None, margin: float) -> str:
    interval = None if row["low"] is None else (row["low"], row["high"])
    verdict = judge(row["delta"] or 0.0, p_adjusted, interval, row["higher_is_better"])
    if verdict in (BETTER, WORSE):
        return verdict
    bound = row["low"] if row["higher_is_better"] else None if row["high"] is None else -row["high"]
    return AS_GOOD if bound is not None and bound > -margin else UNDECIDED


def curve_sentence(found: Mapping[str, Any]) -> str | None:
    """The comparison with the number of worked examples that the first system is best with; None without a comparison."""
    if not found["comparisons"]:
        return None
    first, focus = found["systems"][0], found["systems"][-1]
    sign = 1 if found["higher_is_better"] else -1
    points = {point["num_shots"]: point for point in found["curve"] if point["system"] == first}
    own = next(point for point in found["curve"] if point["system"] == focus and point["num_shots"] == 0)
    row = max(found["comparisons"], key=lambda row: (sign * points[row["num_shots"]]["value"], -row["num_shots"]))
    k = row["num_shots"]
    rival = f"{first} with {_examples(k)}" + (", its best number" if len(found["comparisons"]) > 1 else "")
    figures = (
        f"{found['title']} {own['value']:.3f} against {points[k]['value']:.3f}"
        f" ({row['delta']:+.3f}, 95 % interval {row['low']:+.3f} to {row['high']:+.3f})"
    )
    start = f"Without worked examples {focus} "
    if row["verdict"] == WORSE:
        return f"{start}is worse than {rival}: {figures}."
    if row["verdict"] == UNDECIDED:
        smallest = row["smallest_detectable_difference"]
        limit = "" if smallest is None else f" A true difference below {smallest:.3f} would often go unseen."
        return f"{start}could not be told from {rival}: {figures}, too wide to call them equal.{limit}"
    verb = "is better than" if row["verdict"] == BETTER else f"is at least as good as (within {found['margin']:g})"
    most = found["comparisons"][-1]
    if k == 0 and most["num_shots"] and most["verdict"] in (BETTER, AS_GOOD):
        rest = f"; beside {first} with {_examples(most['num_shots'])}, which do not help it, it saves"
        return f"{start}{verb} {rival}: {figures}" + _savings(most, rest) + "."
    return f"{start}{verb} {rival}: {figures}{_savings(row, ', and saves') if k else ''}."


def _examples(k: int) -> str:
    return "no worked example" if k == 0 else f"{k} worked example{'s' * (k != 1)}"


def _savings(row: Mapping[str, Any], words: str) -> str:
    saved = row["tokens_saved"]
    if saved is None:
        return ""
    return f"{words} {saved['value']:.0f} tokens of context per request ({saved['low']:.0f} to {saved['high']:.0f})"
