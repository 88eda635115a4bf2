"""Which worked examples stand before a request: chosen so that none of them gives the answer away."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tunesmith.records import Record
from tunesmith.rendering.render import has_usual_order


@dataclass(frozen=True)
class ShotPool:
    """Records to choose examples from, in an order that depends on their content alone.

    Records that make no example are left out: without an answer at the end, with tools, or in an unusual order of
    roles.
    """

    records: tuple[Record, ...]

    @classmethod
    def of(cls, records: Sequence[Record] | ShotPool) -> ShotPool:
        if isinstance(records, ShotPool):
            return records
        unique = {
            record.content_sha256: record
            for record in sorted(records, key=lambda record: record.id)
            if _makes_an_example(record)
        }
        return cls(tuple(unique[key] for key in sorted(unique)))

    @cached_property
    def by_task(self) -> dict[str, list[Record]]:
        tasks: dict[str, list[Record]] = {}
        for record in self.records:
            tasks.setdefault(record.task, []).append(record)
        return tasks

    @cached_property
    def asked(self) -> dict[str, frozenset[str]]:
        """What each record asks, by the hash of its content."""
        return {record.content_sha256: asked(record) for record in self.records}


def choose_shots(record: Record, pool: Sequence[Record] | ShotPool, k: int, *, seed: int) -> tuple[Record, ...]:
    """Up to ``k`` examples from the pool for this record: of the same task first, then of any.

    Never the record itself, a record it was derived from or that was derived from the same one, one that asks the
    same in any of its turns (white space and case aside), or one whose question is the other's already. A pure
    function of seed, the record's id and the content of the pool; fewer than ``k`` where the pool has no more. Make a
    `ShotPool` once to choose for many records.
    """
    if k == 0:
        return ()
    pool = ShotPool.of(pool)
    taken, shots = set(asked(record)), []
    for candidate in _shuffled(record, pool, seed):
        if len(shots) == k:
            break
        questions = pool.asked[candidate.content_sha256]
        if not _is_related(record, candidate) and taken.isdisjoint(questions):
            shots.append(candidate)
            taken |= questions
    return tuple(shots)


def asked(record: Record) -> frozenset[str]:
    """Every user message of the record, without differences of case and white space."""
    return frozenset(
        " ".join(message.content.casefold().split()) for message in record.messages if message.role == "user"
    )


def _shuffled(record: Record, pool: ShotPool, seed: int) -> Iterator[Record]:
    """Candidates of the record's task in random order, then all; drawn one at a time, as few are needed."""
    digest = hashlib.sha256(f"{seed}:{record.id}".encode("utf-8", "surrogatepass")).digest()
    chance = random.Random(int.from_bytes(digest[:8], "big"))
    for candidates in (pool.by_task.get(record.task, []), pool.records):
        yield from _drawn(candidates, chance)


def _drawn(candidates: Sequence[Record], chance: random.Random) -> Iterator[Record]:
    """A random permutation, one element at a time (Fisher and Yates, with a dictionary for what was moved)."""
    moved: dict[int, int] = {}
    for last in range(len(candidates) - 1, -1, -1):
        drawn = chance.randint(0, last)
        yield candidates[moved.get(drawn, drawn)]
        moved[drawn] = moved.get(last, last)


def _makes_an_example(record: Record) -> bool:
    return (
        bool(record.answer)
        and record.messages[-1].role == "assistant"
        and not record.tools
        and has_usual_order(record.messages)
        and not any(message.role == "tool" for message in record.messages)
    )


def _is_related(record: Record, candidate: Record) -> bool:
    family = {record.id, *record.parents}
    return (
        not family.isdisjoint({candidate.id, *candidate.parents}) or record.content_sha256 == candidate.content_sha256
    )
