"""Duplicates, exact, near and by meaning, and when two prompts are the same question.

Of records that are duplicates of each other the best stays: the one with the longest answer, then the longest question,
then one not written all in capitals or all in small letters, then the one whose id and ``path:line`` come first. That
depends on the records alone, not on their order. The drop says which record stayed, and why that one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import Field

from tunesmith.curation.neighbors import Bands, components, jaccard, listed, runs
from tunesmith.curation.openings import Openings, has_few_tokens
from tunesmith.curation.sameness import ASKS_FOR_CASE, Said, same_answer, same_question
from tunesmith.curation.stages import stage
from tunesmith.curation.vectors import alike, read_vectors
from tunesmith.curation.words import (
    WordFile,
    Words,
    chunked,
    hash_words,
    mixed,
    sequence_hashes,
    shingles,
    text_number,
)
from tunesmith.records import Drop, Message, Record, canonical_json

SHINGLE_WORDS = 2
SHORT_ANSWER = 8  # words; below it two answers must be equal
PAIRS_AT_ONCE = 2**9  # for which the texts of both are in memory
MAX_KEPT = 32  # of one set of linked records; a further one is compared with the first of them only
CACHED_WORDS, CACHED_RECORDS = 2**19, (16, 2048)  # of records that are being compared
ANSWER_SALT = np.uint64(0xA5A5A5A5A5A5A5A5)
SALTS = np.array([0, ANSWER_SALT], dtype=np.uint64)  # of the shingles of a question and of an answer

Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, order=True)
class Rank:
    """Which of two duplicates is better: the smaller."""

    answer: int
    question: int
    is_flat: bool
    id: str
    place: tuple[str, int]

    def reason(self, other: Rank) -> str:
        """Why this one stays and not the other."""
        for name, told in (
            ("answer", "its answer is longer"),
            ("question", "its question is longer"),
            ("is_flat", "it is written in capital and small letters"),
        ):
            if getattr(self, name) != getattr(other, name):
                return told
        return "as good as this one, its id comes first" if self.id != other.id else "the same row, it comes first"


@dataclass(frozen=True, slots=True)
class Kept:
    """The record that stays in the place of another, and why that one."""

    number: int
    source: str
    id: str
    why: str

    def place(self, dropped: Record) -> str:
        """Where it is; the id, too, where one row of the source holds both."""
        return self.source if self.source != dropped.source else f"{self.source} (id {self.id})"


@stage("drop_duplicates", "select")
def drop_duplicates(records: Sequence[Record], *, held_out: Sequence[str] = ()) -> Iterator[Record | Drop]:
    """Keep the best of records that say the same to the letter, white space aside; the drop names where it is.

    ``held_out``: paths of files whose records stay before those of all others (those of a test set).
    """
    keys = np.zeros(len(records), dtype="V16")
    for k, record in enumerate(records):
        keys[k] = content_key(record)
    keys = keys.view(np.uint64).reshape(-1, 2)
    order, starts, lengths = runs(mixed(keys[:, 0]) ^ keys[:, 1])
    dropped: dict[int, Kept] = {}
    for start, length in zip(starts.tolist(), lengths.tolist()):
        dropped.update(_keep_best(records, order[start : start + length].tolist(), held_out))
    del keys, order, starts, lengths
    for k, record in enumerate(records):
        if k in dropped:
            detail = f"says the same as {dropped[k].place(record)}: {dropped[k].why}."
            yield Drop(record.id, record.source, "drop_duplicates", "duplicate", detail)
        else:
            yield record


@stage("drop_near_duplicates", "select")
def drop_near_duplicates(
    records: Sequence[Record],
    *,
    threshold: Share = 0.8,
    num_perm: Annotated[int, Field(ge=16, le=512)] = 64,
    held_out: Sequence[str] = (),
) -> Iterator[Record | Drop]:
    """Keep the best of records that ask the same and answer the same in all but details.

    Candidates come from MinHash; of each pair question and answer are then compared apart: both must share
    ``threshold`` of their word pairs (true Jaccard), and what differs must not matter (see `sameness`). Records that
    share a passage but ask another question, or carry another answer, stay.
    """
    with WordFile() as words:
        bands = Bands(len(records), threshold, num_perm)
        _fill(records, words, bands)
        pairs = _alike_in_size(bands.pairs(least_bands=2 if bands.rows > 2 else 1), words.offsets, threshold)
        del bands
        pairs = pairs[_may_say_same(pairs, records)]
        pair_check = PairCheck(records, words, threshold, num_cached=_num_cached(pairs, words.offsets))
        dropped = _keep_best_linked(records, listed(pairs), pair_check, held_out)
        alike = {k: pair_check.tell(k, kept.number) for k, kept in dropped.items()}
    for k, record in enumerate(records):
        if k in dropped:
            kept = dropped[k]
            detail = f"nearly the same as {kept.place(record)} ({alike[k]} alike), which stays: {kept.why}."
            yield Drop(record.id, record.source, "drop_near_duplicates", "near_duplicate", detail)
        else:
            yield record


@stage("drop_semantic_duplicates", "select")
def drop_semantic_duplicates(
    records: Sequence[Record], *, vectors: str, threshold: Share = 0.95, held_out: Sequence[str] = ()
) -> Iterator[Record | Drop]:
    """Keep the best of records whose vectors point the same way and whose answers are the same.

    ``vectors`` is a file with one vector per record id (see `read_vectors`), of the question or of all the record says;
    ``threshold`` the least cosine. Every vector is compared with every other: time grows with the square of the rows.

    Raises:
        DataError: a file that cannot be read, records without a vector.
    """
    table = read_vectors(vectors, [record.id for record in records])

    def check(one: int, other: int) -> bool:
        return is_same_meaning(records[one], records[other])

    dropped = _keep_best_linked(records, alike(table, threshold), check, held_out)
    for k, record in enumerate(records):
        if k in dropped:
            kept = dropped[k]
            cosine = f"cosine {table[k] @ table[kept.number]:.2f}"
            detail = f"means the same as {kept.place(record)} ({cosine}), which stays: {kept.why}."
            yield Drop(record.id, record.source, "drop_semantic_duplicates", "semantic_duplicate", detail)
        else:
            yield record


def content_key(record: Record) -> bytes:
    """Digest of prompt, answer and tools, with every run of whitespace taken as one space."""
    said = [(m.role, " ".join(m.content.split()), " ".join(m.reasoning.split()), m.tool_calls) for m in record.messages]
    return _digest(canonical_json([said, record.tools]))


def prompt_key(record: Record) -> bytes:
    """Digest of the question, case, accents, punctuation and spacing aside; of the text where there is no question."""
    return _digest("\n".join(f"{m.role}:{_bare(m)}" for m in record.prompt or record.messages))


def question_and_answer(record: Record) -> tuple[str, str]:
    """What is asked (all earlier turns) and what is answered; of text without a question all is answer."""
    last = len(record.messages) - 1
    while last >= 0 and record.messages[last].role != "assistant":
        last -= 1
    if last < 0:
        return _joined(record.messages), ""
    return _joined(record.messages[:last]), _joined(record.messages[last:])


def is_same_meaning(one: Record, other: Record) -> bool:
    """For records whose questions are known to mean the same: are numbers and answers the same, too?"""
    a, b = _read(one), _read(other)
    numbers = [sorted(token for token in said.question.folded if token[-1:].isdigit()) for said in (a, b)]
    return _structure(one) == _structure(other) and numbers[0] == numbers[1] and _is_same_answer(a, b)


class PairCheck:
    """Are two records of a sequence near-duplicates? Word hashes first, and the texts only where those agree."""

    def __init__(self, records: Sequence[Record], words: WordFile, threshold: float, *, num_cached: int):
        self.records, self.words, self.threshold = records, words, threshold
        self.is_alike = lru_cache(65536)(self._is_alike)
        self.word_pairs = lru_cache(2 * num_cached)(self._word_pairs)
        self.record = lru_cache(num_cached)(self._record)

    def __call__(self, one: int, other: int) -> bool:
        return self.is_alike(min(one, other), max(one, other))

    def share(self, one: int, other: int, part: int) -> float:
        """How much of their word pairs (Jaccard) two records share: in the question (part 0), in the answer (1)."""
        return jaccard(self.word_pairs(2 * one + part), self.word_pairs(2 * other + part))

    def tell(self, one: int, other: int) -> str:
        """The same for a person; a part that neither has is left out."""
        return ", ".join(
            f"{name} {self.share(one, other, part):.2f}"
            for part, name in enumerate(("question", "answer"))
            if self.word_pairs(2 * one + part)
        )

    def _is_alike(self, one: int, other: int) -> bool:
        if any(self.share(one, other, part) < self.threshold for part in (0, 1)):
            return False
        a, b = self.record(one), self.record(other)
        return a.structure == b.structure and _is_same_said(a.said, b.said)

    def _word_pairs(self, text: int) -> frozenset[int]:
        return _word_pairs(self.words.read(text, text + 1)[0])

    def _record(self, k: int) -> _Read:
        record = self.records[k]
        return _Read(_structure(record), _read(record))


@dataclass(frozen=True)
class _Said:
    question: Said
    answer: Said
    texts: tuple[str, str]


@dataclass(frozen=True)
class _Read:
    structure: tuple[str, ...]
    said: _Said


def _read(record: Record) -> _Said:
    question, answer = question_and_answer(record)
    return _Said(Said(question), Said(answer), (question, answer))


def _is_same_said(one: _Said, other: _Said) -> bool:
    if one.texts == other.texts:
        return True
    answers = (one.answer, other.answer)
    return _is_same_answer(one, other) and same_question(one.question, other.question, answers=answers)


def _is_same_answer(one: _Said, other: _Said) -> bool:
    if one.texts[1] == other.texts[1] or one.texts[1].split() == other.texts[1].split():
        return True
    if ASKS_FOR_CASE.search(one.texts[0]) and one.answer.written != other.answer.written:
        return False
    return same_answer(one.answer, other.answer, is_text=not one.texts[0])


def _structure(record: Record) -> tuple[str, ...]:
    """What must be equal to the letter: roles, tools and the calls of them."""
    parts = [message.role for message in record.messages]
    calls = [message.tool_calls for message in record.messages if message.tool_calls]
    if record.tools or calls:
        parts.append(canonical_json([record.tools, calls]))
    return tuple(parts)


def _fill(records: Iterable[Record], words: WordFile, bands: Bands) -> None:
    """Put the words of every question and answer into the file, and the bands of their shingles into the table."""
    first = 0
    for chunk in chunked((*question_and_answer(record), *_structure(record)) for record in records):
        found = hash_words([text for parts in chunk for text in parts[:2]])
        words.append(found)
        values, offsets = shingles(found.hashes, found.offsets, SHINGLE_WORDS)
        values ^= np.repeat(np.resize(SALTS, len(offsets) - 1), np.diff(offsets))
        structures = np.array([_structure_number(parts[2:]) for parts in chunk], dtype=np.uint64)
        bands.enter(first, values, offsets[::2], structures + _must_agree(found))
        first += len(chunk)


def _must_agree(words: Words) -> np.ndarray:
    """A number per record that near-duplicates share: of its numbers and, where it is short, of its answer."""
    digits = np.flatnonzero(words.has_digit)
    numbers = np.zeros(len(words.lengths), dtype=np.uint64)
    places = np.searchsorted(words.offsets, digits, side="right") - 1
    np.add.at(numbers, places, mixed(words.hashes[digits].astype(np.uint64)))
    lengths = words.lengths
    is_short = lengths < SHORT_ANSWER
    is_short[::2] = False
    short = words.hashes[np.repeat(is_short, lengths)]
    answers = np.zeros(len(lengths), dtype=np.uint64)
    answers[is_short] = sequence_hashes(short, np.append(0, np.cumsum(lengths[is_short])))
    return mixed(numbers[::2]) + mixed(numbers[1::2] ^ ANSWER_SALT) + answers[1::2]


@lru_cache(4096)
def _structure_number(structure: tuple[str, ...]) -> int:
    return text_number("\n".join(structure))


def _alike_in_size(pairs: np.ndarray, offsets: np.ndarray, threshold: float) -> np.ndarray:
    """Pairs whose questions and answers are not too different in length to be alike."""
    lengths = np.diff(offsets).reshape(-1, 2)
    one, other = lengths[pairs[:, 0]], lengths[pairs[:, 1]]
    # Repeated words make a long text of few shingles, hence the allowance.
    return pairs[(np.minimum(one, other) >= threshold * np.maximum(one, other) * 0.8 - 1).all(axis=1)]


def _may_say_same(pairs: np.ndarray, records: Sequence[Record]) -> np.ndarray:
    """Which pairs are worth a closer look; the others are told apart by how their words begin, thousands at a time."""
    found = [np.zeros(0, dtype=bool)]
    for first in range(0, len(pairs), PAIRS_AT_ONCE):
        members, place = np.unique(pairs[first : first + PAIRS_AT_ONCE], return_inverse=True)
        said = [question_and_answer(records[k]) for k in members.tolist()]
        openings = Openings([question for question, _ in said])
        is_short = np.array([has_few_tokens(answer) for _, answer in said])
        one, other = place.reshape(-1, 2).T
        found.append(openings.may_agree(one, other) | ~(is_short[one] | is_short[other]))
    return np.concatenate(found)


def _num_cached(pairs: np.ndarray, offsets: np.ndarray) -> int:
    """How many records may be held in memory while pairs are compared: fewer of long ones."""
    mean = np.diff(offsets[::2])[pairs].mean() if len(pairs) else 1
    return int(np.clip(CACHED_WORDS / max(mean, 1), *CACHED_RECORDS))


def _word_pairs(hashes: np.ndarray) -> frozenset[int]:
    """What `shingles` hashes, as it is: every two words of a text, or its only word."""
    words = hashes.astype(np.uint64)
    return frozenset((words[:-1] << np.uint64(32) | words[1:] if len(words) > 1 else words).tolist())


def _keep_best(records: Sequence[Record], members: Iterable[int], held_out: Sequence[str]) -> dict[int, Kept]:
    """What is kept for each of some duplicates but the best."""
    ranked = sorted((rank(records[k], held_out), k) for k in members)
    best, number = ranked[0]
    return {k: _kept(records, number, best, other) for other, k in ranked[1:]}


def _keep_best_linked(
    records: Sequence[Record],
    pairs: Iterable[Sequence[int]],
    check: Callable[[int, int], bool],
    held_out: Sequence[str],
) -> dict[int, Kept]:
    """The same for sets of records that pairs link: from best to worst, one that is the same as one that stays is dropped."""
    dropped: dict[int, Kept] = {}
    for members in components(pairs, check):
        stays: list[tuple[tuple[bool, Rank], int]] = []
        for found, k in sorted((rank(records[k], held_out), k) for k in members):
            better = next(((best, other) for best, other in stays[:MAX_KEPT] if check(other, k)), None)
            if better is None:
                stays.append((found, k))
            else:
                dropped[k] = _kept(records, better[1], better[0], found)
    return dropped


def _kept(records: Sequence[Record], number: int, best: tuple[bool, Rank], other: tuple[bool, Rank]) -> Kept:
    why = best[1].reason(other[1]) if best[0] == other[0] else "it is held out"
    return Kept(number, records[number].source, best[1].id, why)


def rank(record: Record, held_out: Sequence[str] = ()) -> tuple[bool, Rank]:
    """Which of two duplicates is better: the smaller."""
    question, answer = question_and_answer(record)
    path, _, line = record.source.rpartition(":")
    place = (path, int(line)) if line.isdecimal() else (record.source, 0)
    longer = max(question, answer, key=len)
    is_flat = longer.isupper() or longer.islower()
    said = Rank(-len(" ".join(answer.split())), -len(" ".join(question.split())), is_flat, record.id, place)
    return path not in held_out, said


def _joined(messages: Sequence[Message]) -> str:
    if len(messages) == 1 and not messages[0].reasoning:
        return messages[0].content
    return "\n".join(f"{m.reasoning}\n{m.content}" if m.reasoning else m.content for m in messages)


def _bare(message: Message) -> str:
    """Letters and digits, folded; the text itself where it holds none ("+", "?"), so that such prompts stay apart."""
    folded = unicodedata.normalize("NFKD", message.content).casefold()
    return re.sub(r"[\W_]+", "", folded) or message.content.strip()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
