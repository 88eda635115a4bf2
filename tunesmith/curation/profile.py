"""What records are like, in numbers: counted as they stream by, in bounded memory, the same in any order and in parts.

What is too dear for every record (language, personal data) is looked for in a sample: the `SAMPLE_SIZE` records whose id
has the smallest hash. Such a sample does not depend on order, and the samples of two parts give that of the whole.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunesmith.curation.clean import SPACELESS
from tunesmith.curation.language import UNKNOWN, identify_language
from tunesmith.curation.lengths import Lengths
from tunesmith.curation.sample import EVERY, HashSample, hash_of
from tunesmith.curation.sources import ReadReport
from tunesmith.privacy import TYPES
from tunesmith.privacy.fields import find_in_fields
from tunesmith.records import Record, canonical_json

SAMPLE_SIZE = 2_000
SAMPLE_CHARACTERS = 2_000  # of the prompt, and of the answer
MAX_PLACES = 3
MAX_NAMES = 1_000
MAX_HASHES = 2**20
MAX_TURNS = 10
SHORT_PROMPT = 3  # words; what `drop_short` leaves out by default
NONE_STATED = "none stated"
SPLITS = ("train", "validation", "test")
LICENSE_COLUMNS = ("license", "licence", "License", "Licence")
NO_HASHES, NO_COUNTS = np.empty(0, np.uint64), np.empty(0, np.int64)


class Profile:
    """Counts of records by file, licence, task, length and more. `add` in any order gives equal `to_dict`s.

    Args:
        licenses: licence by file path, as the recipe states it; a ``license`` column of a row goes before it.
    """

    def __init__(self, licenses: Mapping[str, str] | None = None) -> None:
        self._licenses = dict(licenses or {})
        self.num_records = 0
        self.splits: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._roles: Counter[str] = Counter()
        self._turns: Counter[int] = Counter()
        self._tasks, self._files, self._file_licenses = Names(), Names(), Names()
        self._lengths = {(part, unit): Lengths() for part in ("prompt", "answer") for unit in ("words", "characters")}
        self._contents, self._prompts = Repeats(), Repeats()
        self._sample = Sample()

    def add(self, record: Record, split: str = "") -> None:
        """Count a record, in a split where there are any."""
        self.num_records += 1
        self.splits[split] += 1
        path = record.source.rpartition(":")[0]
        self._files.add(path, split)
        self._file_licenses.add(f"{path}\0{_license(record) or self._licenses.get(path, NONE_STATED)}", split)
        if record.task:
            self._tasks.add(record.task, split)
        self._roles.update([message.role for message in record.messages])
        self._counts["num_with_tools"] += bool(record.tools)
        self._add_texts(record)

    def _add_texts(self, record: Record) -> None:
        prompt, answer = "\n".join(message.content for message in record.prompt), record.answer
        self._turns[min(MAX_TURNS, sum(message.role == "assistant" for message in record.messages))] += 1
        words = [message.content.split() for message in record.messages]
        num_before = len(record.prompt)
        if num_before:
            num_words = sum(map(len, words[:num_before]))
            self._add_length("prompt", num_words, len(prompt))
            self._counts["num_short_prompts"] += num_words < SHORT_PROMPT and _is_short(prompt, num_words)
            self._prompts.add(hash_of("\n".join(map(" ".join, words[:num_before])).casefold()))
        if answer is None:
            self._counts["num_without_answer"] += 1
        else:
            self._add_length("answer", len(words[num_before]), len(answer))
            self._counts["num_empty_answers"] += not words[num_before] and not record.messages[num_before].tool_calls
        self._contents.add(hash_of(_said(record, words)))
        self._sample.offer(record, prompt, answer)

    def _add_length(self, part: str, num_words: int, num_characters: int) -> None:
        self._lengths[part, "words"].add(num_words)
        self._lengths[part, "characters"].add(num_characters)

    def to_dict(self) -> dict[str, Any]:
        """The numbers behind the card. Looks through the sample, which takes a second or two."""
        return {
            "num_records": self.num_records,
            "splits": {split: self.splits[split] for split in sorted(self.splits, key=_place) if split},
            "files": self._told_files(),
            "tasks": self._tasks.to_dict(),
            "roles": dict(self._roles.most_common()),
            "turns": {str(turns): count for turns, count in sorted(self._turns.items())},
            **{name: self._counts[name] for name in COUNTS},
            "num_exact_duplicates": self._contents.num_repeated,
            "num_repeated_prompts": self._prompts.num_repeated,
            "repeats_are_exact": self._contents.is_exact and self._prompts.is_exact,
            "lengths": {
                part: {unit: self._lengths[part, unit].to_dict() for unit in ("words", "characters")}
                for part in ("prompt", "answer")
            },
            "sample_is_whole": self._sample.is_whole,
            "languages": self._sample.languages(),
            "personal_data": self._sample.personal_data(),
        }

    def _told_files(self) -> dict[str, Any]:
        files = self._files.to_dict()
        told = {path: {"splits": counts, "licenses": {}} for path, counts in files["counts"].items()}
        for name, counts in self._file_licenses.to_dict()["counts"].items():
            path, _, license = name.partition("\0")
            if path in told:
                told[path]["licenses"][license] = sum(counts.values())
        return told


COUNTS = ("num_without_answer", "num_empty_answers", "num_short_prompts", "num_with_tools")


class Names:
    """Counts by name and split. Of more than `MAX_NAMES` names those with the smallest hashes stay, with their whole
    counts, whatever the order was; how many records the others had is told in one number."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._bound, self._total = EVERY, 0

    def add(self, name: str, split: str) -> None:
        self._total += 1
        if name in self._counts:
            self._counts[name][split] += 1
        elif self._bound == EVERY or hash_of(name) < self._bound:
            self._counts[name] = Counter({split: 1})
            self._cut(2 * MAX_NAMES)

    def to_dict(self) -> dict[str, Any]:
        """``counts`` {name: {split: count}}, the largest first, and ``num_other`` records of names not told."""
        self._cut(MAX_NAMES)
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1].total(), item[0]))
        told = sum(counts.total() for counts in self._counts.values())
        return {
            "counts": {
                name: {split: counts[split] for split in sorted(counts, key=_place)} for name, counts in ordered
            },
            "num_other": self._total - told,
        }

    def _cut(self, limit: int) -> None:
        if len(self._counts) <= limit:
            return
        by_hash = sorted(self._counts, key=hash_of)
        self._bound = hash_of(by_hash[MAX_NAMES])
        self._counts = {name: self._counts[name] for name in by_hash[:MAX_NAMES]}


class Repeats:
    """How many of a stream of hashes came before. Exact up to `MAX_HASHES` different ones; from there on the hashes
    below a bound, with their whole counts, stand for all (a bottom-k sketch: Cohen and Kaplan 2007)."""

    def __init__(self) -> None:
        self._hashes, self._counts = NO_HASHES, NO_COUNTS
        self._new = array("Q")
        self._bound, self._total = EVERY, 0

    def add(self, number: int) -> None:
        self._total += 1
        if number < self._bound:
            self._new.append(number)
            if len(self._new) >= MAX_HASHES // 4:
                self._gather()

    @property
    def is_exact(self) -> bool:
        self._gather()
        return self._bound == EVERY

    @property
    def num_repeated(self) -> int:
        """Hashes seen before, each time they came again."""
        self._gather()
        kept = int(self._counts.sum())
        return round((kept - len(self._counts)) * self._total / kept) if kept else 0

    def _gather(self) -> None:
        """Take in the new hashes."""
        if not self._new:
            return
        new = np.frombuffer(self._new, np.uint64)
        every = np.concatenate([self._hashes, new])
        weights = np.concatenate([self._counts, np.ones(len(new), np.int64)])
        self._new = array("Q")
        self._hashes, inverse = np.unique(every, return_inverse=True)
        self._counts = np.bincount(inverse, weights, len(self._hashes)).astype(np.int64)
        if len(self._hashes) > MAX_HASHES:
            self._bound = min(self._bound, int(self._hashes[MAX_HASHES]))
        below = len(self._hashes) if self._bound == EVERY else np.searchsorted(self._hashes, np.uint64(self._bound))
        self._hashes, self._counts = self._hashes[:below], self._counts[:below]


@dataclass(frozen=True, order=True, slots=True)
class Sampled:
    """Where a sampled record stands, and the beginnings of what it says. Sorted by place."""

    path: str
    line: int
    prompt: str = field(compare=False)
    answer: str | None = field(compare=False)

    @property
    def source(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def language(self) -> str:
        """Of the answer; where that is too short, of prompt and answer."""
        found = identify_language(self.answer or "")
        return found if found != UNKNOWN else identify_language(f"{self.prompt}\n{self.answer or ''}")

    def find_types(self) -> Counter[str]:
        """Types of personal data in it, with how often."""
        texts = [text for text in (self.prompt, self.answer) if text]
        return Counter(span.type for spans in find_in_fields(texts) for span in spans)


class Sample(HashSample[Sampled]):
    """The beginnings of prompt and answer of `SAMPLE_SIZE` different records, chosen by a hash of their ids."""

    def __init__(self) -> None:
        super().__init__(SAMPLE_SIZE)

    def offer(self, record: Record, prompt: str, answer: str | None) -> None:
        """Take a record in where it belongs to the sample."""
        key = hash_of(record.id)
        if self.admits(key):
            path, _, line = record.source.rpartition(":")
            cut = None if answer is None else answer[:SAMPLE_CHARACTERS]
            place = int(line) if line.isdecimal() else 0
            self.put(key, Sampled(path, place, prompt[:SAMPLE_CHARACTERS], cut))

    def languages(self) -> dict[str, Any]:
        """Records of the sample by language."""
        counts = Counter(one.language for one in self)
        return {"num_sampled": len(self), "counts": dict(sorted(counts.items(), key=lambda i: (-i[1], i[0])))}

    def personal_data(self) -> dict[str, Any]:
        """Of each type found: ``num_spans`` and ``num_records`` of the sample, and where the first stand (``places``);
        ``num_records`` with any."""
        spans: Counter[str] = Counter()
        holders: dict[str, list[str]] = defaultdict(list)
        for one in sorted(self):
            found = one.find_types()
            spans.update(found)
            for name in ("any", *found) if found else ():
                holders[name].append(one.source)
        types = {
            name: {"num_spans": spans[name], "num_records": len(holders[name]), "places": holders[name][:MAX_PLACES]}
            for name in TYPES
            if spans[name]
        }
        return {"num_sampled": len(self), "num_records": len(holders["any"]), "types": types}


def licenses_of(reports: Iterable[ReadReport]) -> dict[str, str]:
    """The licence the recipe states for each file that was read; files of sources without one are left out."""
    return {file["path"]: report.license for report in reports if report.license for file in report.files}


def _is_short(prompt: str, num_words: int) -> bool:
    """Of a script without spaces two characters are a word, as for `drop_short`."""
    return num_words + len(SPACELESS.findall(prompt)) // 2 < SHORT_PROMPT


def _place(split: str) -> tuple[int, str]:
    """Splits in the order people name them."""
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _license(record: Record) -> str | None:
    stated = (record.meta[name] for name in LICENSE_COLUMNS if name in record.meta)
    return next((" ".join(value.split())[:100] for value in stated if isinstance(value, str) and value.strip()), None)


def _said(record: Record, words: Sequence[Sequence[str]]) -> str:
    """All that is said, white space aside: records with equal texts are duplicates of each other."""
    said = "\0".join(f"{message.role}:{' '.join(text)}" for message, text in zip(record.messages, words))
    beside = [(m.reasoning, m.tool_calls) for m in record.messages if m.reasoning or m.tool_calls]
    return said if not beside and not record.tools else said + canonical_json([beside, record.tools])
