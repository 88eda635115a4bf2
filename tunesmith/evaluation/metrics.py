"""Scores of a task: each metric as rows of numbers, one row per sample, and a function of their sum.

So the value, its bootstrap interval and its paired test come from one place (see `tunesmith.stats`), and corpus BLEU,
chrF, macro-F1 and entity F1 are resampled without counting anything again. Most metrics sum columns that stand in the
``scores`` of each line; BLEU, chrF and macro-F1 count their rows from the texts. Values equal sacrebleu's, scikit-learn's
and seqeval's. Which metrics a task shows follows from its references and from what is expected of its answers
(`choose_metrics`), unless somebody chose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.evaluation.lines import Line, expected
from tunesmith.evaluation.ngrams import bleu_rows, bleu_score, chrf_rows, chrf_score
from tunesmith.evaluation.number_answers import references_are_numbers
from tunesmith.evaluation.rephrasings import AXES, GIVEN
from tunesmith.evaluation.sensitivity import cluster_rows
from tunesmith.evaluation.texts import ROUGE_VERSION, Writing, answer_tokens, normalize_answer
from tunesmith.stats import Floats

MAX_LABELS = 20
MIN_LABEL_SAMPLES = 20
MIN_SAMPLES_PER_LABEL = 2
SAMPLES_PER_FURTHER_LABEL = 20  # more than 20 labels are labels where each has 20 samples on average
MAX_SHORT_TOKENS = 5
ALL = "*"

Kind = Literal["labels", "numbers", "short", "long", "entities", "json", "code", "instructions", "likelihood", "open"]
Unit = Literal["samples", "groups of rephrasings"]
Score = Callable[[Floats], Floats]
Answered = Mapping[str, Sequence[Line]]  # system → its lines of one task, the same samples in the same order


# -- functions of sums -------------------------------------------------------------------------------------------------


def mean_score(sums: Floats) -> Floats:
    """Mean from ``(…, 2)`` sums: scores, samples."""
    return sums[..., 0] / sums[..., 1]


def ratio_score(sums: Floats) -> Floats:
    """One sum over another from ``(…, 2 or more)`` sums; 0 of 0 is 0, as with precision where nothing was answered."""
    return sums[..., 0] / np.where(sums[..., 1] != 0, sums[..., 1], 1.0)


def f1_score(sums: Floats) -> Floats:
    """F1 from ``(…, 3 or more)`` sums: right, answered, asked; 0 where there is none of either, as seqeval has it."""
    size = sums[..., 1] + sums[..., 2]
    return 2 * sums[..., 0] / np.where(size > 0, size, 1.0)


def perplexity_score(sums: Floats) -> Floats:
    """exp of the mean negative log-likelihood per token, from sums in nats and of tokens."""
    return np.exp(sums[..., 0] / sums[..., 1])


def bits_score(sums: Floats) -> Floats:
    """Bits per byte of text, from sums of negative log-likelihood in nats and of UTF-8 bytes."""
    return sums[..., 0] / (np.log(2) * sums[..., 1])


def macro_f1_score(sums: Floats) -> Floats:
    """Unweighted mean F1 of L labels from ``(…, 3 L)`` sums: right, predicted and actual samples of each label.

    A label that a resample neither holds nor predicts is left out of the mean, as scikit-learn does with labels it
    never sees.
    """
    right, predicted, actual = np.split(sums, 3, axis=-1)
    size = predicted + actual
    f1 = 2 * right / np.maximum(size, 1)
    return f1.sum(axis=-1) / np.maximum((size > 0).sum(axis=-1), 1)


# -- the metrics -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """What a metric measures and how its numbers are to be read.

    Attributes:
        title: for people.
        columns: the columns of a line's ``scores`` whose sums it is computed from, followed by the number of samples;
            empty where the rows are counted from texts.
        score: sums ``(…, k)`` → values ``(…,)``.
        needs: what it is defined on beside columns: `references`, `labels` (a small set of them), or `rephrasings` of the
            questions: then it is of groups of lines (see `tunesmith.evaluation.sensitivity`).
        scale, lowest: the highest value: 1, or 100 for sacrebleu's; infinite for perplexity and bits; and the lowest.
        is_proportion: each sample is right or wrong, so Wilson's interval and McNemar's test apply.
        like_counts: two systems are compared only where they counted the same: tokens of one tokenizer, not of two.
        on_log_scale: its interval is that of its logarithm: perplexity is the exponential of a mean, and so skewed.
        is_mean: the value is the mean of the samples' scores; otherwise it is a statistic of the whole task.
    """

    name: str
    title: str
    columns: tuple[str, ...] = ()
    score: Score = mean_score
    needs: Literal["", "references", "labels", "rephrasings"] = ""
    scale: float = 1.0
    lowest: float = 0.0
    is_proportion: bool = False
    is_mean: bool = True
    higher_is_better: bool = True
    like_counts: bool = False
    on_log_scale: bool = False


def _mean(name: str, title: str, *, is_proportion: bool = False, column: str = "", needs: str = "") -> Metric:
    return Metric(name, title, (column or name,), is_proportion=is_proportion, needs=needs)


def _statistic(name: str, title: str, score: Score, *columns: str, **options) -> Metric:
    return Metric(name, title, columns, score, is_mean=False, **options)


TEXT_METRICS = (
    _mean("exact_match", "exact match", is_proportion=True),
    _mean("verbatim_match", "verbatim match", is_proportion=True),
    _mean("f1", "token F1"),
    _mean("rouge1", "ROUGE-1"),
    _mean("rouge2", "ROUGE-2"),
    _mean("rougeL", "ROUGE-L"),
    _statistic("bleu", "BLEU", bleu_score, needs="references", scale=100.0),
    _statistic("chrf", "chrF", chrf_score, needs="references", scale=100.0),
    _mean("accuracy", "accuracy", is_proportion=True, column="exact_match", needs="labels"),
    _statistic("macro_f1", "macro-F1", macro_f1_score, needs="labels"),
    _mean("number_match", "number match", is_proportion=True),
)
ENTITIES, STRICT = ("entities_right", "entities_found", "entities_asked"), "_strict"
OTHER_METRICS = (
    _statistic("entity_f1", "entity F1", f1_score, *ENTITIES),
    _statistic("entity_precision", "entity precision", ratio_score, ENTITIES[0], ENTITIES[1]),
    _statistic("entity_recall", "entity recall", ratio_score, ENTITIES[0], ENTITIES[2]),
    _statistic("entity_f1_strict", "entity F1, tags strict", f1_score, *(f"{column}_strict" for column in ENTITIES)),
    _mean("json_valid", "valid JSON", is_proportion=True),
    _mean("schema_match", "JSON schema match", is_proportion=True),
    _mean("json_match", "JSON equality", is_proportion=True),
    _mean("pass_at_1", "pass@1", is_proportion=True),
    _mean("prompt_level_strict", "prompts followed, strict", is_proportion=True),
    _mean("prompt_level_loose", "prompts followed, loose", is_proportion=True),
    _statistic("inst_level_strict", "instructions followed, strict", ratio_score, "num_followed_strict", "num_asked"),
    _statistic("inst_level_loose", "instructions followed, loose", ratio_score, "num_followed_loose", "num_asked"),
    _statistic("bits_per_byte", "bits per byte", bits_score, "nll", "num_bytes", scale=np.inf, higher_is_better=False),
    _statistic(
        "perplexity",
        "perplexity",
        perplexity_score,
        *("nll", "num_tokens"),
        scale=np.inf,
        lowest=1.0,
        higher_is_better=False,
        like_counts=True,
        on_log_scale=True,
    ),
)


def _of_wordings(name: str, title: str, **options) -> Metric:
    return Metric(name, title, needs="rephrasings", **options)


WORDING_METRICS = (
    _of_wordings("worst_of_k", "score of the worst wording"),
    _of_wordings("mean_of_k", "mean score over wordings"),
    _of_wordings("agreement", "answers that agree"),
    _of_wordings("similarity", "token F1 between answers"),
    _of_wordings("spread", "best wording less worst", higher_is_better=False),
    _of_wordings("flip_rate", "right to wrong or back", higher_is_better=False),
    *(
        _of_wordings(f"drop_{axis}", f"score lost: {axis}", lowest=-1.0, higher_is_better=False)
        for axis in dict.fromkeys([*AXES.values(), GIVEN])
    ),
)
METRICS = {metric.name: metric for metric in (*TEXT_METRICS, *OTHER_METRICS, *WORDING_METRICS)}


@dataclass(frozen=True)
class Measurement:
    """One metric of one task, for every system on the same samples.

    Attributes:
        rows: system → ``(n, k)``, what each unit adds to the sum. A system for which the metric is not defined at all
            (the perplexity of an API) is not among them.
        score: sums ``(…, k)`` → values ``(…,)``.
        units: what a row is: a sample, or all rephrasings of one question, which are no independent samples.
    """

    metric: Metric
    rows: Mapping[str, Floats]
    score: Score
    units: Unit = "samples"

    @property
    def n(self) -> int:
        """The number of units."""
        return len(next(iter(self.rows.values())))


# -- what kind of task it is -------------------------------------------------------------------------------------------


def label_set(references: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """The normalized labels of a task whose references are a small label set, sorted; None for any other task.

    That is: at least 20 samples, each with one (normalized) reference of at most 5 words; 2 to 20 distinct ones, or more
    where each has 20 samples on average; each seen at least twice.
    """
    most = max(MAX_LABELS, len(references) // SAMPLES_PER_FURTHER_LABEL)
    counts: Counter[str] = Counter()
    for texts in references:
        names = set(map(_label, texts))
        counts.update(names)
        if len(names) > 1 or len(counts) > most or any(_num_tokens(name) > MAX_SHORT_TOKENS for name in names):
            return None
    if counts.total() < MIN_LABEL_SAMPLES or len(counts) < 2 or min(counts.values()) < MIN_SAMPLES_PER_LABEL:
        return None
    return tuple(sorted(counts))


def _label(text: str) -> str:
    return normalize_answer(text, Writing.of([text]))


def _num_tokens(text: str) -> int:
    return len(answer_tokens(text, Writing.of([text])))


def task_kind(lines: Sequence[Line]) -> Kind:
    """What is asked for, if it is the same of all lines; else by their references.

    `labels`, `numbers`, `short` (the median first reference has at most 5 words), `long`, or `open` without any.
    """
    kinds = {_expected_kind(line) for line in lines}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        return kind
    references = [line["references"] for line in lines if line["references"]]
    if not references:
        return "open"
    if label_set(references) is not None:
        return "labels"
    if all(map(references_are_numbers, references)):
        return "numbers"
    return "short" if np.median([_num_tokens(texts[0]) for texts in references]) <= MAX_SHORT_TOKENS else "long"


def _expected_kind(line: Line) -> Kind | None:
    kinds: dict[str, Kind] = {
        "likelihood": "likelihood",
        "tests": "code",
        "checks": "instructions",
        "entities": "entities",
        "json_schema": "json",
        "json": "json",
    }
    return next((kind for name, kind in kinds.items() if expected(line, name) is not None), None)


PRIMARY: dict[Kind, str] = {
    "long": "rougeL",
    "short": "exact_match",
    "labels": "accuracy",
    "numbers": "number_match",
    "instructions": "prompt_level_strict",
    "entities": "entity_f1",
    "json": "schema_match",
    "code": "pass_at_1",
    "likelihood": "bits_per_byte",
}
OF_TEXTS = ("long", "short", "labels", "numbers")


def primary_metric(kinds: Sequence[Kind]) -> str:
    """The one metric a verdict is about where nobody chose one: by the references, and never by the scores.

    Accuracy where every task has labels, number match where every answer is a number, exact match where every answer is
    short, ROUGE-L as soon as one is long: it is defined for all of them, and near F1 on short answers. Where no task has
    references, that of the kind most tasks are of, in the order of `PRIMARY`; likelihood only where nothing is answered.
    """
    of_texts = [kind for kind in kinds if kind in OF_TEXTS]
    if len(set(of_texts)) > 1:
        return "rougeL" if "long" in of_texts else "exact_match"
    answered = [kind for kind in kinds if kind in PRIMARY and kind != "likelihood"]
    counts = Counter(of_texts or answered or [kind for kind in kinds if kind in PRIMARY])
    return PRIMARY[max(PRIMARY, key=lambda kind: counts[kind])] if counts else PRIMARY["short"]


# -- which metrics it shows --------------------------------------------------------------------------------------------


def check_metric_names(names: Iterable[str], where: str) -> None:
    """Refuse a metric that does not exist; ``where`` is the flag or the key of the recipe that names it."""
    for name in names:
        if name not in METRICS:
            near = did_you_mean(name, METRICS) or f" There are: {', '.join(METRICS)}."
            raise UsageError(f"{where}: no such metric `{name}`.{near}")


def wanted_metrics(choice: Mapping[str, Sequence[str]], task: str, group: str) -> Sequence[str] | None:
    """The metrics somebody chose for a task: under its own name, its group's (the stem of the file), or ``*``."""
    return next((choice[name] for name in (task, group, ALL) if name in choice), None)


def choose_metrics(lines: Sequence[Line], wanted: Sequence[str] | None = None) -> list[str]:
    """The metrics a task shows, in the order of `METRICS`: those wanted which are defined on it, else by what it asks.

    A metric is defined where every line has its columns, and what else it needs. Where programs, entities or followed
    instructions are asked for, overlap with a reference text is left out.
    """
    defined = [metric.name for metric in METRICS.values() if _is_defined(metric, lines, wanted is not None)]
    if wanted is not None:
        return [name for name in defined if name in wanted]
    if task_kind(lines) in ("code", "entities", "instructions", "likelihood"):
        texts = {metric.name for metric in TEXT_METRICS}
        return [name for name in defined if name not in texts] or defined
    return defined


def _is_defined(metric: Metric, lines: Sequence[Line], is_wanted: bool) -> bool:
    references = [line["references"] for line in lines]
    if metric.needs == "rephrasings":
        return cluster_rows(metric.name, lines) is not None
    if metric.needs and not all(references):
        return False
    if metric.needs == "labels" and _labels(references, is_wanted) is None:
        return False
    return all(column in line["scores"] for line in lines for column in metric.columns)


def _labels(references: Sequence[Sequence[str]], is_wanted: bool) -> tuple[str, ...] | None:
    """The labels of a task; every distinct reference is one where a metric of labels was asked for by name."""
    found = label_set(references)
    if found is not None or not is_wanted or any(len(texts) != 1 for texts in references):
        return found
    return tuple(sorted({_label(texts[0]) for texts in references}))


# -- rows of a task ----------------------------------------------------------------------------------------------------


def measure_task(answered: Answered, wanted: Sequence[str] | None = None) -> tuple[list[Measurement], dict[str, str]]:
    """The metrics a task shows, for all systems, and the signature of each family of metrics.

    Lines that share ``variant_of`` ask one question: their rows are summed, and a unit is such a group.

    Args:
        answered: system → its lines of the task, the same samples in the same order.
        wanted: names of metrics, where somebody chose.
    """
    names = {name for lines in answered.values() for name in choose_metrics(lines, wanted)}
    clusters = _clusters(next(iter(answered.values())))
    measurements = [
        _measurement(METRICS[name], answered, clusters, wanted is not None) for name in METRICS if name in names
    ]
    return measurements, _signatures(next(iter(answered.values())), names)


def _clusters(lines: Sequence[Line]) -> Sequence[int] | None:
    """The number of the question each line asks, first seen first; None where each asks its own."""
    names = [line.get("variant_of") or f"\n{position}" for position, line in enumerate(lines)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [numbers[name] for name in names] if len(numbers) < len(lines) else None


def _measurement(metric: Metric, answered: Answered, clusters: Sequence[int] | None, is_wanted: bool) -> Measurement:
    having = {system: lines for system, lines in answered.items() if _is_defined(metric, lines, is_wanted)}
    if metric.needs == "rephrasings":
        rows = {system: cluster_rows(metric.name, lines) for system, lines in having.items()}
        return Measurement(metric, rows, metric.score, "groups of rephrasings")
    count = COUNTED_FROM_TEXTS.get(metric.name, _column_rows)
    rows = count(metric, having, is_wanted)
    if clusters is None:
        return Measurement(metric, rows, metric.score)
    return Measurement(metric, _summed(rows, clusters), metric.score, "groups of rephrasings")


def _summed(rows: Mapping[str, Floats], clusters: Sequence[int]) -> dict[str, Floats]:
    summed = {}
    for system, block in rows.items():
        summed[system] = np.zeros((max(clusters) + 1, block.shape[1]))
        np.add.at(summed[system], np.asarray(clusters), block)
    return summed


def _column_rows(metric: Metric, answered: Answered, is_wanted: bool) -> dict[str, Floats]:
    return {
        system: np.array([[line["scores"][column] for column in metric.columns] + [1.0] for line in lines])
        for system, lines in answered.items()
    }


def _references(answered: Answered) -> list[Sequence[str]]:
    return [line["references"] for line in next(iter(answered.values()))]


def _predictions(lines: Sequence[Line]) -> list[str]:
    return [line["prediction"] for line in lines]


def _bleu_rows(metric: Metric, answered: Answered, is_wanted: bool) -> dict[str, Floats]:
    references = _references(answered)
    tokenizer = _writing(references).bleu_tokenizer
    return {system: bleu_rows(_predictions(lines), references, tokenizer) for system, lines in answered.items()}


def _chrf_rows(metric: Metric, answered: Answered, is_wanted: bool) -> dict[str, Floats]:
    references = _references(answered)
    return {system: chrf_rows(_predictions(lines), references) for system, lines in answered.items()}


def _writing(references: Sequence[Sequence[str]]) -> Writing:
    return Writing.of([text for texts in references for text in texts])


def _macro_f1_rows(metric: Metric, answered: Answered, is_wanted: bool) -> dict[str, Floats]:
    """Of each label right, predicted, actual; an answer that is no label is wrong, and no label's false alarm."""
    references = _references(answered)
    labels = _labels(references, is_wanted)
    assert labels is not None, "the metric is defined where there are labels"
    actual = _one_hot(labels, [texts[0] for texts in references])
    rows = {}
    for system, lines in answered.items():
        predicted = _one_hot(labels, _predictions(lines))
        rows[system] = np.hstack([predicted * actual, predicted, actual])
    return rows


def _one_hot(labels: tuple[str, ...], texts: Sequence[str]) -> Floats:
    numbers = {label: number for number, label in enumerate(labels)}
    rows = np.zeros((len(texts), len(labels)))
    for row, text in zip(rows, texts):
        if (number := numbers.get(_label(text))) is not None:
            row[number] = 1.0
    return rows


COUNTED_FROM_TEXTS = {"bleu": _bleu_rows, "chrf": _chrf_rows, "macro_f1": _macro_f1_rows}


def _signatures(lines: Sequence[Line], names: set[str]) -> dict[str, str]:
    """How each family of the metrics shown was computed, in sacrebleu's way of saying it."""
    references = [line["references"] for line in lines]
    writing = _writing(references)
    rouge_tokens = "rouge-score" if writing.ascii else "unicode"
    signatures = {}
    if "f1" in names:
        signatures["f1"] = f"refs:best|norm:squad2|tok:{'characters' if writing.unspaced else 'words'}"
    if names & {"rouge1", "rouge2", "rougeL"}:
        signatures["rouge"] = f"refs:best|stem:no|score:f|tok:{rouge_tokens}|version:{ROUGE_VERSION}"
    if "bleu" in names:
        signatures["bleu"] = _sacrebleu_signature(BLEU(tokenize=writing.bleu_tokenizer), references)
    if "chrf" in names:
        signatures["chrf"] = _sacrebleu_signature(CHRF(), references)
    return signatures


def _sacrebleu_signature(metric: BLEU | CHRF, references: Sequence[Sequence[str]]) -> str:
    numbers = {len(texts) for texts in references}
    metric.num_refs = numbers.pop() if len(numbers) == 1 else -1  # what scoring a corpus would set
    return str(metric.get_signature())
