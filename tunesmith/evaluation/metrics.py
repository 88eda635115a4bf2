"""Scores of a task: each metric as rows of numbers, one row per sample, and a function of their sum.

So the value, its bootstrap interval and its paired test come from one place (see `tunesmith.stats`), and corpus BLEU,
chrF and macro-F1 are resampled without counting a single n-gram again. Values equal sacrebleu's and scikit-learn's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from tunesmith.evaluation.scorers import SAMPLE_METRICS, Writing, answer_tokens, normalize_answer
from tunesmith.stats import Floats

MAX_LABELS = 20
MIN_LABEL_SAMPLES = 20
MIN_SAMPLES_PER_LABEL = 2
MAX_SHORT_TOKENS = 5

Kind = Literal["labels", "short", "long"]
Score = Callable[[Floats], Floats]
Scores = Sequence[Mapping[str, float]]  # of each sample


@dataclass(frozen=True)
class Metric:
    """What a metric measures and how its numbers are to be read; all of ours are better when higher.

    Attributes:
        title: for people.
        scale: the highest value: 1, or 100 for sacrebleu's.
        is_proportion: each sample is right or wrong, so Wilson's interval and McNemar's test apply.
        is_mean: the value is the mean of the samples' scores; otherwise it is a statistic of the whole task.
    """

    name: str
    title: str
    scale: float = 1.0
    is_proportion: bool = False
    is_mean: bool = True
    higher_is_better: bool = True


METRICS = {
    metric.name: metric
    for metric in (
        Metric("exact_match", "exact match", is_proportion=True),
        Metric("verbatim_match", "verbatim match", is_proportion=True),
        Metric("f1", "token F1"),
        Metric("rouge1", "ROUGE-1"),
        Metric("rouge2", "ROUGE-2"),
        Metric("rougeL", "ROUGE-L"),
        Metric("bleu", "BLEU", scale=100.0, is_mean=False),
        Metric("chrf", "chrF", scale=100.0, is_mean=False),
        Metric("accuracy", "accuracy", is_proportion=True),
        Metric("macro_f1", "macro-F1", is_mean=False),
    )
}


@dataclass(frozen=True)
class Measurement:
    """One metric of one task, for every system on the same samples.

    Attributes:
        rows: system → ``(n, k)``, what each sample adds to the sum.
        score: sums ``(…, k)`` → values ``(…,)``.
    """

    metric: Metric
    rows: Mapping[str, Floats]
    score: Score


# -- what kind of task it is -------------------------------------------------------------------------------------------


def label_set(references: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """The normalized labels of a task whose references are a small label set, sorted; None for any other task.

    That is: at least 20 samples, each with one (normalized) reference of at most 5 words; 2 to 20 distinct ones, each
    seen at least twice.
    """
    counts = Counter(frozenset(map(_label, texts)) for texts in references)
    if sum(counts.values()) < MIN_LABEL_SAMPLES or not 2 <= len(counts) <= MAX_LABELS:
        return None
    if min(counts.values()) < MIN_SAMPLES_PER_LABEL or any(len(texts) > 1 for texts in counts):
        return None
    labels = sorted(label for texts in counts for label in texts)
    return tuple(labels) if max(map(_num_tokens, labels)) <= MAX_SHORT_TOKENS else None


def _label(text: str) -> str:
    return normalize_answer(text, Writing.of([text]))


def _num_tokens(text: str) -> int:
    return len(answer_tokens(text, Writing.of([text])))


def task_kind(references: Sequence[Sequence[str]]) -> Kind:
    """`labels`, `short` (the median first reference has at most 5 words) or `long`."""
    if label_set(references) is not None:
        return "labels"
    return "short" if np.median([_num_tokens(texts[0]) for texts in references]) <= MAX_SHORT_TOKENS else "long"


def primary_metric(kinds: Sequence[Kind]) -> str:
    """The one metric a verdict is about where nobody chose one: by the references, and never by the scores.

    Accuracy where every task has labels, exact match where every answer is short, ROUGE-L as soon as one is long: it is
    defined for all three, and near F1 on short answers.
    """
    if "long" in kinds:
        return "rougeL"
    return "exact_match" if "short" in kinds else "accuracy"


# -- functions of sums -------------------------------------------------------------------------------------------------


def mean_score(sums: Floats) -> Floats:
    """Mean from ``(…, 2)`` sums: scores, samples."""
    return sums[..., 0] / sums[..., 1]


def bleu_score(sums: Floats) -> Floats:
    """Corpus BLEU (Papineni et al. 2002) from ``(…, 10)`` sums, as sacrebleu's ``BLEU`` with its default smoothing.

    Columns: length of the answers, of the nearest references, matched 1- to 4-grams, all 1- to 4-grams of the answers.
    A precision of 0 counts as 1 / (2^k total), k = 1, 2 …; no match at all, or no n-gram of some order, is 0.
    """
    length, reference_length, correct, total = sums[..., 0], sums[..., 1], sums[..., 2:6], sums[..., 6:10]
    halvings = np.cumsum(correct == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = 100 * np.where(correct > 0, correct / total, 1 / (2.0**halvings * total))
        brevity = np.where(length < reference_length, np.exp(1 - reference_length / length), 1.0)
        score = brevity * np.exp(np.log(precisions).mean(axis=-1))
    return np.where(correct.any(axis=-1) & (total > 0).all(axis=-1), score, 0.0)


def chrf_score(sums: Floats) -> Floats:
    """Corpus chrF2 (Popović 2015) from ``(…, 18)`` sums, as sacrebleu's ``CHRF``.

    Columns: n-grams of the answers, of the references, and matched ones; for each of 1 to 6 characters.
    """
    answer, reference, match = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    counted = (answer > 0) & (reference > 0)
    num_orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, match / np.maximum(answer, 1), 0.0).sum(axis=-1) / num_orders
    recall = np.where(counted, match / np.maximum(reference, 1), 0.0).sum(axis=-1) / num_orders
    factor = CHRF.BETA**2
    weighted = factor * precision + recall
    return 100 * (1 + factor) * precision * recall / np.where(weighted > 0, weighted, 1.0)


def macro_f1_score(sums: Floats) -> Floats:
    """Unweighted mean F1 of L labels from ``(…, 3 L)`` sums: right, predicted and actual samples of each label.

    A label that a resample neither holds nor predicts is left out of the mean, as scikit-learn does with labels it
    never sees.
    """
    right, predicted, actual = np.split(sums, 3, axis=-1)
    size = predicted + actual
    f1 = 2 * right / np.maximum(size, 1)
    return f1.sum(axis=-1) / np.maximum((size > 0).sum(axis=-1), 1)


# -- rows of a task ----------------------------------------------------------------------------------------------------


def measure_task(
    references: Sequence[Sequence[str]], predictions: Mapping[str, Sequence[str]], scores: Mapping[str, Scores]
) -> tuple[list[Measurement], dict[str, str]]:
    """Every metric that is defined on a task, for all systems, and the signature of each family of metrics.

    Args:
        references: of each sample.
        predictions, scores: system → of each sample, in the same order.
    """
    writing = Writing.of([text for texts in references for text in texts])
    # force: no warning on stderr about answers that end in " ."; how the references came is not ours to change.
    bleu = BLEU(tokenize=writing.bleu_tokenizer, force=True, references=_streams(references))
    chrf = CHRF(references=_streams(references))
    measurements = [_mean_measurement(METRICS[name], scores) for name in SAMPLE_METRICS]
    for name, metric, score in (("bleu", bleu, bleu_score), ("chrf", chrf, chrf_score)):
        rows = {system: _sacrebleu_rows(metric, texts) for system, texts in predictions.items()}
        measurements.append(Measurement(METRICS[name], rows, score))
    labels = label_set(references)
    if labels is not None:
        measurements += _label_measurements(labels, references, predictions, scores)
    return measurements, _signatures(writing, bleu, chrf)


def _signatures(writing: Writing, bleu: BLEU, chrf: CHRF) -> dict[str, str]:
    rouge_tokens = "rouge-score" if writing.ascii else "unicode"
    return {
        "f1": f"refs:best|norm:squad2|tok:{'characters' if writing.unspaced else 'words'}",
        "rouge": f"refs:best|stem:no|score:f|tok:{rouge_tokens}|version:{version('rouge-score')}",
        "bleu": str(bleu.get_signature()),
        "chrf": str(chrf.get_signature()),
    }


def _mean_measurement(metric: Metric, scores: Mapping[str, Scores]) -> Measurement:
    name = "exact_match" if metric.name == "accuracy" else metric.name
    rows = {system: np.array([(row[name], 1.0) for row in lines]) for system, lines in scores.items()}
    return Measurement(metric, rows, mean_score)


def _streams(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """sacrebleu's layout: the first references of all samples, the second …, None where a sample has fewer."""
    return [[texts[k] if k < len(texts) else None for texts in references] for k in range(max(map(len, references)))]


def _sacrebleu_rows(metric: BLEU | CHRF, predictions: Sequence[str]) -> Floats:
    # Not public, but what sacrebleu's own significance tests call; a test compares with its public corpus scores.
    return np.array(metric._extract_corpus_statistics(predictions, None), dtype=np.float64)


def _label_measurements(
    labels: tuple[str, ...],
    references: Sequence[Sequence[str]],
    predictions: Mapping[str, Sequence[str]],
    scores: Mapping[str, Scores],
) -> list[Measurement]:
    """Accuracy and macro-F1; an answer that is no label of the task is wrong, and no label's false alarm."""
    actual = _one_hot(labels, [texts[0] for texts in references])
    rows = {}
    for system, texts in predictions.items():
        predicted = _one_hot(labels, texts)
        rows[system] = np.hstack([predicted * actual, predicted, actual])
    return [_mean_measurement(METRICS["accuracy"], scores), Measurement(METRICS["macro_f1"], rows, macro_f1_score)]


def _one_hot(labels: tuple[str, ...], texts: Sequence[str]) -> Floats:
    names = [_label(text) for text in texts]
    return np.array([[float(name == label) for label in labels] for name in names])
