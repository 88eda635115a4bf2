"""The rows of a task's metrics, for every system on the same samples; and which metrics a task shows.

Most metrics sum columns that stand in the ``scores`` of each line; BLEU, chrF and macro-F1 count their rows from the texts.
Which metrics a task shows follows from its references and from what is expected of its answers (`choose_metrics`), unless
somebody chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from tunesmith.evaluation.lines import Line
from tunesmith.evaluation.metrics import METRICS, TEXT_METRICS, Metric, Score
from tunesmith.evaluation.ngrams import BLEU_ORDER, bleu_rows, chrf_rows
from tunesmith.evaluation.sensitivity import cluster_rows
from tunesmith.evaluation.task_kinds import has_fewer_words, label_of, label_set, task_kind
from tunesmith.evaluation.texts import ROUGE_VERSION, Writing
from tunesmith.stats import Floats

ALL = "*"

Unit = Literal["samples", "groups of rephrasings"]
Answered = Mapping[str, Sequence[Line]]  # system → its lines of one task, the same samples in the same order


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


# -- which metrics it shows --------------------------------------------------------------------------------------------


def wanted_metrics(choice: Mapping[str, Sequence[str]], task: str, group: str) -> Sequence[str] | None:
    """The metrics somebody chose for a task: under its own name, its group's (the stem of the file), or ``*``."""
    return next((choice[name] for name in (task, group, ALL) if name in choice), None)


def choose_metrics(lines: Sequence[Line], wanted: Sequence[str] | None = None) -> list[str]:
    """The metrics a task shows, in the order of `METRICS`: those wanted which are defined on it, else by what it asks.

    A metric is defined where every line has its columns, and what else it needs. Where programs, entities or followed
    instructions are asked for, overlap with a reference text is left out; BLEU, where most references are too short to
    have a run of the four words it counts.
    """
    defined = [metric.name for metric in METRICS.values() if _is_defined(metric, lines, wanted is not None)]
    if wanted is not None:
        return [name for name in defined if name in wanted]
    kind, left_out = task_kind(lines), set()
    if kind in ("code", "entities", "instructions", "likelihood"):
        left_out = {metric.name for metric in TEXT_METRICS}
    elif kind != "long" and has_fewer_words(lines, BLEU_ORDER):
        left_out = {"bleu"}
    return [name for name in defined if name not in left_out] or defined


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
    return tuple(sorted({label_of(texts[0]) for texts in references}))


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
        if (number := numbers.get(label_of(text))) is not None:
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
