"""The facts of a run, gathered from its folder: what the page and the Markdown are both written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.systems import TUNED, Pair
from tunesmith.lm import FAILED
from tunesmith.report.areas import Area, Curve, read_areas, read_curve
from tunesmith.report.charts import Axis, Interval, Role, fit_axis
from tunesmith.report.data import DataFacts
from tunesmith.report.examples import Examples, FamilyAnswers, read_examples
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.funnel import Funnel
from tunesmith.report.ledgers import Ledgers
from tunesmith.report.losses import Losses
from tunesmith.report.results import Result, Results, format_system, read_results
from tunesmith.report.samples import Samples, read_curve_samples, read_samples
from tunesmith.report.sources import FileNote, missing_of, sources_of
from tunesmith.report.splits import Family, Row, Split, columns_of, cross_splits, name_known, read_splits
from tunesmith.report.text import is_number

TROUBLES = (
    ("failed, counted as wrong", "num_failed"),
    ("had no room for an answer", "num_too_long"),
    ("cut at the length limit", "num_cut"),
    ("empty", "num_empty"),
)
State = Literal["trained", "interrupted", "evaluated only", "prepared"]
TRAINING_SETTINGS = (
    "packing", "gradient_checkpointing", "freeze", "label_smoothing_factor", "neftune_noise_alpha", "ema_decay",
    "weight_decay",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Everything the report says, each number a `Figure` that knows its file."""

    run: RunFolder

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def title(self) -> str:
        """What the folder is called: a run, or an evaluation of models that were not tuned here."""
        return "run report" if self.is_run else "evaluation"

    @property
    def place(self) -> str:
        """The run as it is named on a command line from where `tunesmith` keeps its runs."""
        parent = self.run.path.resolve().parent.name
        return f"{parent}/{self.name}" if parent == "runs" else self.name

    @cached_property
    def state(self) -> State:
        """How far the run has come."""
        if self.run.training.known:
            return "trained"
        if self.run.metrics:
            return "interrupted"
        return "evaluated only" if self.run.summary.known else "prepared"

    # ── data ──

    @cached_property
    def data(self) -> DataFacts:
        """What the records are like."""
        return DataFacts(self.run.profile, self.run.funnel)

    @cached_property
    def funnel(self) -> Funnel:
        """What came in and what was left out."""
        return Funnel(self.run, self.data)

    @cached_property
    def ledgers(self) -> Ledgers:
        """What the model saw of the records."""
        return Ledgers(self.run)

    # ── training ──

    @property
    def trained_share(self) -> Figure:
        trained, every = self.run.training.at("num_trainable_parameters"), self.run.training.at("num_parameters")
        return share(trained, every)

    @property
    def last_step(self) -> Figure:
        return self.run.metrics[-1].at("step") if self.run.metrics else Figure(None, "metrics.jsonl")

    @cached_property
    def losses(self) -> Losses:
        """Losses and scores by step."""
        return Losses(self.run)

    @property
    def training_settings(self) -> list[tuple[str, Figure]]:
        """(name, value) of what is not always used, where it was."""
        known = [(name.replace("_", " "), self.run.recipe.at("train", name)) for name in TRAINING_SETTINGS]
        return [(name, value) for name, value in known if value.value not in (None, False, 0, [], {})]

    # ── evaluation ──

    @cached_property
    def results(self) -> Results | None:
        return read_results(self.run.summary)

    @cached_property
    def examples(self) -> Examples | None:
        return read_examples(self.run, self.results)

    @cached_property
    def areas(self) -> list[Area]:
        """What was asked beside the questions of the verdict, area by area."""
        return read_areas(self.run, self.results)

    @cached_property
    def curve(self) -> Curve | None:
        """The scores over the number of worked examples."""
        return read_curve(self.run)

    @property
    def is_of_tuning(self) -> bool:
        """Whether the verdict is about a tuned model; else models are compared that were not tuned here."""
        return self.results is not None and self.results.focus == TUNED

    @property
    def own_tasks(self) -> list[str]:
        """The tasks of the questions of the verdict."""
        return [result.task for result in self.results.tasks] if self.results is not None else []

    @property
    def asked_above(self) -> set[str]:
        """The areas that are themselves the questions of the verdict, as where a suite alone was asked."""
        return {group.name for group in self.results.groups} if self.results is not None else set()

    @property
    def worse_areas(self) -> list[Area]:
        """The areas that got worse."""
        return [area for area in self.areas if area.verdict == "worse"]

    @cached_property
    def samples(self) -> Samples | None:
        """Every sample with its answers, as far as they fit on a page."""
        return read_samples(self.run, self.results)

    @cached_property
    def curve_samples(self) -> Samples | None:
        """The samples behind the curve over worked examples: the first system with ever more of them, then the next."""
        if self.curve is None:
            return None
        names = [f"{name}_{k}_shot" if k else name for name in self.curve.systems for k in self.curve.numbers]
        return read_curve_samples(self.run, names, self.results)

    @property
    def pairs(self) -> list[tuple[Pair, Figure, Figure]]:
        """(a, b), its comparison over all tasks and the score of b, of each pair where one system is held against
        several; nothing where only one is."""
        if self.results is None:
            return []
        rows = self.run.summary.at("comparisons").items()
        metric = self.results.metric
        found = [row for row in rows if (row.at("task").value, row.at("metric").value) == (OVERALL, metric)]
        focuses = {row.at("b").value for row in found}
        scores = self.run.summary.at("overall", metric)
        pairs = [((row.at("a").value, row.at("b").value), row, scores.at(row.at("b").value)) for row in found]
        return pairs if len(focuses) > 1 else []

    @property
    def verdict(self) -> str | None:
        return self.results.overall.verdict if self.results is not None else None

    @cached_property
    def num_records_of(self) -> dict[str, Figure] | None:
        """Training records of each family; None where they name no task of the test."""
        counts = self.run.num_records_of
        known = {task: Figure(n, f"data/train.jsonl (records of {task})") for task, n in counts.items() if task}
        return known if self.results is not None and name_known(self.results, known) else None

    @cached_property
    def splits(self) -> list[Split]:
        """The test files, and the run's own test split, each with its families."""
        return read_splits(self.results, self.num_records_of) if self.results is not None else []

    @property
    def untrained(self) -> set[str]:
        """The families that were never trained, as far as can be told."""
        return {family.name for split in self.splits for family in split.untrained}

    @property
    def has_learned(self) -> bool:
        """Whether any family that was trained is shown to be learned."""
        return any(split.num_learned.value for split in self.splits)

    @property
    def families_with_answers(self) -> list[FamilyAnswers]:
        """The lowest score first; those never trained after all others."""
        return sorted(self.examples.families, key=lambda family: family.name in self.untrained)

    @property
    def wide_splits(self) -> list[Split]:
        """The splits that are more than one task, and are told one by one."""
        return [split for split in self.splits if len(split.families) > 1]

    @property
    def single_families(self) -> list[Family]:
        """Those that are alone in their test file, told together, and called after it."""
        single = [split for split in self.splits if len(split.families) == 1]
        return [replace(split.families[0], name=split.title_of(split.families[0])) for split in single]

    @cached_property
    def family_rows(self) -> list[Row]:
        """Families across the splits, where there are several of both."""
        return cross_splits(self.wide_splits, self.results.focus) if self.results is not None else []

    @property
    def score_columns(self) -> list[tuple[str, list[str]]]:
        return columns_of(self.results)

    @property
    def compared_systems(self) -> list[str]:
        """Every system that the focus was held against."""
        return [system for system in self.results.systems if system in self.results.overall.against]

    @property
    def signatures(self) -> list[tuple[str, Figure]]:
        """How each family of metrics was computed; one line per way, where tasks differ."""
        found = [
            (name, line)
            for task in self.run.summary.at("tasks").items()
            for name, line in task.at("signatures").entries()
        ]
        return sorted(
            {(name, line.value): (name, line) for name, line in reversed(found)}.values(),
            key=lambda pair: (pair[0], str(pair[1].value)),
        )

    def score_axis(self, results: list[Result], systems: list[str]) -> Axis:
        """One axis for the scores of some systems in some results."""
        scores = [result.scores[system] for result in results for system in systems if system in result.scores]
        ends = [score.at(end).value for score in scores for end in ("value", "low", "high")]
        return fit_axis([end for end in ends if is_number(end)] or [0.0, 1.0], from_zero=True)

    def intervals(self, result: Result, systems: list[str]) -> list[Interval]:
        """The scores of some systems, for a plot."""
        known = [(system, result.scores[system]) for system in systems if system in result.scores]
        return [
            Interval(self.role(system), system, *(score.at(end).value for end in ("value", "low", "high")))
            for system, score in known
        ]

    def role(self, system: str) -> Role:
        """What a system is in this report, which decides its color."""
        return "focus" if system == self.results.focus else "rival" if system == self.results.rival else "other"

    @property
    def legend(self) -> list[tuple[Role, str]]:
        """(role, whose color it is) of the bars and marks of the families."""
        names: dict[Role, list[str]] = {}
        for system in self.results.systems:
            names.setdefault(self.role(system), []).append(format_system(system))
        told = {"focus": "bar, with its 95% interval as a line: ", "rival": "mark: ", "other": "marks: "}
        return [(role, told[role] + "; ".join(found)) for role, found in names.items()]

    @property
    def main_systems(self) -> list[str]:
        """The focus, and its rival where there is one."""
        return [system for system in (self.results.focus, self.results.rival) if system is not None]

    def answers_of(self, system: str) -> Figure:
        """``{"n", "num_cut", "num_empty", …}`` of a system's answers."""
        return self.run.summary.at("answers", system)

    def troubles_of(self, system: str) -> list[tuple[str, Figure]]:
        """(what, how many) of a system's answers that are not what it would have said."""
        found = [(words, self.answers_of(system).at(name)) for words, name in TROUBLES]
        return [(words, count) for words, count in found if count.value]

    @cached_property
    def _failed(self) -> Counter[tuple[str, str]]:
        """(system, task) → answers that failed."""
        return Counter(
            (system, str(row.at("task").value))
            for system in self.run.systems
            for row in self.run.answers(system)
            if row.at("finish_reason").value == FAILED
        )

    def num_failed(self, tasks: Iterable[str], systems: Iterable[str]) -> list[tuple[str, Figure]]:
        """(system, how many of its answers to the tasks failed), of those systems of which some did."""
        tasks = list(tasks)
        told = [(system, sum(self._failed[system, task] for task in tasks)) for system in systems]
        return [
            (system, Figure(count, f"eval/{system}/ (failed answers to {', '.join(tasks)})"))
            for system, count in told
            if count
        ]

    # ── files ──

    @cached_property
    def files(self) -> list[FileNote]:
        """The files of this run the report was written from, in the order of the report."""
        return sources_of(self.run)

    @property
    def is_run(self) -> bool:
        """Whether something was trained here, or is to be; else it is an evaluation alone."""
        run = self.run
        return bool(run.recipe.known or run.training.known or run.provenance.known or run.metrics or run.funnel.known)

    @property
    def missing_files(self) -> list[str]:
        return missing_of(self.run) if self.is_run else []


def share(part: Figure, whole: Figure) -> Figure:
    """Part of a whole as a figure; unknown where either is unknown or the whole is nothing."""
    known = is_number(part.value) and is_number(whole.value) and whole.value > 0
    return Figure(part.value / whole.value if known else None, f"{part.origin} (divided by {whole.origin})")
