"""Asking while a model is trained: some questions of the suites every so many steps, into the same curves as the loss."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from torch import nn

from tunesmith.errors import TrainingError, did_you_mean
from tunesmith.evaluation.lines import Line
from tunesmith.evaluation.measurements import choose_metrics, measure_task
from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.runner import samples_from_records, scored_lines
from tunesmith.evaluation.suites import Context, Tasks, askable, choose_suites
from tunesmith.evaluation.suites.suite import OWN, choose_evenly
from tunesmith.evaluation.task_kinds import primary_metric, task_kind
from tunesmith.lm import Completion
from tunesmith.model.generate import LocalModel
from tunesmith.progress import Progress
from tunesmith.recipe import EvaluateSection, Recipe
from tunesmith.records import Record
from tunesmith.run import Run
from tunesmith.training.checkpoint import generator_tensors, restore_generators
from tunesmith.workflows.asking import Asker, Questions, System

PREFIX = "eval_"
"""Of the keys in metrics.jsonl: eval_SUITE_METRIC."""
TOLD = {
    "consistency": ("worst_of_k", "mean_of_k", "agreement"),
    "instructions": ("prompt_level_strict", "inst_level_strict"),
    "general": ("bits_per_byte",),
}
"""The metrics a suite tells during training; of any other its primary one, the recipe's, and F1, which moves first."""


@dataclass
class DuringTraining:
    """Asks the model that is being trained, and leaves no trace in it: weights, mode and random numbers stay.

    Attributes:
        best_by: the key whose value decides which weights are kept, or None.
    """

    opened: LocalModel
    questions: dict[str, Tasks]
    metrics: dict[str, tuple[str, ...]]
    asker: Asker
    run: Run
    run_code: bool = False
    num_shots: int = 0
    best_by: str | None = None

    def __call__(self, step: int, forward: nn.Module) -> float | None:
        """Append a line to metrics.jsonl; gives the score to keep weights by, higher is better."""
        started = time.perf_counter()
        with _as_it_was(forward):
            values = self.measure(forward.model)
        self.run.append_metrics({"step": step, **values, f"{PREFIX}seconds": round(time.perf_counter() - started, 3)})
        value = values.get(self.best_by) if self.best_by is not None else None
        return value if value is None or is_higher_better(self.best_by) else -value

    def measure(self, model: nn.Module) -> dict[str, float | None]:
        """Each metric of each suite, a mean over the suite's tasks; None where it is undefined."""
        asked = replace(self.opened, loaded=replace(self.opened.loaded, model=model))
        system = System("during", asked, "", self.opened.template.stop_strings, self.num_shots)
        values: dict[str, float | None] = {}
        for suite, tasks in self.questions.items():
            answers = {task: self.asker.answers(system, samples) for task, samples in tasks.items()}
            lines = {
                task: scored_lines(samples, answers[task], run_code=self.run_code) for task, samples in tasks.items()
            }
            values |= _values(suite, lines, self.metrics[suite])
        return values


def during_training(
    opened: LocalModel,
    train: Sequence[Record],
    validation: Sequence[Record],
    recipe: Recipe,
    run: Run,
    console: Progress,
) -> DuringTraining | None:
    """What the recipe asks for during training; None where it asks for nothing.

    The user's own questions are those of the validation records: what decides when to stop must not be what is tested on.

    Raises:
        TrainingError: the metric to keep weights by is none that will be measured.
    """
    section, seed = recipe.evaluate, recipe.data.seed
    if section.every_steps is None:
        return None
    own = choose_evenly(samples_from_records(validation, seed=seed), section.during_samples, seed) if validation else {}
    suites = [suite for suite in choose_suites(section.suites)[0] if suite.num_shots is None]
    # Another seed than afterwards, so that freshly made prompts are others than those of the test.
    context = Context(own, train, section, seed + 1, section.during_samples, tell=console.notice)
    questions = {suite.name: tasks for suite, tasks in askable(suites, context)}
    if not questions:
        console.notice("evaluate.every_steps: there is nothing to ask during training without validation records.")
        return None
    room = {
        task: suite.max_new_tokens for suite in suites for task in questions.get(suite.name, ()) if suite.max_new_tokens
    }
    asker = Asker(section, Questions(max_new_tokens=room), train, run.eval_dir, seed, console)
    metrics = {name: _told(name, tasks, section) for name, tasks in questions.items()}
    best_by = _key_of(recipe.train.metric_for_best_model, metrics)
    num = sum(len(samples) for tasks in questions.values() for samples in tasks.values())
    console.say(f"Every {section.every_steps:,} steps {num:,} questions are asked ({', '.join(questions)})")
    return DuringTraining(opened, questions, metrics, asker, run, section.run_code, recipe.template.num_shots, best_by)


def is_higher_better(key: str) -> bool:
    """Which way a value of a line of metrics.jsonl is better."""
    return METRICS[_metric_of(key)].higher_is_better


def _metric_of(key: str) -> str:
    return next(name for name in sorted(METRICS, key=len, reverse=True) if key.endswith(f"_{name}"))


def _told(suite: str, tasks: Tasks, section: EvaluateSection) -> tuple[str, ...]:
    """The metrics of a suite that have a value here: tried out on empty answers."""
    if suite in TOLD:
        return TOLD[suite]
    lines = [
        scored_lines(samples, [Completion("", "stop")] * len(samples), run_code=section.run_code)
        for samples in tasks.values()
    ]
    wanted = [
        primary_metric([task_kind(found) for found in lines]),
        *([section.metric] if section.metric else []),
        "f1",
    ]
    defined = {name for found in lines for name in choose_metrics(found, wanted)}
    return tuple(name for name in METRICS if name in defined)


def _key_of(name: str | None, metrics: Mapping[str, Sequence[str]]) -> str | None:
    """The key that the recipe names: with or without its prefix, and without the suite where that is ``own``."""
    if name is None:
        return None
    keys = [f"{PREFIX}{suite}_{metric}" for suite, told in metrics.items() for metric in told]
    for key in (name, PREFIX + name, f"{PREFIX}{OWN}_{name}"):
        if key in keys:
            return key
    short = [key.removeprefix(PREFIX) for key in keys]
    near = did_you_mean(name, short) or f" There are: {', '.join(short)}."
    raise TrainingError(f"train.metric_for_best_model: {name} is not measured during training.{near}")


def _values(suite: str, lines: Mapping[str, Sequence[Line]], metrics: Sequence[str]) -> dict[str, float | None]:
    found: dict[str, list[float]] = {name: [] for name in metrics}
    for answered in lines.values():
        for measurement in measure_task({"during": answered}, metrics)[0]:
            rows = measurement.rows["during"]
            found[measurement.metric.name].append(float(measurement.score(rows.sum(axis=0))))
    return {f"{PREFIX}{suite}_{name}": sum(values) / len(values) if values else None for name, values in found.items()}


@contextmanager
def _as_it_was(forward: nn.Module):
    """Everything in evaluation mode; afterwards every module in its own mode again, and every generator where it was."""
    modes = [(module, module.training) for module in forward.modules()]
    generators = generator_tensors()
    forward.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        restore_generators(generators)
