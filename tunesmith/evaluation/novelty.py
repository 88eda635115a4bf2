"""How new each test question is to a model that learned from given records: its family, its wording, its words.

A score is worth more on questions that training never saw, and means something else on each kind of them:

    family     whether any training record is of the question's task
    wording    how near its instruction is to the nearest one in training: cosine of counts of words and word pairs, where
               words that few instructions have (names, numbers, things) count as one and the same
    words      which words of the text to work on (of the whole request, where it is all in one) no training record has

By these each question belongs to one of `CLASSES`. It looks at requests alone, never at answers or scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from tunesmith.evaluation.answers import Answers
from tunesmith.evaluation.measurements import choose_metrics
from tunesmith.evaluation.request_parts import Request
from tunesmith.evaluation.samples import Sample
from tunesmith.evaluation.summary import summarize_answers
from tunesmith.evaluation.texts import words
from tunesmith.records import Record, last_request

SEEN, NEW_WORDING, NEW_WORDS, NEW_BOTH, NEW_FAMILY = (
    "wording and words as in training",
    "new wording",
    "new words",
    "new wording and new words",
    "a task never trained",
)
CLASSES = (SEEN, NEW_WORDING, NEW_WORDS, NEW_BOTH, NEW_FAMILY)
SEEN_SIMILARITY = 0.9
COMMON_SHARE = 0.002
"""A word of so many of the instructions belongs to their wording; a rarer one is a value that stands in it."""
MIN_COMMON = 3
BLANK = "_"
CHUNK = 256


@dataclass(frozen=True)
class Novelty:
    """What is new about a question.

    Attributes:
        similarity: of its wording to the nearest in training, 0..1; ``nearest``: the id of that record.
        new_words: those no training record has, as many as are told.
    """

    id: str
    task: str
    family_is_new: bool
    similarity: float
    nearest: str
    num_new_words: int
    new_words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The class it belongs to."""
        if self.family_is_new:
            return NEW_FAMILY
        wording, has_new_words = self.similarity < SEEN_SIMILARITY, self.num_new_words > 0
        return {(False, False): SEEN, (True, False): NEW_WORDING, (False, True): NEW_WORDS, (True, True): NEW_BOTH}[
            wording, has_new_words
        ]

    def to_dict(self) -> dict[str, Any]:
        """A line of ``eval/novelty.jsonl``."""
        return {**asdict(self), "new_words": list(self.new_words), "class": self.name}


def novelty_of(tasks: Mapping[str, Sequence[Sample]], train: Sequence[Record]) -> list[Novelty]:
    """How new each of the questions is to a model trained on these records, in their order; none without records."""
    samples = [sample for asked in tasks.values() for sample in asked]
    if not train or not samples:
        return []
    families = {record.task for record in train}
    known = {word for record in train for turn in record.messages for word in _words(turn.content)}
    nearest = _nearest_wordings(
        [_instruction(last_request(record.prompt)) for record in train],
        [_instruction(last_request(sample.prompt)) for sample in samples],
    )
    found = []
    for sample, (position, similarity) in zip(samples, nearest, strict=True):
        new = list(dict.fromkeys(word for word in _words(_worked_on(last_request(sample.prompt))) if word not in known))
        is_new = bool(sample.family) and sample.family not in families and families != {""}
        found.append(
            Novelty(sample.id, sample.task, is_new, round(similarity, 6), train[position].id, len(new), tuple(new[:10]))
        )
    return found


def _instruction(content: str | None) -> str:
    request = Request.of(content or "")
    return request.instruction.strip() or request.rest


def _worked_on(content: str | None) -> str:
    """The text to work on; the whole request where it is all in one."""
    request = Request.of(content or "")
    return request.rest if request.rest.strip() else request.instruction


def _words(text: str) -> list[str]:
    return [word.casefold() for word in words(text)]


def _nearest_wordings(train: Sequence[str], asked: Sequence[str]) -> list[tuple[int, float]]:
    """For each asked wording the position of the nearest of the training ones, and how near it is."""
    cut = [_words(text) for text in train]
    counts = Counter(word for text in cut for word in set(text))
    common = {word for word, count in counts.items() if count >= max(MIN_COMMON, COMMON_SHARE * len(train))}
    first: dict[str, int] = {}
    for position, text in enumerate(cut):
        first.setdefault(_masked(text, common), position)
    vectorizer = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, ngram_range=(1, 2))
    known = normalize(vectorizer.fit_transform([text or BLANK for text in first])).T.tocsc()
    masked = [_masked(_words(text), common) for text in asked]
    vectors = normalize(vectorizer.transform([text or BLANK for text in masked]))
    lengths = _full_lengths(masked, vectorizer)
    positions = list(first.values())
    found: list[tuple[int, float]] = []
    for start in range(0, len(asked), CHUNK):
        similar = csr_matrix(vectors[start : start + CHUNK] @ known).toarray()
        best = np.round(similar, 9).argmax(axis=1)  # rounded: equal wordings stay equal, and the first counts
        near = similar[np.arange(len(best)), best] * lengths[start : start + CHUNK]
        found += [(positions[place], float(min(1.0, score))) for place, score in zip(best, near)]
    return found


def _masked(text: Sequence[str], common: set[str]) -> str:
    """The words of a wording, rare ones as one blank; several blanks in a row are one."""
    kept = [word if word in common else BLANK for word in text]
    return " ".join(word for k, word in enumerate(kept) if word != BLANK or k == 0 or kept[k - 1] != BLANK)


def _full_lengths(texts: Sequence[str], vectorizer: CountVectorizer) -> np.ndarray:
    """By how much a cosine is too high because words and pairs that training never has were left out of the vector."""
    analyze, shares = vectorizer.build_analyzer(), []
    for text in texts:
        counts = Counter(analyze(text or BLANK))
        total = sum(count**2 for count in counts.values())
        known = sum(count**2 for gram, count in counts.items() if gram in vectorizer.vocabulary_)
        shares.append(np.sqrt(known / total) if total else 0.0)
    return np.array(shares)


# -- scores by class ---------------------------------------------------------------------------------------------------


def summarize_by_novelty(
    answered: Mapping[str, Answers], novelties: Sequence[Novelty], *, metric: str, seed: int = 0
) -> dict[str, Any] | None:
    """Each system's score on each class of questions, all tasks of a class together; None without any.

    Tasks that the metric is not defined on are left out: instructions have no ROUGE, and would leave their class without.

    Returns:
        ``metric``, ``title``; ``classes``: {class: {"n", "metrics": {system: {"value", "low", "high", "n"}},
        "comparisons": [rows as in the summary]}}, p adjusted for the number of classes.
    """
    class_of = {(one.task, one.id): one.name for one in novelties}
    regrouped = {
        system: _by_class({task: rows[task] for task in rows if choose_metrics(rows[task], (metric,))}, class_of)
        for system, rows in answered.items()
        if any(task in rows for task, _ in class_of)
    }
    classes = [name for name in CLASSES if any(name in parts for parts in regrouped.values())]
    if not classes:
        return None
    summary = summarize_answers(regrouped, seed=seed, metric=metric, metrics={"*": (metric,)})
    return {
        "metric": metric,
        "title": summary["metrics"][metric]["title"],
        "classes": {
            name: {
                "n": summary["tasks"][name]["n"],
                "metrics": summary["tasks"][name]["metrics"].get(metric, {}),
                "comparisons": [
                    row for row in summary["comparisons"] if row["task"] == name and row["metric"] == metric
                ],
            }
            for name in classes
        },
    }


def _by_class(rows: Answers, class_of: Mapping[tuple[str, str], str]) -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = {}
    for task, lines in rows.items():
        for line in lines:
            name = class_of.get((task, line["id"]))
            if name is not None:
                parts.setdefault(name, []).append({**line, "task": name, "group": "novelty"})
    return {name: parts[name] for name in CLASSES if name in parts}
