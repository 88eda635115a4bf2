"""The runs that lie in a folder, each on one line: what it is of, how far it came, and how it did."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError, UsageError
from tunesmith.files import missing_path, read_json
from tunesmith.run import Run

PRIMARY_METRICS = ("accuracy", "f1", "rougeL", "exact_match")


@dataclass(frozen=True)
class RunSummary:
    """A run on one line. What it has not written yet is None; scores are of the primary metric over all tasks."""

    path: Path
    state: str  # running, finished, trained (no report yet) or interrupted
    model: str | None = None
    method: str | None = None
    step: int | None = None
    num_steps: int | None = None
    seconds: float | None = None
    started_at: str | None = None
    metric: str | None = None
    base: float | None = None
    tuned: float | None = None
    verdict: str | None = None
    problem: str | None = None  # why the folder cannot be read in full

    def to_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "path": str(self.path)}


def list_runs(root: str | os.PathLike[str]) -> list[RunSummary]:
    """Every run at, in or one folder below ``root``, oldest first. Raises `DataError` when it is no folder."""
    root = Path(root)
    if not root.exists():
        raise missing_path(root)
    if not root.is_dir():
        raise DataError(f"{root}: is a file. Name the folder the runs lie in.")
    folders = [
        root,
        *(file.parent for pattern in ("*/recipe.yaml", "*/*/recipe.yaml") for file in sorted(root.glob(pattern))),
    ]
    found = [summarize_run(Run(folder)) for folder in folders if Run(folder).exists()]
    return sorted(found, key=lambda run: (run.started_at or "", str(run.path)))


def summarize_run(run: Run) -> RunSummary:
    """One run as `list_runs` tells it. A damaged file is told in ``problem``, never raised."""
    state = "running" if run.is_running() else "interrupted"
    try:
        facts = _facts(run)
    except (DataError, UsageError, AttributeError, TypeError) as error:
        return RunSummary(run.path, state, problem=str(error).splitlines()[0])
    finished = facts.pop("finished_at") is not None
    if state != "running" and (finished or run.training_file.exists()):
        state = "finished" if finished else "trained"
    return RunSummary(run.path, state, **facts)


def _facts(run: Run) -> dict[str, Any]:
    recipe, training, told = run.recipe, _json_or_empty(run.training_file), _json_or_empty(run.provenance_file)
    steps = [row["step"] for row in run.read_metrics() if isinstance(row.get("step"), int)]
    return {
        "model": recipe.model.name_or_path,
        "method": recipe.adapter.method,
        "step": training.get("num_steps", max(steps, default=None)),
        "num_steps": training.get("num_steps"),
        "seconds": training.get("seconds"),
        "started_at": told.get("started_at"),
        "finished_at": told.get("finished_at"),
        **_scores(_json_or_empty(run.summary_file)),
    }


def _scores(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Base and tuned on the metric a run is judged by."""
    overall = summary.get("overall", {})
    metric = next(
        (name for name in (summary.get("primary_metric"), *PRIMARY_METRICS, *overall) if name in overall), None
    )
    if metric is None:
        return {}
    verdicts = [
        row["verdict"]
        for row in summary.get("comparisons", [])
        if {row["a"], row["b"]} == {"tuned", "base"} and (row["task"], row["metric"]) == ("overall", metric)
    ]
    value = {system: score.get("value") for system, score in overall[metric].items()}
    return {
        "metric": metric,
        "base": value.get("base"),
        "tuned": value.get("tuned"),
        "verdict": next(iter(verdicts), None),
    }


def _json_or_empty(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}
