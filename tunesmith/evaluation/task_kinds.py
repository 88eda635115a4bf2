"""What kind of answers a task asks for, told from its questions and references, and by which metric it is judged then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from tunesmith.evaluation.lines import Line, expected
from tunesmith.evaluation.number_answers import references_are_numbers
from tunesmith.evaluation.texts import Writing, answer_tokens, normalize_answer

MAX_LABELS = 20
MIN_LABEL_SAMPLES = 20
MIN_SAMPLES_PER_LABEL = 2
SAMPLES_PER_FURTHER_LABEL = 20  # more than 20 labels are labels where each has 20 samples on average
MAX_SHORT_TOKENS = 5

Kind = Literal["labels", "numbers", "short", "long", "entities", "json", "code", "instructions", "likelihood", "open"]


def label_set(references: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """The normalized labels of a task whose references are a small label set, sorted; None for any other task.

    That is: at least 20 samples, each with one (normalized) reference of at most 5 words; 2 to 20 distinct ones, or more
    where each has 20 samples on average; each seen at least twice.
    """
    most = max(MAX_LABELS, len(references) // SAMPLES_PER_FURTHER_LABEL)
    counts: Counter[str] = Counter()
    for texts in references:
        names = set(map(label_of, texts))
        counts.update(names)
        if len(names) > 1 or len(counts) > most or not all(map(is_short, names)):
            return None
    if counts.total() < MIN_LABEL_SAMPLES or len(counts) < 2 or min(counts.values()) < MIN_SAMPLES_PER_LABEL:
        return None
    return tuple(sorted(counts))


def label_of(text: str) -> str:
    """A text as it is compared with labels."""
    return normalize_answer(text, Writing.of([text]))


def is_short(text: str) -> bool:
    """Whether a reference has so few words that an answer is right or wrong, and not more or less like it."""
    return _num_tokens(text) <= MAX_SHORT_TOKENS


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


def has_fewer_words(lines: Sequence[Line], num_words: int) -> bool:
    """Whether most first references have fewer words than that; characters where words are not divided by spaces."""
    firsts = [line["references"][0] for line in lines if line["references"]]
    lengths = [len(text) if Writing.of([text]).unspaced else len(text.split()) for text in firsts]
    return bool(lengths) and bool(np.median(lengths) < num_words)


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
