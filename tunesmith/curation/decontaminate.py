"""Records that hold what a model will be tested on: the same words in a row, or nearly the same text, as a benchmark.

Compared are the texts of a benchmark's rows, whatever its columns are called, with the turns and lines of a record:

- ``ngram`` consecutive words in common (13: Brown et al. 2020, appendix C); case, accents and punctuation aside;
- a shorter text of the benchmark that is a whole turn or line of the record's prompt, or stands in it, if of eight words;
- a text that shares most of its word pairs with a turn or line of the prompt (MinHash, then true Jaccard).

Words that ten rows of a benchmark have in common are its template, not its contents, and runs that are numbers for the
greater part ("1, 2, 3, 4 …") are nobody's: neither is looked for. What is
not found: a question asked in other words, or in another language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tunesmith.curation.neighbors import Bands, jaccard
from tunesmith.curation.sources import HubDataset, expand_paths
from tunesmith.curation.stages import stage
from tunesmith.curation.words import CHUNK_CHARACTERS, Words, hash_words, shingle_starts, shingles
from tunesmith.errors import DataError
from tunesmith.files import Row, file_sha256, read_rows
from tunesmith.privacy.texts import texts_in
from tunesmith.records import Drop, Record

MIN_WORDS = 5  # a shorter text says too little to be known again
MIN_NEAR_WORDS = 8
MIN_HELD_WORDS = (
    8  # in a row, of a text that is no longer (Brown et al. take 8 to 13 words, by the lengths of a benchmark)
)
MAX_ROWS = 10  # words in so many rows of a benchmark are its template
NUM_PERM = 64
SHINGLE_WORDS = 2
STAGE = "decontaminate"
RUN, WHOLE, NEAR = "{} words in a row are the same", "a turn or line is the same", "a turn or line is nearly the same"
HELD = "all its words are held"


@dataclass(frozen=True)
class Benchmark:
    """Texts of benchmark rows, and what is known of each."""

    places: list[str]  # path:line of each text
    runs: np.ndarray  # sorted hashes of what is looked for: `ngram` words, or all of a shorter text
    text_of_run: np.ndarray
    pairs: list[np.ndarray]  # the word pairs of each text
    template: np.ndarray  # word pairs that count for nothing
    bands: Bands
    ngram: int
    threshold: float
    short: list[int]  # lengths of the texts that are shorter than ``ngram`` and long enough to be held by others


@stage(STAGE, "select")
def decontaminate(
    records: Sequence[Record],
    *,
    against: Sequence[str],
    ngram: Annotated[int, Field(ge=MIN_WORDS)] = 13,
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8,
    held_out: Sequence[str] = (),
) -> Iterator[Record | Drop]:
    """Drop records that hold text of the evaluation files ``against``; the drop names file and line.

    Records of ``held_out`` files are the ones to be tested on and stay.

    Raises:
        DataError: a file that cannot be read, holds no text, or is a source of training records too.
    """
    files = benchmark_files(against)
    benchmark = read_benchmark(files, ngram=ngram, threshold=threshold)
    for chunk in _chunked(records):
        is_free = [record.source.rpartition(":")[0] not in held_out for record in chunk]
        _refuse_own_source((record for record, free in zip(chunk, is_free) if free), files)
        found = find_overlaps(hash_units(chunk, ngram=ngram, threshold=threshold), benchmark)
        for k, (record, free) in enumerate(zip(chunk, is_free)):
            yield Drop(record.id, record.source, STAGE, "contaminated", found[k]) if k in found and free else record


def summarize_contamination(drops: Iterable[Drop], against: Sequence[str]) -> list[dict[str, Any]]:
    """What `decontaminate` found of each benchmark file: for ``data/decontamination.json``.

    One entry per file: ``{path, sha256, rows, records, rows_found, how: {…: count}, examples: [{source, found}]}``.
    """
    found: dict[str, list[Drop]] = {}
    for drop in drops:
        if drop.stage == STAGE:
            place = drop.detail.rpartition(": ")[0]
            found.setdefault(place.rpartition(":")[0], []).append(drop)
    return [_entry(path, found.get(str(path), [])) for path in benchmark_files(against)]


def benchmark_files(against: Sequence[str]) -> list[Path]:
    """The files that are named. Raises `DataError` for one that is not there (with the nearest name)."""
    files: list[Path] = []
    for path in against:
        expanded = expand_paths(path)
        if isinstance(expanded, HubDataset):
            raise DataError(f"{path}: no such file or folder. Save the benchmark in a file first.")
        files += expanded
    return list(dict.fromkeys(files))


def read_benchmark(files: Sequence[Path], *, ngram: int, threshold: float) -> Benchmark:
    """Everything that is looked for. Raises `DataError` for a file without text."""
    places: list[str] = []
    texts: list[str] = []
    for file in files:
        before = len(texts)
        for row in read_rows(file):
            if isinstance(row, Row):
                said = list(_texts(row.value))
                texts += said
                places += [row.source] * len(said)
        if len(texts) == before:
            raise DataError(f"{file}: no row with a text of {MIN_WORDS} words or more. Name a file of questions.")
    words = hash_words(texts)
    values, offsets = shingles(words.hashes, words.offsets, ngram)
    owners = np.repeat(np.arange(len(texts)), np.diff(offsets))
    telling = _is_telling(words, ngram)
    runs, text_of_run = _without_template(values[telling], owners[telling], places)
    pairs, pair_offsets = shingles(words.hashes, words.offsets, SHINGLE_WORDS)
    pair_owners = np.repeat(np.arange(len(texts)), np.diff(pair_offsets))
    template = np.setdiff1d(pairs, _without_template(pairs, pair_owners, places)[0])
    bands = Bands(len(texts), threshold, NUM_PERM)
    for first in range(0, len(texts), 8192):
        last = min(first + 8192, len(texts))
        part = pair_offsets[first : last + 1]
        bands.enter(first, pairs[part[0] : part[-1]], part - part[0], np.zeros(last - first, dtype=np.uint64))
    bands.has_words &= words.lengths >= MIN_NEAR_WORDS
    said = np.split(pairs, pair_offsets[1:-1])
    short = sorted({*words.lengths.tolist()} & {*range(MIN_HELD_WORDS, ngram)})
    return Benchmark(places, runs, text_of_run, said, template, bands, ngram, threshold, short)


@dataclass(frozen=True)
class Units:
    """Turns and lines of records as numbers.

    Attributes:
        words: of each unit.
        owners: the record of each unit.
        is_asked: whether a unit is of the prompt.
        runs, pairs: hashes of every `ngram` words and of every word pair, and where those of each unit begin.
        table: the bands of the pairs.
    """

    words: Words
    owners: np.ndarray
    is_asked: np.ndarray
    runs: tuple[np.ndarray, np.ndarray]
    pairs: tuple[np.ndarray, np.ndarray]
    table: np.ndarray


def hash_units(records: Sequence[Record], *, ngram: int, threshold: float) -> Units:
    """What `find_overlaps` looks at."""
    units = [unit for k, record in enumerate(records) for unit in _units(k, record)]
    words = hash_words([text for _, _, text in units])
    pairs = shingles(words.hashes, words.offsets, SHINGLE_WORDS)
    bands = Bands(len(units), threshold, NUM_PERM)
    bands.enter(0, *pairs, np.zeros(len(units), dtype=np.uint64))
    return Units(
        words,
        np.array([k for k, _, _ in units], dtype=np.int64),
        np.array([asked for _, asked, _ in units], dtype=bool),
        shingles(words.hashes, words.offsets, ngram),
        pairs,
        bands.table,
    )


def find_overlaps(units: Units, benchmark: Benchmark) -> dict[int, str]:
    """The records that were found in the benchmark: where, and how."""
    found: dict[int, str] = {}
    for unit, text in _near(units, benchmark):
        found[int(units.owners[unit])] = _told(benchmark, text, NEAR)
    for unit, text in _held(units, benchmark):
        found[int(units.owners[unit])] = _told(benchmark, text, HELD)
    for unit, text in _same(units, benchmark):
        how = RUN.format(benchmark.ngram) if units.words.lengths[unit] >= benchmark.ngram else WHOLE
        found[int(units.owners[unit])] = _told(benchmark, text, how)
    return found


def _same(units: Units, benchmark: Benchmark) -> Iterator[tuple[int, int]]:
    """(unit, text) where the words of a unit hold a run of the benchmark, or are all of a short text of it."""
    lengths = units.words.lengths
    counts = (lengths >= benchmark.ngram) | ((lengths >= MIN_WORDS) & units.is_asked)
    return _looked_up(*units.runs, counts, benchmark)


def _held(units: Units, benchmark: Benchmark) -> Iterator[tuple[int, int]]:
    """(unit, text) where all words of a short text stand in a prompt, among others."""
    for size in benchmark.short:
        counts = units.is_asked & (units.words.lengths > size)
        yield from _looked_up(*shingles(units.words.hashes, units.words.offsets, size), counts, benchmark)


def _looked_up(
    values: np.ndarray, offsets: np.ndarray, counts: np.ndarray, benchmark: Benchmark
) -> Iterator[tuple[int, int]]:
    """(unit, text) of every run of a unit that counts which is one of the benchmark."""
    owners = np.repeat(np.arange(len(counts)), np.diff(offsets))
    place = np.minimum(np.searchsorted(benchmark.runs, values), len(benchmark.runs) - 1)
    for hit in np.flatnonzero((benchmark.runs[place] == values) & counts[owners]) if len(benchmark.runs) else ():
        yield int(owners[hit]), int(benchmark.text_of_run[place[hit]])


def _near(units: Units, benchmark: Benchmark) -> Iterator[tuple[int, int]]:
    """(unit, text) where a prompt's turn or line shares most of its word pairs with a text of the benchmark."""
    values, offsets = units.pairs
    asked = np.flatnonzero(units.is_asked & (units.words.lengths >= MIN_NEAR_WORDS))
    texts = np.flatnonzero(benchmark.bands.has_words)
    for unit, text in sorted(set(_met(units.table, asked, benchmark.bands.table, texts))):
        ours, theirs = (
            set(np.setdiff1d(pairs, benchmark.template).tolist())
            for pairs in (values[offsets[unit] : offsets[unit + 1]], benchmark.pairs[text])
        )
        if len(theirs) >= MIN_WORDS and jaccard(ours, theirs) >= benchmark.threshold:
            yield unit, text


def _met(ours: np.ndarray, units: np.ndarray, theirs: np.ndarray, texts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs that have a band in common."""
    for own, other in zip(ours, theirs):
        order = texts[np.argsort(other[texts], kind="stable")]
        ranked = other[order]
        first, last = (np.searchsorted(ranked, own[units], side=side) for side in ("left", "right"))
        for k in np.flatnonzero(last > first):
            for text in order[first[k] : min(last[k], first[k] + MAX_ROWS)]:
                yield int(units[k]), int(text)


def _units(k: int, record: Record) -> Iterator[tuple[int, bool, str]]:
    """What is compared of a record: (record, was it asked, text) of every turn, and of the lines of what was asked."""
    for message in record.messages:
        is_asked = message.role != "assistant"
        yield k, is_asked, message.content
        lines = message.content.split("\n") if is_asked else []
        yield from ((k, True, line) for line in lines if len(lines) > 1 and line.count(" ") >= MIN_WORDS - 1)


def _texts(value: Any) -> Iterator[str]:
    """The texts of a row that say enough, in whatever columns."""
    return (text for _, text in texts_in(_with_sentences(value)) if text.count(" ") >= MIN_WORDS - 1)


def _with_sentences(value: Any) -> Any:
    """The same value, every list of words (a tagged sentence) as one text."""
    if isinstance(value, dict):
        return {name: _with_sentences(part) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    is_sentence = all(isinstance(part, str) and " " not in part for part in value)
    return " ".join(value) if is_sentence else [_with_sentences(part) for part in value]


def _is_telling(words: Words, ngram: int) -> np.ndarray:
    """Of each run of words, whether at least half of them hold no digit."""
    starts = shingle_starts(words.offsets, ngram)
    ends = np.minimum(starts + ngram, len(words.hashes))
    digits = np.concatenate([[0], np.cumsum(words.has_digit)])
    return digits[ends] - digits[starts] <= (ends - starts) // 2


def _without_template(values: np.ndarray, owners: np.ndarray, places: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The different values, sorted, each with its first owner; without those of `MAX_ROWS` rows or more."""
    rows = np.unique(np.array(places), return_inverse=True)[1]
    order = np.lexsort((rows[owners], values))
    values, owners = values[order], owners[order]
    is_new = np.concatenate([[True], (values[1:] != values[:-1]) | (rows[owners][1:] != rows[owners][:-1])])
    values, owners = values[is_new[: len(values)]], owners[is_new[: len(owners)]]
    runs, first, counts = np.unique(values, return_index=True, return_counts=True)
    return runs[counts < MAX_ROWS], owners[first[counts < MAX_ROWS]]


def _chunked(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += sum(len(message.content) for message in record.messages)
        if size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _refuse_own_source(records: Iterable[Record], files: Sequence[Path]) -> None:
    names = {str(file) for file in files}
    own = next((record.source for record in records if record.source.rpartition(":")[0] in names), None)
    if own is not None:
        raise DataError(
            f"{own}: this file is a source and stands in `against`, too. Give it `split: test`, or leave it out of one."
        )


def _told(benchmark: Benchmark, text: int, how: str) -> str:
    return f"{benchmark.places[text]}: {how}."


def _entry(path: Path, drops: Sequence[Drop]) -> dict[str, Any]:
    told = [drop.detail.rpartition(": ") for drop in drops]
    return {
        "path": str(path),
        "sha256": file_sha256(path),
        "rows": sum(isinstance(row, Row) for row in read_rows(path)),
        "records": len(drops),
        "rows_found": len({place for place, _, _ in told}),
        "how": dict(Counter(how.removesuffix(".") for _, _, how in told)),
        "examples": [{"source": drop.source, "found": drop.detail} for drop in drops[:10]],
    }
