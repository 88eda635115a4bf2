"""Conditions on a summary, for use in CI: is a figure high enough, and did anything get worse?

    exact_match>=0.6            the mean over all tasks
    rougeL@translate>=0.3       one task, or one group of tasks (a test file or a suite)
    no regression on general    no figure of the group significantly worse than the base's

A condition is judged on the value, or ``sure``: on the end of its 95 % interval that is nearer to failing. What cannot be
told fails, and is named: a figure that is not there or undefined, and where no regression is asked for, also one task that
was never compared. Figures that only describe (spread, flips, drops) have no regression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.evaluation.comparisons import FEWEST_TO_TELL
from tunesmith.evaluation.metrics import METRICS, check_metric_names, is_judged
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.suites import SUITES
from tunesmith.evaluation.systems import BASE
from tunesmith.evaluation.task_kinds import PRIMARY
from tunesmith.evaluation.verdict import headline
from tunesmith.stats import zero_failures_bound

EVERYTHING = "all"
_CONDITION = re.compile(
    r"\s*(?P<metric>[\w.-]+)\s*(?:@\s*(?P<scope>.+?))?\s*(?P<sign>>=|<=|>|<)\s*(?P<threshold>[-+]?[\d.]+(?:e[-+]?\d+)?)\s*"
)
_HOLDS = {
    ">=": lambda found, threshold: found >= threshold,
    ">": lambda found, threshold: found > threshold,
    "<=": lambda found, threshold: found <= threshold,
    "<": lambda found, threshold: found < threshold,
}


@dataclass(frozen=True)
class Condition:
    """A figure and what it has to reach. ``scope`` is a task or a group; empty for the mean over all tasks."""

    metric: str
    scope: str
    sign: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.metric}{'@' * bool(self.scope)}{self.scope} {self.sign} {self.threshold:g}"


@dataclass(frozen=True)
class Judged:
    """What became of one condition; ``note`` says in words what the figures do not."""

    condition: str
    holds: bool
    found: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def parse_condition(text: str, option: str) -> Condition:
    """``METRIC[@TASK_OR_GROUP]>=VALUE`` of ``--min``, or ``<=`` of ``--max``.

    Raises:
        UsageError: it is written otherwise, the metric does not exist, or it points the other way.
    """
    found = _CONDITION.fullmatch(text)
    example = "exact_match>=0.6" if option == "--min" else "perplexity@general<=20"
    try:
        threshold = float(found["threshold"]) if found is not None else None
    except ValueError:
        threshold = None
    if found is None or threshold is None:
        raise UsageError(f'{option} "{text}": expected METRIC[@TASK_OR_GROUP], a sign and a number: "{example}".')
    check_metric_names([found["metric"]], f'{option} "{text}"')
    if (option == "--min") != found["sign"].startswith(">"):
        other = "--max" if option == "--min" else "--min"
        raise UsageError(f'{option} "{text}": points the other way. Write {other} for that, or turn the sign round.')
    return Condition(found["metric"], found["scope"] or "", found["sign"], threshold)


def judge_condition(
    summary: Mapping[str, Any], condition: Condition, system: str | None = None, *, sure: bool = False
) -> Judged:
    """Whether the system's figure meets the condition; the system of the headline where none is named."""
    system = system_of(summary, system)
    place = _place(summary, condition.scope, f"{condition}")
    cell = place["metrics"].get(condition.metric, {}).get(system)
    if cell is None or cell["value"] is None:
        why = f"n/a: {system} has no {condition.metric} {_where(condition.scope)}"
        return Judged(str(condition), False, note=why)
    bound = cell["low" if condition.sign.startswith(">") else "high"] if sure else cell["value"]
    if bound is None:
        return Judged(str(condition), False, cell["value"], n=cell["n"], note="n/a: it has no interval to be sure by")
    holds = bool(_HOLDS[condition.sign](bound, condition.threshold))
    note = _failures_note(condition.metric, cell)
    return Judged(str(condition), holds, cell["value"], cell["low"], cell["high"], cell["n"], note)


def _failures_note(metric: str, cell: Mapping[str, Any]) -> str:
    if not METRICS[metric].is_proportion or cell["value"] != 1:
        return ""
    return f"0 of {cell['n']} failed: at most {100 * zero_failures_bound(cell['n']):.1f} % would (95 %)"


def judge_regression(summary: Mapping[str, Any], text: str, system: str | None = None) -> Judged:
    """Whether nothing of a group (or task, or `all`; ``METRIC@`` before it for one metric) is significantly worse.

    Looked at are the group's tasks, each by the metric of its kind, p adjusted for their number; and their mean. With a
    metric, those of its tasks that have it. A task among them that was never compared fails the condition, and is named.
    """
    system = system_of(summary, system)
    metric, scope = text.split("@", 1) if "@" in text else ("", text)
    check_metric_names([metric] if metric else [], f"--no-regression {text}", judged=True)
    place = _place(summary, "" if scope == EVERYTHING else scope, f"--no-regression {text}")
    rows, missing = _rows(summary, place, system, metric)
    holds, note = _judge_rows(rows, missing, system)
    return Judged(f"no regression on {text}", holds, note=note)


def _judge_rows(rows: Sequence[Mapping[str, Any]], missing: Sequence[str], system: str) -> tuple[bool, str]:
    """Whether none of the comparisons is a loss and none is missing, and why not in words."""
    if not rows:
        return False, f"n/a: {system} was compared with nothing there"
    worse = [row for row in rows if row["verdict"] == "worse"]
    if worse:
        return False, f"worse: {'; '.join(map(_drop, worse))}"
    undefined = [f"{row['metric']} on {row['task']}" for row in rows if row["p"] is None]
    if undefined:
        return False, f"n/a: undefined for {system} or what it is compared with: {'; '.join(undefined)}"
    if missing:
        return False, f"n/a: never compared, so no loss could be seen: {'; '.join(missing)}"
    if all(row["n"] < FEWEST_TO_TELL for row in rows):
        return False, f"n/a: no difference on fewer than {FEWEST_TO_TELL} samples can be significant"
    smallest = rows[-1].get("smallest_detectable_difference")  # absent in a summary of an older version
    unseen = f"; a true loss of less than {smallest:.3g} {rows[-1]['metric']} would often go unseen" if smallest else ""
    return True, f"nothing significantly worse{unseen}"


def _drop(row: Mapping[str, Any]) -> str:
    where = "the mean over its tasks" if row["task"] == OVERALL else row["task"]
    interval = f" [{row['low']:+.3g}, {row['high']:+.3g}]" if row["low"] is not None else ""
    return f"{where} by {row['metric']} {row['delta']:+.3g}{interval}"


def _rows(
    summary: Mapping[str, Any], place: Mapping[str, Any], system: str, metric: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """The comparisons of the system with its rival: of each task of a place, and of their mean, last.

    Second: what should be there and is not, as METRIC on TASK.
    """
    rival = BASE if BASE in summary["systems"] and system != BASE else headline(summary)["a"]
    tasks = {task: summary["tasks"][task] for task in place["tasks"]}
    wanted = {task: metric or _metric_of(told) for task, told in tasks.items() if metric in ("", *told["metrics"])}
    by_key = {
        (row["task"], row["metric"]): row for row in summary["comparisons"] if (row["a"], row["b"]) == (rival, system)
    }
    found = [by_key[key] for key in wanted.items() if key in by_key]
    missing = [f"{name or 'any figure'} on {task}" for task, name in wanted.items() if (task, name) not in by_key]
    means = [
        row
        for row in place["comparisons"]
        if row["task"] == OVERALL and (row["a"], row["b"]) == (rival, system) and row["metric"] in wanted.values()
    ]
    return (found + means if len(wanted) > 1 else found), missing


def _metric_of(task: Mapping[str, Any]) -> str:
    """The metric a task is judged by: that of its kind, else the first it has that can be judged; empty without any."""
    judged = [name for name in task["metrics"] if is_judged(name)]
    return next((name for name in (PRIMARY.get(task["kind"]), *judged) if name in judged), "")


def _place(summary: Mapping[str, Any], scope: str, text: str) -> dict[str, Any]:
    """Metrics, comparisons and tasks of a task, a group, or (empty) of everything."""
    if not scope:
        return {
            "metrics": summary["overall"],
            "tasks": list(summary["tasks"]),
            "comparisons": summary["comparisons"],
        }
    if scope in summary["groups"]:
        return dict(summary["groups"][scope])
    if scope in summary["tasks"]:
        return {"metrics": summary["tasks"][scope]["metrics"], "tasks": [scope], "comparisons": []}
    near = (
        did_you_mean(scope, [*summary["groups"], *summary["tasks"]]) or f" There are: {', '.join(summary['groups'])}."
    )
    if scope in SUITES.names():
        near = f" Ask it first: tunesmith evaluate RUN --suite {scope}."
    raise UsageError(f"{text}: no task or group `{scope}` was evaluated.{near}")


def _where(scope: str) -> str:
    return f"on {scope}" if scope else "over all tasks"


def system_of(summary: Mapping[str, Any], system: str | None) -> str:
    """The system that is judged: the one named, or that of the headline."""
    if system is None:
        return headline(summary)["b"]
    if system not in summary["systems"]:
        near = did_you_mean(system, summary["systems"]) or f" There are: {', '.join(summary['systems'])}."
        raise UsageError(f"--system {system}: not among the systems that answered.{near}")
    return system


def judge_all(
    summary: Mapping[str, Any],
    conditions: Sequence[Condition],
    regressions: Sequence[str],
    *,
    system: str | None = None,
    sure: bool = False,
) -> list[Judged]:
    """Every condition, in the order given."""
    found = [judge_condition(summary, condition, system, sure=sure) for condition in conditions]
    return found + [judge_regression(summary, text, system) for text in regressions]
