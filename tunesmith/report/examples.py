"""The answers behind the scores: what tuning lost, and a right and a wrong answer of every family, picked by no one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.report.folder import Figure, RunFolder
from tunesmith.report.results import Results
from tunesmith.report.text import is_number

NUM_LOST = 4


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

    @property
    def was_cut(self) -> bool:
        """Whether the focus was stopped at the length limit."""
        return self.ours.at("finish_reason").value == "length"


@dataclass(frozen=True)
class FamilyAnswers:
    """Every sample of a family, in whatever test file, and the best and the worst of them; None where they are one."""

    name: str
    score: Figure
    num_samples: Figure
    num_right: Figure
    num_cut: Figure
    best: Example | None
    worst: Example | None


@dataclass(frozen=True)
class Examples:
    """Every sample counted as better, worse or the same for the focus, and the ones worth reading.

    ``families`` are in order of score, the lowest first.
    """

    num_better: Figure
    num_worse: Figure
    num_same: Figure
    num_samples: Figure
    lost: list[Example]
    families: list[FamilyAnswers]


def sample_metric(metric: str) -> str:
    """The score of one sample that stands for a metric: accuracy and macro-F1 count exact matches with a label."""
    return "exact_match" if metric in ("accuracy", "macro_f1") else metric


def read_examples(run: RunFolder, results: Results | None) -> Examples | None:
    """The answers of the focus and its rival side by side, or None where there are not two systems or no answers."""
    if results is None or results.rival is None:
        return None
    tasks = {result.task for result in results.tasks}
    theirs = {sample_key(row): row for row in run.answers(results.rival)}
    metric = sample_metric(results.metric)
    asked = (row for row in run.answers(results.focus) if row.at("task").value in tasks)
    pairs = [_pair(row, theirs.get(sample_key(row)), metric) for row in asked]
    found = [pair for pair in pairs if pair is not None]
    lost = sorted((pair for pair in found if pair.delta < 0), key=lambda pair: pair.delta)
    files = f"eval/{results.focus}/*.jsonl and eval/{results.rival}/*.jsonl"
    counts = (
        (sum(pair.delta > 0 for pair in found), "the first scores higher"),
        (len(lost), "the first scores lower"),
        (sum(pair.delta == 0 for pair in found), "both score the same"),
        (len(found), "both answered"),
    )
    figures = [Figure(count, f"{files} (samples that {how})") for count, how in counts]
    return Examples(*figures, _spread(lost, NUM_LOST), _families(found, results)) if found else None


def sample_key(row: Figure) -> tuple:
    """What a sample is told apart by: task, id and place."""
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


def _families(examples: Sequence[Example], results: Results) -> list[FamilyAnswers]:
    names = {result.task: result.family for result in results.tasks}
    by_family: dict[str, list[Example]] = {}
    for example in examples:
        if example.task in names:
            by_family.setdefault(names[example.task], []).append(example)
    found = [_family(name, some, results) for name, some in by_family.items()]
    return sorted(found, key=lambda family: (family.score.value, family.name))


def _family(name: str, examples: Sequence[Example], results: Results) -> FamilyAnswers:
    files = f"eval/{results.focus}/*.jsonl"
    scores = [example.our_score.value for example in examples]
    num_cut = sum(example.was_cut for example in examples)
    lots = {id(example): draw_lot(sample_key(example.ours)) for example in examples}
    best = min(examples, key=lambda example: (-example.our_score.value, lots[id(example)]))
    worst = min(examples, key=lambda example: (example.our_score.value, lots[id(example)]))
    is_right, is_wrong = max(scores) == 1 or not results.is_share, min(scores) < 1 or not results.is_share
    return FamilyAnswers(
        name,
        Figure(sum(scores) / len(scores), f"{files} (mean score of {name})"),
        Figure(len(scores), f"{files} (samples of {name})"),
        Figure(sum(score == 1 for score in scores), f"{files} (right answers of {name})"),
        Figure(num_cut, f"{files} (answers of {name} cut at the length limit)"),
        best if is_right and (best is not worst or not is_wrong) else None,
        worst if is_wrong else None,
    )


def draw_lot(name: object) -> str:
    """What equals are put in order by: a hash of their names, so that the choice is nobody's."""
    return hashlib.sha256(repr(name).encode("utf-8", "surrogatepass")).hexdigest()
