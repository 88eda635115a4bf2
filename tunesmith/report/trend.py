"""How the result moved from run to run: each held against the one before it that answered the same samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError
from tunesmith.evaluation.answers import Answers, read_answers
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.summary import summarize_answers
from tunesmith.evaluation.systems import TUNED
from tunesmith.files import read_json
from tunesmith.runs import RunSummary

NUM_RESAMPLES = 2_000
BARS = "▁▂▃▄▅▆▇█"
MAX_BARS = 12


@dataclass(frozen=True)
class Trend:
    """A run's result by the metric of its verdict, and what became of it since the run before on the same samples.

    Attributes:
        value, low, high, n: of the tuned model over all tasks.
        samples: a fingerprint of the metric and the samples it is measured on; only equal ones can be compared.
        before: the last earlier run on the same samples; None where there is none, and ``note`` says why.
        delta, delta_low, delta_high, p, verdict: this run less the one before, paired by sample.
        values: of every run so far on these samples, the oldest first.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int | None
    samples: str | None = None
    before: str | None = None
    delta: float | None = None
    delta_low: float | None = None
    delta_high: float | None = None
    p: float | None = None
    verdict: str | None = None
    values: tuple[float, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What ``tunesmith runs --json`` tells under ``trend``."""
        return {**asdict(self), "values": list(self.values), "spark": spark(self.values)}


@dataclass(frozen=True)
class _Before:
    """The last run on some samples."""

    name: str
    answers: Answers
    values: tuple[float, ...]


def read_trend(runs: Sequence[RunSummary]) -> list[Trend | None]:
    """The trend of each run, which come the oldest first; None for one that has no result."""
    last: dict[str, _Before] = {}
    found: list[Trend | None] = []
    for run in runs:
        found.append(_trend(run, last) if run.metric is not None and run.tuned is not None else None)
    return found


def _trend(run: RunSummary, last: dict[str, _Before]) -> Trend:
    """The trend of a run; it is then the last on its samples."""
    try:
        summary = read_json(run.path / "eval" / "summary.json")
        score = summary["overall"][run.metric][TUNED]
        tasks = [task for task, told in summary["tasks"].items() if TUNED in told["metrics"].get(run.metric, {})]
        answers = read_answers(run.path / "eval" / TUNED, tasks)
    except (DataError, KeyError, TypeError) as error:
        said = str(error).splitlines()[0] if isinstance(error, DataError) else "its summary is not whole."
        return Trend(run.tuned, None, None, None, note=f"cannot be compared: {said}")
    value = [score.get(name) for name in ("value", "low", "high", "n")]
    samples = _fingerprint(run.metric, answers)
    before, is_first = last.get(samples), not last
    values = (*(before.values if before is not None else ()), run.tuned)
    last[samples] = _Before(_name(run.path), answers, values)
    if before is None:
        note = "" if is_first else "other test samples than any run before, so no difference is told."
        return Trend(*value, samples, values=values, note=note)
    row = _difference(before.answers, answers, run.metric)
    told = (row[name] for name in ("delta", "low", "high", "p", "verdict"))
    return Trend(*value, samples, before.name, *told, values=values)


def _difference(before: Answers, answers: Answers, metric: str) -> dict[str, Any]:
    """The comparison over all tasks, sample by sample."""
    summary = summarize_answers(
        {"before": before, "now": answers},
        metric=metric,
        metrics={"*": (metric,)},
        against="before",
        num_resamples=NUM_RESAMPLES,
    )
    return next(row for row in summary["comparisons"] if (row["task"], row["metric"]) == (OVERALL, metric))


def _fingerprint(metric: str, answers: Answers) -> str:
    """Equal where the metric and the samples in their order are."""
    asked = [[task, row["id"], row["references"]] for task, rows in sorted(answers.items()) for row in rows]
    return hashlib.sha256(json.dumps([metric, asked]).encode()).hexdigest()[:16]


def _name(path: Path) -> str:
    return path.resolve().name


def spark(values: Sequence[float]) -> str:
    """The last values as bars from the lowest to the highest of them: ``▁▃█``."""
    shown = values[-MAX_BARS:]
    if len(shown) < 2:
        return ""
    low, high = min(shown), max(shown)
    if low == high:
        return BARS[3] * len(shown)
    return "".join(BARS[round((value - low) / (high - low) * (len(BARS) - 1))] for value in shown)
