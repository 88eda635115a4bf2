"""The metrics there are: what each is called, what it is computed from, and how its numbers are to be read.

A metric is rows of numbers, one row per sample, and a function of their sum. So the value, its bootstrap interval and its
paired test come from one place (see `tunesmith.stats`), and corpus BLEU, chrF, macro-F1 and entity F1 are resampled without
counting anything again. Values equal sacrebleu's, scikit-learn's and seqeval's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.evaluation.ngrams import bleu_score, chrf_score
from tunesmith.evaluation.rephrasings import AXES, GIVEN
from tunesmith.stats import Floats

Score = Callable[[Floats], Floats]


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
        higher_is_better: None for a figure that describes and never judges: it has a difference with an interval, and no
            verdict. Spread, flips and drops grow with the score, so a better model has more of them.
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
    higher_is_better: bool | None = True
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
    _of_wordings("spread", "best wording less worst", higher_is_better=None),
    _of_wordings("flip_rate", "right to wrong or back", higher_is_better=None),
    *(
        _of_wordings(f"drop_{axis}", f"score lost: {axis}", lowest=-1.0, higher_is_better=None)
        for axis in dict.fromkeys([*AXES.values(), GIVEN])
    ),
)
METRICS = {metric.name: metric for metric in (*TEXT_METRICS, *OTHER_METRICS, *WORDING_METRICS)}


def is_judged(name: str) -> bool:
    """Whether a metric can say better or worse."""
    return METRICS[name].higher_is_better is not None


def check_metric_names(names: Iterable[str], where: str, *, judged: bool = False) -> None:
    """Refuse a metric that does not exist; ``where`` is the flag or the key of the recipe that names it.

    Args:
        judged: it is to give a verdict, so it must be one that can.
    """
    for name in names:
        if name not in METRICS:
            near = did_you_mean(name, METRICS) or f" There are: {', '.join(METRICS)}."
            raise UsageError(f"{where}: no such metric `{name}`.{near}")
        if judged and not is_judged(name):
            raise UsageError(
                f"{where}: `{name}` describes and gives no verdict, as a better model has more of it. Name one that does, "
                "such as worst_of_k."
            )
