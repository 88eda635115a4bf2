"""Base and tuned on the same samples, with the baselines that show whether a figure means anything."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunesmith.curation.sources import read_records
from tunesmith.errors import UsageError
from tunesmith.evaluation.baselines import majority_answer, nearest_example
from tunesmith.evaluation.runner import Sample, answer_samples, samples_from_records
from tunesmith.evaluation.summary import summarize
from tunesmith.files import Pathlike
from tunesmith.lm import Completion, Sampling
from tunesmith.model.generate import LocalModel
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import EvaluateSection, ModelSection, Recipe
from tunesmith.records import Record
from tunesmith.rendering.fewshot import ShotPool, choose_shots
from tunesmith.run import Run
from tunesmith.workflows.opening import explained_memory, fair_template, model_sha256, open_model

Samples = Mapping[str, Sequence[Sample]]


def compare_base_and_tuned(
    recipe: Recipe, run: Run, train: Sequence[Record], test: Sequence[Record], console: Progress
) -> dict[str, Any] | None:
    """Answer the test samples with base, tuned and baselines, and write ``eval/``; None where there is nothing to ask.

    Answers that are there already are kept, so an interrupted comparison goes on where it stopped. The base is asked with
    its own chat template where it has one, else with the recipe's; both stop at the same strings and see as many worked
    examples as the tuned model was trained with. ``evaluate.base_num_shots`` adds the base with more of them.
    """
    samples = load_samples(recipe.evaluate, test, seed=recipe.data.seed, console=console)
    if not samples:
        console.notice("Nothing to compare on: data.test_fraction is 0 and evaluate.tasks is empty.")
        return None
    asker = Asker(recipe.evaluate, samples, train, run.eval_dir, recipe.data.seed, console)
    stop = _ask_base(recipe, asker)
    gc.collect()
    _ask_tuned(recipe, run, asker, stop)
    asker.ask_baselines()
    metric = recipe.evaluate.metric
    summary = summarize(run.eval_dir, systems=asker.systems, tasks=samples, seed=recipe.data.seed, metric=metric)
    tell_other_metric(metric, summary, console)
    return summary


def tell_other_metric(wanted: str | None, summary: Mapping[str, Any], console: Progress) -> None:
    """Warn where the headline is not of the metric asked for: accuracy and macro-F1 need a task with labels."""
    if wanted not in (None, summary["primary_metric"]):
        console.warn(f"No task has {wanted}, so the headline is {summary['primary_metric']}.")


def load_samples(
    section: EvaluateSection, test: Sequence[Record], *, seed: int, console: Progress = SilentProgress()
) -> dict[str, list[Sample]]:
    """The run's own test split and the files of ``evaluate.tasks``, by task; a file's tasks carry its name."""
    own = samples_from_records(test, max_samples=section.max_samples, seed=seed)
    of_files = file_samples(section.tasks, console, max_samples=section.max_samples, seed=seed)
    twice = sorted(own.keys() & of_files.keys())
    if twice:
        where = of_files[twice[0]][0].source.rpartition(":")[0]
        raise UsageError(f"{where}: the run's own test split has a task called {twice[0]} too. Rename the file.")
    return {**own, **of_files}


def file_samples(
    paths: Sequence[Pathlike],
    console: Progress,
    *,
    columns: Mapping[str, str] | None = None,
    max_samples: int | None = None,
    seed: int = 0,
) -> dict[str, list[Sample]]:
    """The questions of test files, each file a group: its tasks are called STEM/TASK, or STEM where it names none.

    ``columns`` says what the columns are where they are not recognized.

    Raises:
        UsageError: a file, or a task, is named twice.
    """
    seen: dict[str, Path] = {}
    for path in map(Path, paths):
        other = seen.setdefault(_group_name(path), path)
        if other is not path and other.resolve() == path.resolve():
            raise UsageError(f"{path}: named twice among the tasks, so its samples would count double. Name it once.")
        if other is not path:
            raise UsageError(f"{path}: gives a task the same name as {other} does. Rename one of the files.")
    samples: dict[str, list[Sample]] = {}
    for path in map(str, paths):
        records = _records_of(path, console, columns)
        samples |= samples_from_records(records, group=_group_name(Path(path)), max_samples=max_samples, seed=seed)
    return samples


def _records_of(path: str, console: Progress, columns: Mapping[str, str] | None) -> list[Record]:
    """The records of one file; what cannot be asked is told."""
    found, drops, report = read_records(path, require_answer=True, columns=columns)
    if drops:
        reasons = ", ".join(
            f"{reason} {count}" for reason, count in Counter(drop.reason for drop in drops).most_common()
        )
        counts = f"{report.rows_in:,} rows in = {report.kept:,} kept + {report.dropped.total():,} dropped"
        console.warn(f"{path}: {counts} ({reasons}), the first at {drops[0].source}")
    return found


def _group_name(path: Path) -> str:
    return path.name.split(".")[0]


class Asker:
    """Asks one system after another the same samples, and remembers their names in order."""

    def __init__(
        self,
        section: EvaluateSection,
        samples: Samples,
        train: Sequence[Record],
        eval_dir: Path,
        seed: int,
        console: Progress,
    ):
        self.section, self.samples, self.train, self.eval_dir = section, samples, train, eval_dir
        self.seed, self.console, self.systems = seed, console, []
        self.pool = ShotPool.of(train)

    def ask(self, system: str, model: LocalModel, *, num_shots: int, stop: Sequence[str], identity: str) -> None:
        """Answers of a model with so many worked examples from the training records before each request."""
        sampling = Sampling(max_new_tokens=self.section.max_new_tokens, stop=tuple(stop))

        def answer(asked: Sequence[Sample]) -> list[Completion]:
            shots = [self._shots(sample, num_shots) for sample in asked]
            conversations = [sample.prompt for sample in asked]
            tools = [sample.tools for sample in asked]
            with explained_memory():
                return model.generate(conversations, sampling, tools=tools, shots=shots, on_done=bar.advance)

        with self._bar(f"Asking {system}") as bar:
            identity = f"{identity}, {num_shots} shots, template {model.template.source}"
            answer_samples(system, answer, self.samples, sampling, self.eval_dir, identity=identity)
        self.systems.append(system)

    def ask_baselines(self) -> None:
        """Answers no model is needed for: each task's most frequent one, and the nearest training record's."""
        seen = hashlib.sha256("".join(sorted(record.content_sha256 + record.task for record in self.train)).encode())
        for name, make in (("majority_answer", majority_answer), ("nearest_example", nearest_example)):
            function: Callable = make(self.train)
            answer_samples(name, function, self.samples, Sampling(), self.eval_dir, identity=seen.hexdigest())
            self.systems.append(name)

    def _shots(self, sample: Sample, num_shots: int) -> tuple[Record, ...]:
        record = Record(sample.id, sample.prompt, task=sample.family, source=sample.source)
        return choose_shots(record, self.pool, num_shots, seed=self.seed) if num_shots else ()

    def _bar(self, text: str):
        return self.console.bar(text, sum(len(asked) for asked in self.samples.values()), "sample")


def _ask_base(recipe: Recipe, asker: Asker) -> tuple[str, ...]:
    """Ask the base; returns the strings at which every system of the comparison stops."""
    as_it_is = recipe.model.model_copy(update={"add_tokens": ()})
    opened = open_model(as_it_is, recipe.template.name, console=asker.console, batch_size=recipe.evaluate.batch_size)
    base = replace(opened, template=fair_template(opened.loaded, opened.template))
    stop, identity = opened.template.stop_strings, model_sha256(recipe.model)
    asker.ask("base", base, num_shots=recipe.template.num_shots, stop=stop, identity=identity)
    for num_shots in recipe.evaluate.base_num_shots:
        if num_shots not in (0, recipe.template.num_shots):
            asker.ask(f"base_{num_shots}_shot", base, num_shots=num_shots, stop=stop, identity=identity)
    return stop


def _ask_tuned(recipe: Recipe, run: Run, asker: Asker, stop: tuple[str, ...]) -> None:
    """Ask the tuned model as it lies on disk: what is judged is what is shipped."""
    section = ModelSection(name_or_path=str(run.model_dir), trust_remote_code=recipe.model.trust_remote_code)
    tuned = open_model(section, "own", console=asker.console, batch_size=recipe.evaluate.batch_size)
    asker.ask("tuned", tuned, num_shots=recipe.template.num_shots, stop=stop, identity=model_sha256(section))
