"""A summary in words: the headline, its verdict, how large, how sure, and on how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.suites.suite import is_own
from tunesmith.evaluation.systems import BASELINES, TUNED, Pair, choose_pairs, main_pair


def headline(summary: Mapping[str, Any], pair: Pair | None = None) -> dict[str, Any]:
    """The one result a reader asks for: the primary metric over all tasks, between base and tuned, or of a ``pair``.

    Keys: ``metric``, ``title``, ``higher_is_better``, ``n``, ``num_tasks``, ``b`` with ``value_b`` and its interval
    ``low_b``, ``high_b``; and where two systems are compared (else None) ``a``, ``value_a``, ``delta``, ``low``,
    ``high``, ``p``, ``p_adjusted``, ``verdict``, ``note``, ``smallest_detectable_difference``; ``baselines``: {system:
    {"value", "verdict" (of b against it)}}.
    """
    metric = summary["primary_metric"]
    values = summary["overall"].get(metric, {})
    overall = [row for row in summary["comparisons"] if row["task"] == OVERALL and row["metric"] == metric]
    rows = {(row["a"], row["b"]): row for row in overall}
    pair = main_pair(list(rows)) if pair is None else pair
    alone = next((b for _, b in choose_pairs(summary["systems"])), summary["systems"][0])
    a, b = pair if pair is not None else (None, alone)
    compared = rows.get(pair, {})
    described = summary["metrics"].get(metric, {})
    told = ("delta", "low", "high", "p", "p_adjusted", "verdict", "note", "smallest_detectable_difference")
    having = [task for task, found in summary["tasks"].items() if metric in found["metrics"]]
    own = {task for group, place in summary["groups"].items() if is_own(group) for task in place["tasks"]}
    return {
        "metric": metric,
        "title": described.get("title", metric),
        "higher_is_better": described.get("higher_is_better", True),
        "n": _cell(values, b, "n"),
        "num_tasks": len([task for task in having if task in own] or having),
        "b": b,
        "value_b": _cell(values, b, "value"),
        "low_b": _cell(values, b, "low"),
        "high_b": _cell(values, b, "high"),
        "a": a,
        "value_a": _cell(values, a, "value"),
        **{name: compared.get(name) for name in told},
        "baselines": {
            name: {"value": _cell(values, name, "value"), "verdict": rows[name, b]["verdict"]}
            for name in BASELINES
            if (name, b) in rows and name != a
        },
    }


def _cell(values: Mapping[str, Any], system: str | None, name: str) -> float | None:
    return values.get(system, {}).get(name)


def verdict_sentence(summary: Mapping[str, Any], pair: Pair | None = None) -> str:
    """The headline in plain words: the verdict, how large, how sure, on how much, and whether baselines do as well."""
    found = headline(summary, pair)
    if found["value_b"] is None:
        return f"{found['b']} has no {found['title']} here (n/a), so nothing can be said."
    if found["a"] is None:
        interval = f" (95 % interval {found['low_b']:.3f} to {found['high_b']:.3f})" if _is_sure(found) else ""
        score = f"{found['title']} {found['value_b']:.3f}{interval}"
        return f"{found['b']} scores {score} {_extent(found)}; there is nothing to compare it with."
    if found["value_a"] is None or found["delta"] is None:
        return f"{found['b']} cannot be compared with {found['a']}: it has no {found['title']} here (n/a)."
    return " ".join(part for part in (_comparison_sentence(found), _baseline_sentence(found)) if part)


def _is_sure(found: Mapping[str, Any]) -> bool:
    return found["low_b"] is not None


def _comparison_sentence(found: Mapping[str, Any]) -> str:
    a, b, title = found["a"], found["b"], found["title"]
    runs = " (one training run)" if b == TUNED else ""
    if found["value_a"] == found["value_b"] == 0 and found["higher_is_better"]:
        return f"Cannot tell {b} from {a}{runs}: both score 0 on {title}, {_extent(found)}, which shows no difference."
    low, high = found["low"], found["high"]
    interval = f"95 % interval {low:+.3f} to {high:+.3f}, " if low is not None else ""
    sure = f"{found['delta']:+.3f}, {interval}{_p_text(found)}"
    measured = f"{title} {found['value_b']:.3f} against {found['value_a']:.3f} ({sure}) {_extent(found)}."
    if found["verdict"] != "no difference":
        return f"{b} is {found['verdict']} than {a}{runs}: {measured}"
    smallest = found["smallest_detectable_difference"]
    if found["note"]:
        measured += f" {found['note']}"
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
    start = f"But {b} is not" if found["verdict"] == "better" else f"Nor is {b}"
    need = "which needs no model" if len(lost) == 1 else "which need no model"
    return f"{start} shown to beat {_listed(baselines, lost)}, {need}: do not rely on {b} yet."


def _listed(baselines: Mapping[str, Any], names: Sequence[str]) -> str:
    return " and ".join(f"{BASELINES[name]} ({baselines[name]['value']:.3f})" for name in names)


def _extent(found: Mapping[str, Any]) -> str:
    num_tasks = found["num_tasks"]
    return f"on {found['n']} sample{'s' * (found['n'] != 1)} of {num_tasks} task{'s' * (num_tasks != 1)}"


def _p_text(found: Mapping[str, Any]) -> str:
    """p, and what is left of it where several systems were held against one."""
    p, adjusted = found["p"], found["p_adjusted"]
    if p is None:
        return "p n/a"
    told = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return told if adjusted in (None, p) or adjusted < 0.001 else f"{told}, {adjusted:.3f} adjusted"
