"""Train, validation and test: groups stay whole, tasks keep their shares, the counts are exact.

Records are one group where they come from one row, ask the same question (see `prompt_key`) or look alike, directly or
through others, so that nothing held out is asked in training, nor anything like it. Records look alike where

- their prompts differ by one word and their answers by none, or their answers are long and the same,
- their prompts, or their answers, share most of their word pairs.

Word pairs that very many records have count for nothing: they are the template, and rows of one template are different
rows. Which group goes where depends on the seed and the records, not on their order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tunesmith.curation.dedup import SHINGLE_WORDS, prompt_key, question_and_answer
from tunesmith.curation.mix import order_key
from tunesmith.curation.neighbors import Bands, jaccard, links, listed, runs
from tunesmith.curation.words import (
    WordFile,
    chunked,
    halves,
    hash_words,
    sequence_hashes,
    shingles,
    text_number,
    variants,
)
from tunesmith.errors import DataError
from tunesmith.records import Record

HELD_OUT = ("test", "validation")
NEAR = 0.6  # shared word pairs of two prompts or two answers that look alike; lower than for what is dropped
NUM_PERM = 32
MIN_SHINGLES = (4, 16)  # of a prompt, of an answer: with fewer that are not the template's there is too little to tell
MIN_WORDS = 3  # of a prompt; with fewer, one other word is another question
NUM_CACHED = 4096  # texts whose word pairs are in memory
COUNTERS = 2**22  # for how often each word pair occurs
LONG_ANSWER = 8  # words
VARIANTS_AT_ONCE = 2**23  # one-word variants are compared in so large parts, to need less memory


@dataclass(frozen=True)
class Groups:
    """Records that must stay together.

    Attributes:
        of: the group of each record.
        sizes: records of each group.
        keys: the smallest record id of each group.
        tasks: the task of that record, as a number.
    """

    of: np.ndarray
    sizes: np.ndarray
    keys: list[str]
    tasks: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)


def split_records(
    records: Sequence[Record], *, validation_fraction: float, test_fraction: float, seed: int
) -> list[str]:
    """The split of each record: ``train``, ``validation`` or ``test``.

    Of n records ``round(n * fraction)`` are held out, at least one where the fraction is above 0, in the shares their
    tasks have (largest remainder). Groups stay whole: where no choice of them gives that number, it is a few less.

    Raises:
        DataError: too few records, or too few different questions, to fill every split.
    """
    fractions = {"test": test_fraction, "validation": validation_fraction}
    wanted = {name: max(1, round(len(records) * fractions[name])) for name in HELD_OUT if fractions[name] > 0}
    if sum(wanted.values()) >= len(records):
        raise _too_few(f"{len(records)} records", wanted)
    if not wanted:
        return ["train"] * len(records)
    groups = group_records(records)
    split_of = np.full(len(groups), "train", dtype="U10")
    waiting = list(range(len(groups)))
    for name, count in wanted.items():
        waiting.sort(key=lambda group: order_key(seed, name, groups.keys[group])[:8])
        # The last group is for training, whatever happens.
        chosen = _choose_groups(groups, waiting, count) if len(waiting) > 1 else []
        if not chosen or len(chosen) == len(waiting):
            raise _too_few(f"{len(groups)} groups of records with the same question", wanted)
        split_of[chosen] = name
        taken = set(chosen)
        waiting = [group for group in waiting if group not in taken]
    return split_of[groups.of].tolist()


def group_records(records: Sequence[Record]) -> Groups:
    """Groups of records that share a source row or a question, or look alike, directly or through others."""
    num_records = len(records)
    rows, prompts = np.zeros(num_records, dtype=np.uint64), np.zeros(num_records, dtype=np.uint64)
    ids: list[str] = []
    tasks: dict[str, int] = {}
    task_of = np.zeros(num_records, dtype=np.int32)

    def texts() -> Iterator[tuple[str, str]]:
        for k, record in enumerate(records):
            rows[k] = text_number(record.source or record.id)
            prompts[k] = int.from_bytes(prompt_key(record)[:8], "little")
            ids.append(record.id)
            task_of[k] = tasks.setdefault(record.task, len(tasks))
            yield question_and_answer(record)

    with WordFile() as words:
        for chunk in chunked(texts()):
            words.append(hash_words([text for pair in chunk for text in pair]))
        pairs = np.concatenate([links(rows), links(prompts), near_pairs(words)])
    of = _joined(pairs, num_records)
    alphabet = np.argsort(np.argsort(np.array(list(tasks), dtype=object)))
    order = sorted(range(num_records), key=lambda k: (ids[k], alphabet[task_of[k]]))
    _, first = np.unique(of[order], return_index=True)
    firsts = [order[k] for k in first.tolist()]
    return Groups(of, np.bincount(of), [ids[k] for k in firsts], alphabet[task_of[firsts]])


def near_pairs(words: WordFile) -> np.ndarray:
    """Pairs of records that look alike; the words of record k are those of the texts 2k (prompt) and 2k + 1 (answer)."""
    num_records = (len(words.offsets) - 1) // 2
    most = max(10, num_records // 1000)  # what occurs more often is a template's
    few = min(most, max(2, num_records // 20))  # in a small set a question that six ask with another word is one, too
    return np.concatenate(
        [
            _alike(words, num_records, most),
            _one_word_apart(words, num_records, few),
            _same_long_answer(words, num_records, most),
        ]
    )


def _alike(words: WordFile, num_records: int, most: int) -> np.ndarray:
    """Pairs that share most of the word pairs of their prompts, or of their answers."""
    counters = np.zeros(COUNTERS, dtype=np.uint32)
    for _, hashes, offsets in words.chunks():
        np.add.at(counters, shingles(hashes, offsets, SHINGLE_WORDS)[0] % np.uint64(COUNTERS), 1)
    bands = Bands(2 * num_records, NEAR, NUM_PERM)
    for first, hashes, offsets in words.chunks():
        values, offsets = _telling(*shingles(hashes, offsets, SHINGLE_WORDS), counters, most)
        lengths = np.diff(offsets)
        is_answer = (first + np.arange(len(lengths))) % 2
        bands.enter(first, values, offsets, is_answer.astype(np.uint64))
        bands.has_words[first : first + len(lengths)] = lengths >= np.array(MIN_SHINGLES)[is_answer]

    @lru_cache(NUM_CACHED)
    def said(text: int) -> frozenset[int]:
        return frozenset(_telling(*shingles(*words.read(text, text + 1), SHINGLE_WORDS), counters, most)[0].tolist())

    pairs = bands.pairs()
    del bands
    alike = [pair for pair in listed(pairs) if jaccard(said(pair[0]), said(pair[1])) >= NEAR]
    return np.array(alike, dtype=np.int64).reshape(-1, 2) // 2


def _telling(values: np.ndarray, offsets: np.ndarray, counters: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The shingles that are not a template's."""
    stays = counters[values % np.uint64(COUNTERS)] <= most
    return values[stays], np.concatenate([[0], np.cumsum(stays)])[offsets]


def _one_word_apart(words: WordFile, num_records: int, most: int) -> np.ndarray:
    """Pairs with the same answer whose prompts differ by one word; not where more than ``most`` do: a template."""
    chosen = _with_half_in_common(words, num_records)
    num_slices = 1 + int(np.diff(words.offsets)[::2][chosen].sum()) // VARIANTS_AT_ONCE
    found = [np.zeros((0, 2), dtype=np.int64)]
    for part in range(num_slices if chosen.any() else 0):
        numbers, places = [], []
        for first, hashes, offsets in words.chunks():
            number, place = _variants_of_prompts(hashes, offsets, chosen[first // 2 :])
            mine = number % np.uint64(num_slices) == part
            numbers.append(number[mine])
            places.append(place[mine] + first // 2)
        number, place = np.concatenate(numbers), np.concatenate(places)
        found.append(place[_chained(number, most)])
    return np.concatenate(found)


def _with_half_in_common(words: WordFile, num_records: int) -> np.ndarray:
    """Whether another prompt with the same answer begins with the same half of its words, or ends with it."""
    numbers = np.zeros((2, 2, num_records), dtype=np.uint64)
    for first, hashes, offsets in words.chunks():
        answers, prompts = sequence_hashes(hashes, offsets)[1::2], _prompts(hashes, offsets)
        numbers[:, :, first // 2 : first // 2 + len(answers)] = halves(*prompts, answers)
    record = np.tile(np.arange(num_records), 2)
    is_met = np.zeros(num_records, dtype=bool)
    for half in numbers.reshape(2, -1):
        order = np.argsort(half, kind="stable")
        one, other = order[:-1], order[1:]
        meets = (half[one] == half[other]) & (record[one] != record[other])
        is_met[record[one[meets]]] = is_met[record[other[meets]]] = True
    return is_met & (np.diff(words.offsets)[::2] >= MIN_WORDS)


def _same_long_answer(words: WordFile, num_records: int, most: int) -> np.ndarray:
    """Pairs whose answers are long and equal; not where very many are: a refusal, a form."""
    numbers = np.zeros(num_records, dtype=np.uint64)
    for first, hashes, offsets in words.chunks():
        answers = sequence_hashes(hashes, offsets)[1::2]
        numbers[first // 2 : first // 2 + len(answers)] = np.where(np.diff(offsets)[1::2] < LONG_ANSWER, 0, answers)
    long = np.flatnonzero(numbers)
    return long[_chained(numbers[long], most)]


def _chained(numbers: np.ndarray, most: int) -> np.ndarray:
    """Pairs (num_pairs, 2) that join the places of equal numbers, unless a number stands in more than ``most``."""
    order, starts, lengths = runs(numbers)
    starts, lengths = starts[lengths <= most], lengths[lengths <= most]
    found = [np.zeros((0, 2), dtype=np.int64)]
    for step in range(1, int(lengths.max(initial=1))):
        longer = starts[lengths > step] + step
        found.append(np.stack([order[longer - 1], order[longer]], axis=1))
    return np.concatenate(found)


def _variants_of_prompts(hashes: np.ndarray, offsets: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`variants` of the chosen prompts, salted with their answers."""
    answers = sequence_hashes(hashes, offsets)[1::2]
    chosen = np.flatnonzero(chosen[: len(answers)])
    hashes, offsets = _prompts(hashes, offsets)
    lengths = np.diff(offsets)
    stays = np.isin(np.repeat(np.arange(len(lengths)), lengths), chosen)
    numbers, places = variants(hashes[stays], np.append(0, np.cumsum(lengths[chosen])), answers[chosen])
    return numbers, chosen[places]


def _prompts(hashes: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The words of every other text."""
    lengths = np.diff(offsets)
    return hashes[np.repeat(np.arange(len(lengths)) % 2 == 0, lengths)], np.append(0, np.cumsum(lengths[::2]))


def _joined(pairs: np.ndarray, num_records: int) -> np.ndarray:
    """The group of each record: numbers from 0."""
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(num_records, num_records))
    return connected_components(graph, directed=False)[1]


def _choose_groups(groups: Groups, waiting: Sequence[int], count: int) -> list[int]:
    """Groups of ``count`` records in all: by task where they fit, then by what fits; the smallest where none does."""
    sizes, tasks = groups.sizes.tolist(), groups.tasks.tolist()
    total: Counter[int] = Counter()
    for group in waiting:
        total[tasks[group]] += sizes[group]
    quota = _quotas(total, count)
    chosen: dict[int, None] = {}
    for group in waiting:
        if sizes[group] <= quota[tasks[group]]:
            quota[tasks[group]] -= sizes[group]
            chosen[group] = None
    missing = count - sum(sizes[group] for group in chosen)
    for group in waiting if missing else ():
        if group not in chosen and sizes[group] <= missing:
            missing -= sizes[group]
            chosen[group] = None
    _exchange(chosen, waiting, sizes, missing)
    return list(chosen) or [min(waiting, key=lambda group: sizes[group])]


def _exchange(chosen: dict[int, None], waiting: Sequence[int], sizes: Sequence[int], missing: int) -> None:
    """Where only larger groups are left, give one back for another that is larger by just what is missing."""
    left: dict[int, int] = {}
    for group in waiting if missing else ():
        if group not in chosen:
            left.setdefault(sizes[group], group)
    for group in waiting if missing else ():
        larger = left.get(sizes[group] + missing)
        if group in chosen and larger is not None:
            del chosen[group]
            chosen[larger] = None
            return


def _quotas(sizes: Counter[int], count: int) -> dict[int, int]:
    """``count`` shared out by size, the remainders to the largest (Hamilton's method)."""
    exact = {task: count * size / sizes.total() for task, size in sizes.items()}
    quotas = {task: math.floor(share) for task, share in exact.items()}
    by_remainder = sorted(exact, key=lambda task: (quotas[task] - exact[task], task))
    for task in by_remainder[: count - sum(quotas.values())]:
        quotas[task] += 1
    return quotas


def _too_few(what: str, wanted: Mapping[str, int]) -> DataError:
    splits = " and ".join(name for name in ("validation", "test") if name in wanted)
    return DataError(
        f"data: {what} are too few for a training split beside {splits}."
        " Add rows, or set data.validation_fraction or data.test_fraction to 0."
    )
