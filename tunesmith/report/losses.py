"""What training wrote down by step: losses, those of each task, and the scores of evaluations on the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.suites.suite import OWN, SUITES
from tunesmith.report.charts import Axis, Point, Series, fit_axis, fit_steps
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.text import format_count, format_number, is_number

DURING = "eval_"
"""What the keys of evaluations during training begin with in metrics.jsonl."""
NO_TASK = "(no task)"


@dataclass(frozen=True)
class TaskLoss:
    """What training said of one task: its records, how much its tokens weigh, and its losses as (step, value)."""

    name: str
    num_records: Figure
    weight: Figure
    train: list[Point]
    validation: list[Point]

    @property
    def last(self) -> float:
        """The loss it ended with: the validation's where there is one."""
        return (self.validation or self.train)[-1][1].value


@dataclass(frozen=True)
class TaskLosses:
    """The tasks of a run, the highest loss first."""

    run: RunFolder

    @cached_property
    def rows(self) -> list[TaskLoss]:
        told = sorted({task for row in self.run.metrics for task, _ in row.at("task_losses").entries()})
        found = [self._of(task) for task in told]
        return sorted((task for task in found if task.train or task.validation), key=lambda task: -task.last)

    def _of(self, task: str) -> TaskLoss:
        points = {
            kind: [
                (row.at("step"), row.at("task_losses", task))
                for row in self.run.metrics
                if kind in row.value
                and is_number(row.at("task_losses", task).value)
                and is_number(row.at("step").value)
            ]
            for kind in ("loss", "validation_loss")
        }
        weight = self.run.recipe.at("train", "task_weights", task)
        origin = f"recipe.yaml (train.task_weights does not name {task})"
        return TaskLoss(
            task or NO_TASK,
            Figure(self.run.num_records_of.get(task), f"data/train.jsonl (records of {task or NO_TASK})"),
            weight if weight.known else Figure(1.0, origin),
            points["loss"],
            points["validation_loss"],
        )

    @property
    def are_weighed(self) -> bool:
        """Whether some tasks count more than others."""
        return bool(self.run.recipe.at("train", "task_weights").entries())

    @property
    def num_untold(self) -> int:
        """Tasks of the training records whose losses were not told apart: the smallest of very many."""
        return len(set(self.run.num_records_of) - {"" if row.name == NO_TASK else row.name for row in self.rows})

    @property
    def across(self) -> Axis:
        """The steps, the same for every task."""
        return fit_steps([Series(row.name, points) for row in self.rows for points in (row.train, row.validation)])

    @property
    def up(self) -> Axis:
        """The losses, the same for every task."""
        return fit_axis([loss.value for row in self.rows for _, loss in (*row.train, *row.validation)], from_zero=False)


@dataclass(frozen=True)
class During:
    """A score that was measured every so many steps, on a part of the questions.

    Attributes:
        suite: what was asked, in words.
        title: the metric, in words.
        note: which way it is better.
    """

    suite: str
    title: str
    note: str
    points: list[Point]


@dataclass(frozen=True)
class Losses:
    """The curves of a run, each point with its line of metrics.jsonl."""

    run: RunFolder

    @property
    def known(self) -> bool:
        return bool(self.train or self.validation)

    def points(self, name: str) -> list[Point]:
        """(step, value) of every line of metrics.jsonl that has both."""
        pairs = [(row.at("step"), row.at(name)) for row in self.run.metrics]
        return [(step, figure) for step, figure in pairs if is_number(step.value) and is_number(figure.value)]

    @cached_property
    def train(self) -> list[Point]:
        return self.points("loss")

    @cached_property
    def validation(self) -> list[Point]:
        return self.points("validation_loss")

    @cached_property
    def tasks(self) -> TaskLosses:
        return TaskLosses(self.run)

    @cached_property
    def during(self) -> list[During]:
        """What was evaluated every so many steps of the training, in the order it was written down."""
        names = dict.fromkeys(key for row in self.run.metrics for key in row.value if key.startswith(DURING))
        told = [(name, self.points(name)) for name in names if name != f"{DURING}seconds"]
        return [_during(name.removeprefix(DURING), points) for name, points in told if points]

    @property
    def steps(self) -> Axis | None:
        """The steps of every curve, so that curves below each other can be held against each other."""
        curves = [self.train, self.validation, *(found.points for found in self.during)]
        return fit_steps([Series("", points) for points in curves]) if any(curves) else None

    def lowest(self, points: list[Point]) -> Point:
        return min(points, key=lambda point: point[1].value)

    @cached_property
    def quarters(self) -> list[Point]:
        """The mean training loss of each quarter of the run, for a run of at least 16 logged steps."""
        size = len(self.train) // 4
        quarters = [self.train[-size * k : len(self.train) - size * (k - 1)] for k in (4, 3, 2, 1)] if size >= 4 else []
        origin = "metrics.jsonl (mean loss over a quarter of the steps)"
        return [(part[-1][0], Figure(fmean(loss.value for _, loss in part), origin)) for part in quarters]

    @property
    def best_mark(self) -> tuple[float, str] | None:
        """The step whose weights were best, and by what."""
        best, metric = self.run.training.at("best_step").value, self.best_by
        told = self.validation if metric is None else self.during
        why = "lowest validation loss" if metric is None else f"best {metric.replace('_', ' ')}"
        return (best, f"step {format_count(best)}: {why}") if is_number(best) and told else None

    @property
    def best_by(self) -> str | None:
        """The metric that decided which weights were best; None where that was the validation loss."""
        return self.run.recipe.at("train", "metric_for_best_model").value

    @property
    def label(self) -> str:
        """The loss curves in a sentence, for screen readers."""
        told = [
            (name, points) for name, points in (("training", self.train), ("validation", self.validation)) if points
        ]
        parts = [
            f"{name} loss from {format_number(points[0][1].value)} to {format_number(points[-1][1].value)}"
            for name, points in told
        ]
        return "Loss by step: " + ", ".join(parts)


def _during(name: str, points: list[Point]) -> During:
    """What a key such as ``instructions_prompt_level_strict`` names: the suite, then the metric."""
    metric = next((known for known in sorted(METRICS, key=len, reverse=True) if name.endswith(f"_{known}")), None)
    if metric is None:
        return During("", name.replace("_", " "), "", points)
    suite = name.removesuffix(f"_{metric}")
    titles = {name: SUITES.get(name).title for name in SUITES.names()} | {OWN: "your own questions"}
    note = {True: "higher is better", False: "lower is better"}.get(METRICS[metric].higher_is_better, "")
    return During(titles.get(suite, suite), METRICS[metric].title, note, points)
