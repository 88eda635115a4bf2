"""What the evaluation found: scores, comparisons, and the answers behind them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.errors import DataError
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.summary import BASE, BASELINES, headline
from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.text import format_words, is_number

NUM_WINS = NUM_LOSSES = 5
NUM_TIES = 3
NEEDED = ("systems", "tasks", "overall", "comparisons", "primary_metric", "metrics", "smallest_detectable_difference")

MEANINGS = {
    "exact_match": "share of answers equal to an expected answer, ignoring case, punctuation and articles",
    "f1": "overlap of words with the expected answer: harmonic mean of precision and recall (SQuAD)",
    "rouge1": "overlap of single words with the expected answer (ROUGE-1, F-measure)",
    "rouge2": "overlap of word pairs with the expected answer (ROUGE-2, F-measure)",
    "rougeL": "longest common subsequence of words with the expected answer (ROUGE-L, F-measure)",
    "bleu": "precision of 1- to 4-word runs over the whole task, with a brevity penalty (sacrebleu, 0 to 100)",
    "chrf": "overlap of character runs over the whole task; works without word boundaries (sacrebleu, 0 to 100)",
    "accuracy": "share of answers that are the right label",
    "macro_f1": "F1 of each label, averaged so that rare labels count as much as common ones",
}


@dataclass(frozen=True)
class Result:
    """One task, or all of them together, seen through the primary metric.

    Attributes:
        scores: system → its ``{"value", "low", "high", "n"}``.
        against: system → the comparison of the focus with it: ``delta`` is focus less system,
            ``verdict`` the focus's.
        comparison: the one with the rival, all unknown where there is none.
        smallest: the smallest difference that would have been seen four times in five.
    """

    task: str
    scores: dict[str, Figure]
    against: dict[str, Figure]
    comparison: Figure
    smallest: Figure

    @property
    def verdict(self) -> str | None:
        return self.comparison.at("verdict").value


@dataclass(frozen=True)
class Results:
    """The evaluation of a run by its primary metric: all tasks together, then each.

    Attributes:
        title: the metric's name for people.
        focus: the system everything is compared with: tuned, or what else was evaluated.
        rival: what its verdict is against: base, or another system; None where it is alone.
    """

    systems: list[str]
    metric: str
    title: str
    focus: str
    rival: str | None
    num_samples: Figure
    overall: Result
    tasks: list[Result]


def format_system(system: object) -> str:
    """A system's name for people: ``base_3_shot`` is the base model with 3 examples in its prompt."""
    shots = re.fullmatch(r"(\w+)_(\d+)_shot", str(system))
    return f"{format_words(shots[1])}, {shots[2]}-shot" if shots else format_words(system)


def read_results(summary: Figure) -> Results | None:
    """The evaluation as ``eval/summary.json`` tells it, or None where nothing was evaluated.

    Raises:
        DataError: the summary is not one of ours.
    """
    if not summary.known:
        return None
    missing = [key for key in NEEDED if not summary.at(key).known]
    if missing or not summary.at("overall", summary.at("primary_metric").value).known:
        what = (missing or ["overall score of the primary metric"])[0]
        raise DataError(f"{summary.origin}: no {what} in it. Write it again with `tunesmith evaluate`.")
    found = headline(summary.value)
    metric, focus, rival = found["metric"], found["b"], found["a"]
    systems = sorted(
        (system.value for system in summary.at("systems").items()), key=lambda name: _rank(name, focus, rival)
    )
    against = _comparisons_of(summary, metric, focus)

    def result(task: str, place: Figure, scores: Figure) -> Result:
        mine = {system: against[task, system] for system in systems if (task, system) in against}
        known = {system: scores.at(system) for system in systems if scores.at(system).known}
        nothing = Figure(None, f"{summary.origin}#/comparisons")
        return Result(task, known, mine, mine.get(rival, nothing), place.at("smallest_detectable_difference", metric))

    overall = result(OVERALL, summary, summary.at("overall", metric))
    tasks = [result(task, place, place.at("metrics", metric)) for task, place in summary.at("tasks").entries()]
    num_samples = summary.at("overall", metric, focus, "n")
    return Results(
        systems, metric, found["title"], focus, rival, num_samples, overall, [task for task in tasks if task.scores]
    )


def _comparisons_of(summary: Figure, metric: str, focus: str) -> dict[tuple[str, str], Figure]:
    """(task, other system) → the comparison of the focus with it."""
    rows = [
        row
        for row in summary.at("comparisons").items()
        if row.at("metric").value == metric and row.at("b").value == focus
    ]
    return {(row.at("task").value, row.at("a").value): row for row in rows}


def _rank(system: str, focus: str, rival: str | None) -> tuple:
    """The focus, its rival, base with examples, then the rest, trivial baselines last."""
    place = {focus: 0, rival: 1, **dict.fromkeys(BASELINES, 4)}.get(system, 2 if system.startswith(f"{BASE}_") else 3)
    return place, system


@dataclass(frozen=True)
class Example:
    """One sample answered by the focus (``ours``) and its rival (``theirs``); ``delta`` is how far apart they are."""

    task: str
    ours: Figure
    theirs: Figure
    our_score: Figure
    their_score: Figure

    @property
    def delta(self) -> float:
        return self.our_score.value - self.their_score.value

    @property
    def turns(self) -> list[tuple[str, str]]:
        """The prompt as (role, text) turns."""
        return [(turn.at("role").value, turn.at("content").value) for turn in self.ours.at("prompt").items()]

    @property
    def expected(self) -> list[str]:
        return [reference.value for reference in self.ours.at("references").items()]


@dataclass(frozen=True)
class Examples:
    """Every sample counted as better, worse or the same for the focus, and the ones worth reading."""

    num_better: Figure
    num_worse: Figure
    num_same: Figure
    num_samples: Figure
    wins: list[Example]
    losses: list[Example]
    ties: list[Example]


def sample_metric(metric: str) -> str:
    """The score of one sample that stands for a metric: accuracy and macro-F1 count exact matches with a label."""
    return "exact_match" if metric in ("accuracy", "macro_f1") else metric


def read_examples(run: RunFolder, results: Results | None) -> Examples | None:
    """The answers of the focus and its rival side by side, or None where there are not two systems or no answers."""
    if results is None or results.rival is None:
        return None
    theirs = {_sample_key(row): row for row in _answers(run, results.rival)}
    pairs = [
        _pair(row, theirs.get(_sample_key(row)), sample_metric(results.metric)) for row in _answers(run, results.focus)
    ]
    found = [pair for pair in pairs if pair is not None]
    wins, losses, ties = (
        sorted((pair for pair in found if belongs(pair.delta)), key=lambda pair: -abs(pair.delta))
        for belongs in (lambda delta: delta > 0, lambda delta: delta < 0, lambda delta: delta == 0)
    )
    files = f"eval/{results.focus}/*.jsonl and eval/{results.rival}/*.jsonl"
    counts = (
        (wins, "the first scores higher"),
        (losses, "the first scores lower"),
        (ties, "both score the same"),
        (found, "both answered"),
    )
    figures = [Figure(len(some), f"{files} (samples that {how})") for some, how in counts]
    return (
        Examples(*figures, _spread(wins, NUM_WINS), _spread(losses, NUM_LOSSES), _spread(ties, NUM_TIES))
        if found
        else None
    )


def _answers(run: RunFolder, system: str) -> list[Figure]:
    """Every line a system answered, task files in the order of their names."""
    files = sorted((run.path / "eval" / system).glob("*.jsonl"))
    return [row for path in files for row in run.rows(f"eval/{system}/{path.name}")]


def _sample_key(row: Figure) -> tuple:
    return row.at("task").value, row.at("id").value, row.at("source").value


def _pair(ours: Figure, theirs: Figure | None, metric: str) -> Example | None:
    if theirs is None:
        return None
    our_score, their_score = (row.at("scores", metric) for row in (ours, theirs))
    if not is_number(our_score.value) or not is_number(their_score.value):
        return None
    return Example(str(ours.at("task").value), ours, theirs, our_score, their_score)


def _spread(examples: Sequence[Example], count: int) -> list[Example]:
    """The first ``count``; where several are equally far apart, one of each task before a second of any."""
    seen: dict[tuple[float, str], int] = {}
    ranks = []
    for position, example in enumerate(examples):
        size = round(abs(example.delta), 6)
        turn = seen[size, example.task] = seen.get((size, example.task), -1) + 1
        ranks.append((-size, turn, position))
    return [examples[position] for _, _, position in sorted(ranks)[:count]]
