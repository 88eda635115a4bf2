"""What the evaluation found: scores and comparisons, by task and by group of tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tunesmith.errors import DataError
from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.runner import OVERALL
from tunesmith.evaluation.suites.suite import SHOTS, is_own
from tunesmith.evaluation.systems import BASE, BASELINES, TUNED
from tunesmith.evaluation.verdict import headline
from tunesmith.report.folder import Figure

NEEDED = (
    "systems",
    "tasks",
    "overall",
    "comparisons",
    "groups",
    "learned",
    "primary_metric",
    "metrics",
    "smallest_detectable_difference",
)

CALLED = {TUNED: "the tuned model", BASE: "the base model"}

MEANINGS = {
    "exact_match": "share of answers equal to an expected answer, ignoring case, punctuation and articles",
    "verbatim_match": "share of answers equal to an expected answer letter by letter; case and punctuation count",
    "f1": "overlap of words with the expected answer: harmonic mean of precision and recall (SQuAD)",
    "rouge1": "overlap of single words with the expected answer (ROUGE-1, F-measure)",
    "rouge2": "overlap of word pairs with the expected answer (ROUGE-2, F-measure)",
    "rougeL": "longest common subsequence of words with the expected answer (ROUGE-L, F-measure)",
    "bleu": "precision of 1- to 4-word runs over the whole task, with a brevity penalty (sacrebleu, 0 to 100)",
    "chrf": "overlap of character runs over the whole task; works without word boundaries (sacrebleu, 0 to 100)",
    "accuracy": "share of answers that are the right label",
    "macro_f1": "F1 of each label, averaged so that rare labels count as much as common ones",
    "prompt_level_strict": "share of requests of which every constraint is met to the letter",
    "prompt_level_loose": "the same, forgiving a first or last line around the answer and asterisks",
    "inst_level_strict": "share of single constraints met to the letter",
    "inst_level_loose": "share of single constraints met, as loosely",
    "bits_per_byte": "how surprising plain text is to the model, per byte, so that tokenizers do not matter",
    "perplexity": "how many tokens the model hesitates between; only comparable with one and the same tokenizer",
    "agreement": "share of pairs of answers that are equal; always giving one wrong answer agrees too",
    "similarity": "overlap of words between answers, for those too long to be equal",
    "spread": "how far apart the scores of one request are",
    "flip_rate": "share of other wordings where right turns wrong or wrong right",
    "json_valid": "share of answers that are JSON",
    "schema_match": "share of answers that fit the JSON schema asked for",
    "json_match": "share of answers equal to the expected JSON, whatever its spaces and order of keys",
    "pass_at_1": "share of programs that pass their tests",
    "number_match": "share of answers with the expected number",
}


@dataclass(frozen=True)
class Result:
    """One task, or several together, seen through the primary metric.

    Attributes:
        family: the task's name without that of its group.
        scores: system → its ``{"value", "low", "high", "n"}``.
        against: system → the comparison of the focus with it: ``delta`` is focus less system,
            ``verdict`` the focus's.
        comparison: the one with the rival, all unknown where there is none.
        smallest: the smallest difference that would have been seen four times in five.
        learned: whether the focus beats all that takes no training; unknown where it was not compared.
    """

    task: str
    family: str
    scores: dict[str, Figure]
    against: dict[str, Figure]
    comparison: Figure
    smallest: Figure
    learned: Figure

    @property
    def verdict(self) -> str | None:
        return self.comparison.at("verdict").value


@dataclass(frozen=True)
class Group:
    """The tasks of one test file, or of the run's own test split."""

    name: str
    overall: Result
    tasks: list[Result]


@dataclass(frozen=True)
class Results:
    """The evaluation of a run by its primary metric: all tasks together, then each group of them.

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
    groups: list[Group]

    @property
    def tasks(self) -> list[Result]:
        return [task for group in self.groups for task in group.tasks]

    @property
    def is_share(self) -> bool:
        """Whether the metric is a share of right answers."""
        return self.metric in METRICS and METRICS[self.metric].is_proportion


def format_system(system: object) -> str:
    """A system's name for people: ``base_3_shot`` is ``base with 3 examples``, in its prompt, also where its answers lie
    in ``shots/``. A model's own name stays."""
    name = str(system).removeprefix(f"{SHOTS}/")
    shots = re.fullmatch(r"(.+)_(\d+)_shot", name)
    if shots:
        return f"{format_system(shots[1])} with {shots[2]} example{'s' * (shots[2] != '1')}"
    return BASELINES[name].removeprefix("the ") if name in BASELINES else name


def title_system(system: object) -> str:
    """The name at the beginning of a line or a sentence: a capital letter for ours, never for a model's own name."""
    is_ours = (
        system in BASELINES
        or re.match(rf"({BASE}|{TUNED})(_\d+_shot)?$", str(system).removeprefix(f"{SHOTS}/")) is not None
    )
    name = format_system(system)
    return name[:1].upper() + name[1:] if is_ours else name


def format_said(told: object) -> str:
    """A sentence of the evaluation as the page writes it: ours with a capital at its beginning, which a model's own name
    does not get, and percentages without a blank."""
    begun = re.sub(rf"(^|\. )({BASE}|{TUNED})(?= )", lambda match: match[1] + match[2].capitalize(), str(told))
    return begun.replace(" %", "%")


def read_results(summary: Figure) -> Results | None:
    """The evaluation as ``eval/summary.json`` tells it, or None where nothing was evaluated or nothing has a score.

    Raises:
        DataError: the summary is not one of ours.
    """
    if not summary.known:
        return None
    missing = [key for key in NEEDED if not summary.at(key).known]
    if missing:
        raise DataError(f"{summary.origin}: no {missing[0]} in it. Write it again with `tunesmith evaluate`.")
    if not summary.at("overall", summary.at("primary_metric").value).items():
        return None
    found = headline(summary.value)
    metric, focus, rival = found["metric"], found["b"], found["a"]
    systems = sorted(
        (system.value for system in summary.at("systems").items()), key=lambda name: _rank(name, focus, rival)
    )
    against = _comparisons_of(summary, metric, focus)

    def result(task: str, place: Figure, scores: Figure, against: Comparisons, family: str = OVERALL) -> Result:
        mine = {system: against[task, system] for system in systems if (task, system) in against}
        known = {system: scores.at(system) for system in systems if scores.at(system).known}
        compared = mine.get(rival, Figure(None, f"{summary.origin}#/comparisons"))
        smallest, learned = place.at("smallest_detectable_difference", metric), summary.at("learned", task, "learned")
        return Result(task, family, known, mine, compared, smallest, learned)

    def group(name: str, place: Figure) -> Group:
        overall = result(OVERALL, place, place.at("metrics", metric), _comparisons_of(place, metric, focus))
        found = [
            result(task, found, found.at("metrics", metric), against, task.removeprefix(f"{name}/"))
            for task, found in ((task.value, summary.at("tasks", task.value)) for task in place.at("tasks").items())
        ]
        return Group(name, overall, [task for task in found if task.scores])

    overall = result(OVERALL, summary, summary.at("overall", metric), against)
    groups = [group(str(name), place) for name, place in summary.at("groups").entries()]
    groups = [one for one in groups if is_own(one.name) and one.tasks] or groups
    num_samples = summary.at("overall", metric, focus, "n")
    return Results(
        systems, metric, found["title"], focus, rival, num_samples, overall, [group for group in groups if group.tasks]
    )


Comparisons = dict[tuple[str, str], Figure]


def _comparisons_of(place: Figure, metric: str, focus: str) -> Comparisons:
    """(task, other system) → the comparison of the focus with it."""
    rows = [
        row
        for row in place.at("comparisons").items()
        if row.at("metric").value == metric and row.at("b").value == focus
    ]
    return {(row.at("task").value, row.at("a").value): row for row in rows}


def _rank(system: str, focus: str, rival: str | None) -> tuple:
    """The focus, its rival, base with examples, then the rest, trivial baselines last."""
    place = {focus: 0, rival: 1, **dict.fromkeys(BASELINES, 4)}.get(system, 2 if system.startswith(f"{BASE}_") else 3)
    return place, system
