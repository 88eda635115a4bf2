"""Every sample to be read, searched and filtered on the page: what was asked, what each system answered, how it scored."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.rephrasings import axis_of
from tunesmith.evaluation.sensitivity import JUDGED_BY
from tunesmith.evaluation.suites.suite import SHOTS
from tunesmith.evaluation.systems import BASELINES, is_untrained
from tunesmith.lm import FAILED
from tunesmith.report.examples import draw_lot, sample_key, sample_metric
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.results import Results, format_system

MAX_PAGE_BYTES = 1_600_000
"""What the samples may take of the page, which stays small enough for a phone."""
ROW_BYTES = 900
"""About what a sample takes beside its texts."""
MAX_TEXT = 1_500
MAX_ASKED = 600
MAX_CURVE_BYTES = 150_000
"""The same for the answers behind the curve over worked examples."""
NOVELTY = "eval/novelty.jsonl"
BITS = "bits_per_byte"
TROUBLE = {"length": "cut at the length limit", "prompt_too_long": "no room for an answer", FAILED: "failed"}
HIDDEN = ("rouge1", "rouge2", "bleu", "chrf", "verbatim_match")
"""Scores of single samples that tell little beside the others; they are in the file."""


MARKS = (("right", "right"), ("wrong", "wrong"), *TROUBLE.items())


@dataclass(frozen=True)
class Check:
    """A constraint of a request, and of each system whether it was met: yes, only loosely, or no."""

    name: str
    arguments: str
    met: dict[str, str]


@dataclass(frozen=True)
class Answered:
    """The answer of one system; ``score`` is by the metric the sample is judged by."""

    system: str
    row: Figure
    score: float | None
    is_right: bool | None

    @property
    def text(self) -> str:
        return str(self.row.at("prediction").value or "")

    @property
    def trouble(self) -> str:
        """Why this is not what it would have said, in words; empty where it is."""
        reason = TROUBLE.get(str(self.row.at("finish_reason").value), "")
        return f"{reason}: {self.row.at('failure').value}" if self.row.at("failure").known else reason

    @property
    def remarks(self) -> str:
        """What scoring noted of the answer, beside its checks."""
        details = {name: value.value for name, value in self.row.at("details").entries() if name != "checks"}
        return _compact(details) if details else ""


@dataclass(frozen=True)
class SampleRow:
    """One sample with the answer of each system, the focus last.

    Attributes:
        change: of the focus against its rival: better, worse, same; None where that cannot be told.
        novelty: what is new about it, where that was looked at.
    """

    task: str
    metric: str
    answers: list[Answered]
    change: str | None
    novelty: str

    @property
    def row(self) -> Figure:
        return self.answers[-1].row

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(str(turn.at("role").value), str(turn.at("content").value)) for turn in self.row.at("prompt").items()]

    @property
    def question(self) -> str:
        """What was asked last, in short."""
        asked = [text for role, text in self.turns if role == "user"] or [text for _, text in self.turns]
        return _cut_words(" ".join(asked[-1].split()) if asked else "", 110)

    @property
    def expected(self) -> list[str]:
        return [str(reference.value) for reference in self.row.at("references").items()]

    @property
    def marks(self) -> str:
        """``base:wrong tuned:right tuned:length``: of each system whether it was right, where that can be told, and how its
        answer ended, where that is not as it should."""
        told = [(a.system, "right" if a.is_right else "wrong") for a in self.answers if a.is_right is not None]
        ended = [(a.system, a.row.at("finish_reason").value) for a in self.answers if a.trouble]
        return " ".join(f"{system}:{mark}" for system, mark in (*told, *ended))

    @property
    def where(self) -> str:
        """The places of the answers; one place with the names of the systems where they differ in nothing else."""
        rest = {answer.row.origin.removeprefix(f"eval/{answer.system}/") for answer in self.answers}
        if len(rest) == 1 and len(self.answers) > 1:
            return f"eval/{{{','.join(answer.system for answer in self.answers)}}}/{rest.pop()}"
        return " · ".join(answer.row.origin for answer in self.answers)

    @property
    def wording(self) -> str:
        """Which wording of a request it is, and along which axis it differs: ``formal (formality)``."""
        variant = self.row.at("variant").value
        axis = axis_of(str(variant)) if variant else None
        return f"wording: {variant}{f' ({axis})' if axis else ''}" if variant else ""

    @property
    def is_text(self) -> bool:
        """Whether the text itself is scored, so that nothing was answered."""
        return bool(self.row.at("expected", "likelihood").value)

    @property
    def asked(self) -> str:
        """What is asked of the answer beside references and checks."""
        told = {
            name: value.value
            for name, value in self.row.at("expected").entries()
            if name not in ("checks", "likelihood")
        }
        return _compact(told) if told else ""

    @property
    def checks(self) -> list[Check]:
        arguments = [check.at("kwargs").value or {} for check in self.row.at("expected", "checks").items()]
        found = [answer.row.at("details", "checks").items() for answer in self.answers]
        names = [str(check.at("id").value) for check in found[-1]]
        return [
            Check(
                name,
                _arguments(arguments[k]) if k < len(arguments) else "",
                {a.system: _met(checks[k]) for a, checks in zip(self.answers, found) if k < len(checks)},
            )
            for k, name in enumerate(names)
        ]

    @property
    def scores(self) -> list[tuple[str, list[Figure | None]]]:
        """(metric, score of each system) of what a single sample is scored by, the one it is judged by first."""
        names = [name for name, _ in self.row.at("scores").entries() if name in METRICS]
        shown = [name for name in names if name not in HIDDEN or name == self.metric]
        shown.sort(key=lambda name: name != self.metric)
        found = [(METRICS[name].title, [a.row.at("scores", name).value for a in self.answers]) for name in shown]
        return [(METRICS[BITS].title, [a.score for a in self.answers])] if self.metric == BITS else found


@dataclass(frozen=True)
class TaskSamples:
    """The samples of a task that are shown; how many there are, and how many of all of them each system got right."""

    number: int
    task: str
    rows: list[SampleRow]
    num_samples: int
    num_right: dict[str, int]

    @property
    def files(self) -> list[str]:
        """Where all of them are."""
        return sorted({answer.row.origin.rpartition(":")[0] for row in self.rows for answer in row.answers})


def _num_right(rows: Sequence[SampleRow]) -> dict[str, int]:
    """System → how many of the samples it got right; only where that can be told."""
    found = Counter(answer.system for row in rows for answer in row.answers if answer.is_right)
    told = dict.fromkeys(answer.system for row in rows for answer in row.answers if answer.is_right is not None)
    return {system: found[system] for system in told}


@dataclass(frozen=True)
class Samples:
    """What is shown of the samples of all tasks."""

    systems: list[str]
    tasks: list[TaskSamples]
    classes: list[str]
    metrics: list[str]

    @property
    def num_shown(self) -> int:
        return sum(len(task.rows) for task in self.tasks)

    @property
    def num_samples(self) -> int:
        return sum(task.num_samples for task in self.tasks)

    @property
    def files(self) -> list[str]:
        return [f"eval/{system}/" for system in self.systems]

    @property
    def marks(self) -> list[tuple[str, str]]:
        """(mark, what it says) of what the answers shown can be told apart by."""
        found = {mark for task in self.tasks for row in task.rows for mark in row.marks.split()}
        known = [(f"{system}:{end}", system, words) for system in self.systems for end, words in MARKS]
        return [(mark, f"{format_system(system)} {words}") for mark, system, words in known if mark in found]

    def task_numbers(self, tasks: Iterable[str]) -> list[int]:
        """The numbers of those of the tasks that have samples."""
        wanted = set(tasks)
        return [task.number for task in self.tasks if task.task in wanted]


def read_samples(run: RunFolder, results: Results | None, max_bytes: int = MAX_PAGE_BYTES) -> Samples | None:
    """The samples of every task, in the order of the summary; None where there are no answers.

    Where they would make the page too large, of each task as many are shown as of any other, those whose names have
    the lowest hashes: the choice is nobody's.
    """
    return _read(run, _systems(run, results), results, max_bytes)


def read_curve_samples(run: RunFolder, systems: Sequence[str], results: Results | None) -> Samples | None:
    """The samples behind the curve over worked examples: ``systems`` are folders of ``eval/shots/``, in their order."""
    there = [f"{SHOTS}/{system}" for system in systems if (run.path / "eval" / SHOTS / system).is_dir()]
    return _read(run, there, results, MAX_CURVE_BYTES)


def _read(run: RunFolder, systems: Sequence[str], results: Results | None, max_bytes: int) -> Samples | None:
    rows = _rows_by_task(run, systems, results)
    if not rows:
        return None
    groups = run.summary.at("groups").items()
    order = [task.value for place in groups for task in place.at("tasks").items()]
    places = {task: place for place, task in enumerate(order)}
    tasks = sorted(rows, key=lambda task: (places.get(task, len(places)), task))
    kept = _fit({task: rows[task] for task in tasks}, max_bytes)
    shown = [
        TaskSamples(number, task, kept[task], len(rows[task]), _num_right(rows[task]))
        for number, task in enumerate(tasks, start=1)
    ]
    every = [row for task in shown for row in task.rows]
    names = dict.fromkeys(name for row in every for name, _ in row.scores)
    classes = dict.fromkeys(row.novelty for row in every if row.novelty)
    return Samples(list(systems), shown, sorted(classes), list(names))


def _rows_by_task(run: RunFolder, systems: Sequence[str], results: Results | None) -> dict[str, list[SampleRow]]:
    """Every sample that some of the systems answered."""
    found = {system: {sample_key(row): row for row in run.answers(system)} for system in systems}
    novelty = {(row.at("task").value, row.at("id").value): row.at("class").value for row in run.rows(NOVELTY)}
    primary = sample_metric(results.metric) if results is not None else ""
    rows: dict[str, list[SampleRow]] = {}
    for key in dict.fromkeys(key for system in reversed(systems) for key in found[system]):
        lines = [(system, found[system][key]) for system in systems if key in found[system]]
        row = _row(lines, primary, results, str(novelty.get(key[:2]) or ""))
        rows.setdefault(row.task, []).append(row)
    return rows


def _systems(run: RunFolder, results: Results | None) -> list[str]:
    """Whose answers are shown: the rival, whatever else was trained or compared, the focus."""
    told = [system.value for system in run.summary.at("systems").items()]
    there = [system for system in told if system in run.systems and system not in BASELINES]
    if results is None:
        return there
    others = [name for name in there if name not in (results.rival, results.focus) and not is_untrained(name)]
    return [name for name in (results.rival, *others, results.focus) if name in run.systems]


def _row(lines: Sequence[tuple[str, Figure]], primary: str, results: Results | None, novelty: str) -> SampleRow:
    metric = _judged_by(lines[-1][1], primary)
    answers = [_answered(system, row, metric) for system, row in lines]
    pair = [results.rival, results.focus] if results is not None and results.rival is not None else []
    scores = {answer.system: answer.score for answer in answers}
    known = [scores.get(system) for system in pair]
    change = None
    if len(known) == 2 and None not in known:
        delta = (known[1] - known[0]) * (1 if metric not in METRICS or METRICS[metric].higher_is_better else -1)
        change = "better" if delta > 0 else "worse" if delta < 0 else "same"
    return SampleRow(str(lines[-1][1].at("task").value), metric, answers, change, novelty)


def _judged_by(row: Figure, primary: str) -> str:
    scores = row.at("scores").value or {}
    if "nll" in scores:
        return BITS
    return next((name for name in (primary, *JUDGED_BY, "rougeL", "f1") if name in scores), next(iter(scores), ""))


def _answered(system: str, row: Figure, metric: str) -> Answered:
    if metric == BITS:
        nll, size = (row.at("scores", name).value for name in ("nll", "num_bytes"))
        return Answered(system, row, nll / size / math.log(2) if nll is not None and size else None, None)
    score = row.at("scores", metric).value
    is_share = metric in METRICS and METRICS[metric].is_proportion
    return Answered(system, row, score, score >= 1 if is_share and score is not None else None)


def _fit(rows: Mapping[str, list[SampleRow]], max_bytes: int) -> dict[str, list[SampleRow]]:
    """What fits on the page, in the order of the files: one sample of each task after another, by their hashes."""
    ranked = [sorted(of_task, key=lambda row: _rank(row.row)) for of_task in rows.values()]
    room, kept = max_bytes, set()
    for row in filter(None, chain.from_iterable(zip_longest(*ranked))):
        room -= _size(row)
        if room < 0 and kept:
            break
        kept.add(id(row))
    return {task: [row for row in of_task if id(row) in kept] for task, of_task in rows.items()}


def _size(row: SampleRow) -> int:
    texts = [text for _, text in row.turns] + row.expected[:1] + [answer.text for answer in row.answers] + [row.asked]
    return ROW_BYTES + sum(len(text[:MAX_TEXT].encode("utf-8", "surrogatepass")) for text in texts)


def _rank(row: Figure) -> str:
    """By lot; the wordings of one request stay together."""
    return draw_lot((row.at("task").value, row.at("variant_of").value or sample_key(row)))


def _met(check: Figure) -> str:
    return "yes" if check.at("strict").value else "loosely" if check.at("loose").value else "no"


def _arguments(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_compact(value)}" for name, value in arguments.items() if value is not None)


def _compact(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _cut_words(text, MAX_ASKED)


def _cut_words(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
