"""The facts of a run, gathered from its folder: what the page and the Markdown are both written from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean
from typing import Literal

from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.systems import TUNED, Pair
from tunesmith.report.areas import Area, Curve, read_areas, read_curve
from tunesmith.report.charts import Axis, Interval, Point, Role, fit_axis
from tunesmith.report.data import DataFacts
from tunesmith.report.examples import Examples, FamilyAnswers, read_examples
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.losses import TaskLosses
from tunesmith.report.results import Result, Results, format_system, read_results
from tunesmith.report.samples import Samples, read_samples
from tunesmith.report.splits import Family, Row, Split, columns_of, cross_splits, name_known, read_splits
from tunesmith.report.text import format_count, format_number, is_number, join_places

NUM_PLACES = 3
DURING = "eval_"
"""What the keys of evaluations during training begin with in metrics.jsonl."""
NOT_REJECTING = ("max_records", "mix", "render")
SPLITS = ("train", "validation", "test")
State = Literal["trained", "interrupted", "evaluated only", "prepared"]


@dataclass(frozen=True)
class DropReason:
    """Why records (or parts of rows) were left out at a stage, how many, where the first of them stand and what is said
    of the first."""

    stage: str
    reason: str
    count: Figure
    places: str
    detail: str
    is_part: bool


@dataclass
class _FirstDrops:
    """The first few ``path:line`` of a reason, and what the first drop says of itself."""

    places: list[str] = field(default_factory=list)
    detail: str = ""


@dataclass(frozen=True)
class FileNote:
    """A file of the run folder and what it is the source of."""

    path: str
    says: str


FILES = (
    FileNote("recipe.yaml", "every setting of the run, defaults written out"),
    FileNote("provenance.json", "versions, hardware, seeds, checksums of inputs, the command"),
    FileNote("data/funnel.json", "rows and records in and out of every stage"),
    FileNote("data/profile.json", "sources, licences, lengths, languages, personal data"),
    FileNote("data/dropped.jsonl", "every row left out, with its line and reason"),
    FileNote("data/changes.jsonl", "which records a stage rewrote"),
    FileNote("data/train.jsonl", "the records trained on"),
    FileNote("data/validation.jsonl", "the records of the validation loss"),
    FileNote("data/test.jsonl", "the records base and tuned were compared on"),
    FileNote("data/card.md", "the data in words"),
    FileNote("data/ledger.json", "tokens, supervised tokens, truncation"),
    FileNote("metrics.jsonl", "loss, learning rate and gradient norm per logged step"),
    FileNote("training.json", "parameters, steps, time, best step"),
    FileNote("eval/summary.json", "scores, intervals, comparisons, verdicts"),
)
FILES_OF_SUITES = (
    FileNote("eval/novelty.jsonl", "what is new about each test question to a model trained on the records"),
    FileNote("eval/shots/summary.json", "scores over the number of worked examples; the answers lie beside it"),
)


LEDGER_ROWS = (
    ("Records", "num_records", "count"),
    ("Examples made of them", "num_examples", "count"),
    ("Tokens", "num_tokens", "count"),
    ("Supervised tokens", "num_supervised_tokens", "count"),
    ("Supervised share", "supervised_share", "percent"),
    ("Median length", "median_length", "count"),
    ("Longest", "max_length", "count"),
    ("Stop token trained", "stop_token_supervised", "flag"),
    ("Truncated", "num_truncated", "count"),
    ("Answers cut", "num_answers_cut", "count"),
    ("Dropped", "num_dropped", "count"),
    ("Control tokens found in texts and defused", "num_escaped", "count"),
    ("Examples with fewer worked examples than asked for", "num_few_shots", "count"),
)
TRAINING_SETTINGS = (
    "packing", "gradient_checkpointing", "freeze", "label_smoothing_factor", "neftune_noise_alpha", "ema_decay",
    "weight_decay",
)  # fmt: skip
SHOWN_IF_ANY = ("num_escaped", "num_few_shots")


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
    def stages(self) -> list[Figure]:
        """The stages that took records in and gave records out, in order."""
        return [stage for stage in self.run.funnel.items() if stage.at("num_in").known]

    @cached_property
    def split(self) -> list[tuple[str, Figure]]:
        """(name, number of records) of each split, after the last stage that tells them."""
        told = [stage for stage in self.run.funnel.items() if stage.at("train").known]
        return [(name, told[-1].at(name)) for name in SPLITS] if told else []

    @property
    def rows_in(self) -> Figure:
        return self._first_stage.at("num_in")

    @property
    def num_kept(self) -> Figure:
        """Source rows that gave at least one record."""
        kept = self._first_stage.at("num_kept")
        return kept if kept.known else self._first_stage.at("num_out")

    @property
    def num_rows_dropped(self) -> Figure:
        return self._first_stage.at("num_dropped")

    @property
    def _first_stage(self) -> Figure:
        return self.stages[0] if self.stages else Figure(None, "data/funnel.json")

    @property
    def rows_add_up(self) -> bool:
        """Whether rows in = kept + dropped."""
        counts = [figure.value for figure in (self.rows_in, self.num_kept, self.num_rows_dropped)]
        return all(map(is_number, counts)) and counts[0] == counts[1] + counts[2]

    @cached_property
    def num_rejected(self) -> Figure:
        """Rows and records left out for what they are: not those too long, and not those nobody asked for."""
        stages = [stage for stage in self.stages if stage.at("stage").value not in NOT_REJECTING]
        counts = [stage.at("num_dropped").value or 0 for stage in stages]
        return Figure(
            sum(counts) if counts else None,
            f"data/funnel.json (sum of num_dropped, without {', '.join(NOT_REJECTING)})",
        )

    @cached_property
    def drop_reasons(self) -> list[DropReason]:
        """Every reason of every stage with its count, most frequent first within a stage; parts of rows last."""
        kinds = (("reasons", ""), ("part_reasons", " (parts of rows)"))
        return [
            DropReason(
                f"{stage.at('stage').value}{words}",
                str(reason),
                count,
                self._places_of(stage.at("stage").value, reason),
                self._detail_of(stage.at("stage").value, reason),
                bool(words),
            )
            for stage in self.stages
            for kind, words in kinds
            for reason, count in sorted(stage.at(kind).entries(), key=lambda entry: (-(entry[1].value or 0), entry[0]))
        ]

    @property
    def drop_examples(self) -> list[tuple[DropReason, list[Figure]]]:
        """Rows that were left out, by reason, masked."""
        stages = [stage.at("stage").value for stage in self.stages]
        known = [(drop, next((s for s in stages if drop.stage.startswith(s)), "")) for drop in self.drop_reasons]
        found = [(drop, self.data.examples_of(stage, drop.reason)) for drop, stage in known]
        return [(drop, examples) for drop, examples in found if examples]

    def _detail_of(self, stage: str, reason: str) -> str:
        return self._first_drops(stage, reason).detail

    def _places_of(self, stage: str, reason: str) -> str:
        """The first places of a drop, or an empty text."""
        return join_places(self._first_drops(stage, reason).places)

    def _first_drops(self, stage: str, reason: str) -> _FirstDrops:
        return self._drops.get((stage, reason)) or self._drops.get((None, reason)) or _FirstDrops()

    @cached_property
    def _drops(self) -> dict[tuple[str | None, str], _FirstDrops]:
        """By (stage, reason); the stage is None where the funnel does not know it."""
        known = {stage.at("stage").value for stage in self.stages}
        drops: dict[tuple[str | None, str], _FirstDrops] = {}
        for row in self.run.rows("data/dropped.jsonl"):
            stage, reason, source = (row.at(key).value for key in ("stage", "reason", "source"))
            found = drops.setdefault((stage if stage in known else None, reason), _FirstDrops())
            found.detail = found.detail or str(row.at("detail").value or "")
            if len(found.places) < NUM_PLACES and source and source not in found.places:
                found.places.append(str(source))
        return drops

    def changed_by(self, stage: Figure) -> Figure:
        """Number of records a stage rewrote; unknown for one that rewrites nothing."""
        return self.data.profile.at("changes", stage.at("stage").value, "num_changes")

    def bar_of(self, stage: Figure) -> list[tuple[str, float, str]]:
        """What a stage gave out, by split where it tells them, and what it dropped: parts of a bar."""
        splits = [(f"part-{name}", stage.at(name), name) for name in SPLITS if stage.at(name).known]
        parts = [*(splits or [("keep", stage.at("num_out"), "out")]), ("drop", stage.at("num_dropped"), "dropped")]
        return [
            (css_class, count.value or 0, f"{format_count(count.value)} {name}") for css_class, count, name in parts
        ]

    @property
    def funnel_scale(self) -> float:
        """The longest bar of the funnel, in records."""
        return max(sum(size for _, size, _ in self.bar_of(stage)) for stage in self.stages)

    @cached_property
    def data(self) -> DataFacts:
        """What the records are like."""
        return DataFacts(self.run.profile, self.run.funnel)

    def ledger_of(self, split: str) -> Figure:
        return self.run.ledger.at(split)

    @cached_property
    def ledgers(self) -> list[tuple[str, Figure]]:
        """(split, ledger) of each split that has records."""
        return [
            (split, self.ledger_of(split))
            for split in ("train", "validation")
            if self.ledger_of(split).at("num_records").value
        ]

    @property
    def has_validation(self) -> bool:
        """Whether there are records to measure a validation loss on."""
        return any(split == "validation" for split, _ in self.ledgers)

    @property
    def ledger_rows(self) -> list[tuple[str, str, str]]:
        """(title, key, format) of what the ledgers tell; what hardly ever happens only where it did."""
        return [
            row
            for row in LEDGER_ROWS
            if row[1] not in SHOWN_IF_ANY or any(ledger.at(row[1]).value for _, ledger in self.ledgers)
        ]

    @cached_property
    def ledger_reasons(self) -> list[str]:
        """Why records gave no tokens to train on, sorted."""
        return sorted({str(reason) for _, ledger in self.ledgers for reason, _ in ledger.at("dropped").entries()})

    # ── training ──

    @property
    def trained_share(self) -> Figure:
        trained, every = self.run.training.at("num_trainable_parameters"), self.run.training.at("num_parameters")
        return share(trained, every)

    @property
    def last_step(self) -> Figure:
        return self.run.metrics[-1].at("step") if self.run.metrics else Figure(None, "metrics.jsonl")

    def points(self, name: str) -> list[Point]:
        """(step, value) of every line of metrics.jsonl that has both."""
        pairs = [(row.at("step"), row.at(name)) for row in self.run.metrics]
        return [(step, figure) for step, figure in pairs if is_number(step.value) and is_number(figure.value)]

    @cached_property
    def during(self) -> list[tuple[str, list[Point]]]:
        """(name, points) of what was evaluated every so many steps of the training."""
        names = dict.fromkeys(key for row in self.run.metrics for key in row.value if key.startswith(DURING))
        found = [(name, self.points(name)) for name in names if name != f"{DURING}seconds"]
        return [(name.removeprefix(DURING).replace("_", " "), points) for name, points in found if points]

    @cached_property
    def train_losses(self) -> list[Point]:
        return self.points("loss")

    @cached_property
    def validation_losses(self) -> list[Point]:
        return self.points("validation_loss")

    def lowest(self, points: list[Point]) -> Point:
        return min(points, key=lambda point: point[1].value)

    @cached_property
    def train_loss_quarters(self) -> list[Point]:
        """The mean training loss of each quarter of the run, for a run of at least 16 logged steps."""
        size = len(self.train_losses) // 4
        quarters = (
            [self.train_losses[-size * k : len(self.train_losses) - size * (k - 1)] for k in (4, 3, 2, 1)]
            if size >= 4
            else []
        )
        origin = "metrics.jsonl (mean loss over a quarter of the steps)"
        return [(part[-1][0], Figure(fmean(loss.value for _, loss in part), origin)) for part in quarters]

    @cached_property
    def task_losses(self) -> TaskLosses:
        return TaskLosses(self.run)

    @property
    def training_settings(self) -> list[tuple[str, Figure]]:
        """(name, value) of what is not always used, where it was."""
        known = [(name.replace("_", " "), self.run.recipe.at("train", name)) for name in TRAINING_SETTINGS]
        return [(name, value) for name, value in known if value.value not in (None, False, 0, [], {})]

    @property
    def best_mark(self) -> tuple[float, str] | None:
        """The step whose weights were best on the validation split."""
        best = self.run.training.at("best_step").value
        return (
            (best, f"step {format_count(best)}: lowest validation loss")
            if is_number(best) and self.validation_losses
            else None
        )

    @property
    def loss_label(self) -> str:
        """The loss curves in a sentence, for screen readers."""
        told = [
            (name, points)
            for name, points in (("training", self.train_losses), ("validation", self.validation_losses))
            if points
        ]
        parts = [
            f"{name} loss from {format_number(points[0][1].value)} to {format_number(points[-1][1].value)}"
            for name, points in told
        ]
        return "Loss by step: " + ", ".join(parts)

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
    def worse_areas(self) -> list[Area]:
        """The areas that got worse."""
        return [area for area in self.areas if area.verdict == "worse"]

    @cached_property
    def samples(self) -> Samples | None:
        """Every sample with its answers, as far as they fit on a page."""
        return read_samples(self.run, self.results)

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

    @property
    def num_tasks(self) -> Figure:
        return Figure(len(self.results.tasks), "eval/summary.json#/tasks (number of them)")

    @cached_property
    def num_records_of(self) -> dict[str, Figure] | None:
        """Training records of each family; None where they name no task of the test."""
        counts = Counter(row.at("task").value for row in self.run.rows("data/train.jsonl"))
        counts = {str(task): count for task, count in counts.items() if task}
        known = {task: Figure(n, f"data/train.jsonl (records of {task})") for task, n in counts.items()}
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
        """Every system but the focus."""
        return [system for system in self.results.systems if system != self.results.focus]

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
        told = {"focus": "bar: ", "rival": "mark: ", "other": "marks: "}
        return [(role, told[role] + "; ".join(found)) for role, found in names.items()]

    @property
    def main_systems(self) -> list[str]:
        """The focus, and its rival where there is one."""
        return [system for system in (self.results.focus, self.results.rival) if system is not None]

    def answers_of(self, system: str) -> Figure:
        """``{"n", "num_cut", "num_empty"}`` of a system's answers."""
        return self.run.summary.at("answers", system)

    # ── files ──

    @cached_property
    def files(self) -> list[FileNote]:
        """The files of this run the report was written from, in the order of the report."""
        answers = [
            FileNote(f"eval/{system}/", f"every answer of {system}, with its scores") for system in self.run.systems
        ]
        return [note for note in (*FILES, *FILES_OF_SUITES) if (self.run.path / note.path).is_file()] + answers

    @property
    def is_run(self) -> bool:
        """Whether something was trained here, or is to be; else it is an evaluation alone."""
        run = self.run
        return bool(run.recipe.known or run.training.known or run.provenance.known or run.metrics or run.funnel.known)

    @property
    def missing_files(self) -> list[str]:
        if not self.is_run:
            return []
        return [note.path for note in FILES if not (self.run.path / note.path).is_file()]


def share(part: Figure, whole: Figure) -> Figure:
    """Part of a whole as a figure; unknown where either is unknown or the whole is nothing."""
    known = is_number(part.value) and is_number(whole.value) and whole.value > 0
    return Figure(part.value / whole.value if known else None, f"{part.origin} (divided by {whole.origin})")
