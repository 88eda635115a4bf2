"""Answers that take no model: what a figure has to beat before it means something.

A baseline is built from training records alone and answers samples (`AnswerFunction`), so it goes through
`answer_samples` like any model:

    answer_samples("majority_answer", majority_answer(train), samples, sampling, eval_dir)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from tunesmith.errors import DataError
from tunesmith.evaluation.runner import AnswerFunction, Sample
from tunesmith.evaluation.texts import Writing, normalize_answer, words
from tunesmith.lm import Completion, OnAnswer
from tunesmith.records import Message, Record

Answerer = Callable[[Sequence[Sample]], list[str]]


def majority_answer(train: Iterable[Record]) -> AnswerFunction:
    """Always the most frequent answer of the sample's family in the training records, or of all where it is new.

    Answers are counted normalized and given as first written; of equally frequent ones the first seen.

    Raises:
        DataError: no training record has an answer.
    """
    return _by_task(train, _majority)


def nearest_example(train: Iterable[Record]) -> AnswerFunction:
    """The answer of the most similar training prompt of the sample's family, or of all where it is new.

    Similarity is the cosine of TF-IDF vectors of words and word pairs (characters where there are no spaces); of
    equally similar prompts the first.

    Raises:
        DataError: no training record has an answer.
    """
    return _by_task(train, _nearest)


def _by_task(train: Iterable[Record], learn: Callable[[Sequence[Record]], Answerer]) -> AnswerFunction:
    """Learn from each task, and from all records together when a sample's family is not among them."""
    records = [record for record in train if record.answer is not None]
    if not records:
        raise DataError("no training record has an answer to take a baseline from. Check data/train.jsonl of the run.")
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_task[record.task].append(record)
    learned: dict[str | None, Answerer] = {}

    def answer(samples: Sequence[Sample], _on_answer: OnAnswer | None = None) -> list[Completion]:
        texts: list[str] = [""] * len(samples)
        for family in sorted({sample.family for sample in samples}):
            name = family if family in by_task else None
            if name not in learned:
                learned[name] = learn(records if name is None else by_task[name])
            mine = [position for position, sample in enumerate(samples) if sample.family == family]
            for position, text in zip(mine, learned[name]([samples[position] for position in mine]), strict=True):
                texts[position] = text
        return [Completion(text, "stop") for text in texts]

    return answer


def _majority(records: Sequence[Record]) -> Answerer:
    written: dict[str, list[str]] = defaultdict(list)
    for record in records:
        answer = record.answer or ""
        written[normalize_answer(answer, Writing.of([answer]))].append(answer)
    most_frequent = max(written.values(), key=len)[0]  # of equals max() takes the first
    return lambda samples: [most_frequent] * len(samples)


def _nearest(records: Sequence[Record]) -> Answerer:
    vectorizer = TfidfVectorizer(tokenizer=lambda text: words(text) or [""], token_pattern=None, ngram_range=(1, 2))
    known = vectorizer.fit_transform([_text(record.prompt) for record in records])
    answers = [record.answer or "" for record in records]

    def nearest(sample: Sample) -> str:
        similarity = (vectorizer.transform([_text(sample.prompt)]) @ known.T).toarray()[0]
        # Rounded, so that equal prompts stay equal whatever the order of a sum; argmax takes the first of equals.
        return answers[int(np.round(similarity, 9).argmax())]

    return lambda samples: [nearest(sample) for sample in samples]


def _text(prompt: Sequence[Message]) -> str:
    return "\n".join(message.content for message in prompt)
