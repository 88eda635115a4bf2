"""The loss of each task over the steps of training, where a run told them apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from tunesmith.report.charts import Axis, Point, fit_axis
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.text import is_number

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
            Figure(self._num_records.get(task), f"data/train.jsonl (records of {task or NO_TASK})"),
            weight if weight.known else Figure(1.0, origin),
            points["loss"],
            points["validation_loss"],
        )

    @cached_property
    def _num_records(self) -> Counter[str]:
        return Counter(str(row.at("task").value or "") for row in self.run.rows("data/train.jsonl"))

    @property
    def are_weighed(self) -> bool:
        """Whether some tasks count more than others."""
        return bool(self.run.recipe.at("train", "task_weights").entries())

    @property
    def num_untold(self) -> int:
        """Tasks of the training records whose losses were not told apart: the smallest of very many."""
        return len(set(self._num_records) - {"" if row.name == NO_TASK else row.name for row in self.rows})

    @property
    def across(self) -> Axis:
        """The steps, the same for every task."""
        steps = [step.value for row in self.rows for step, _ in (*row.train, *row.validation)]
        return Axis(min(steps), max(max(steps), min(steps) + 1), ())

    @property
    def up(self) -> Axis:
        """The losses, the same for every task."""
        return fit_axis([loss.value for row in self.rows for _, loss in (*row.train, *row.validation)], from_zero=False)
