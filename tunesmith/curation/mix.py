"""How often each source is seen, and a random choice that does not depend on order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tunesmith.records import Record


def order_key(seed: int, purpose: str, key: str) -> bytes:
    """A number that looks random but only depends on what it is made of: the same records in any order sort alike."""
    return hashlib.sha256(f"{seed}/{purpose}/{key}".encode()).digest()


def choose(records: Sequence[Record], count: int, *, seed: int, purpose: str) -> list[bool]:
    """Which of the records are among the ``count`` chosen; of equal ids the first are taken."""
    ranked = sorted(range(len(records)), key=lambda k: order_key(seed, purpose, records[k].id))
    chosen = set(ranked[:count])
    return [k in chosen for k in range(len(records))]


def repeat_by_weight(records: Sequence[Record], weight: float, *, seed: int) -> list[list[Record]]:
    """Each record as often as its weight says: 2.5 is every one twice and a random half of them once more.

    The total is ``len(records) * weight`` to the nearest whole, and at least one record.
    """
    whole, part = divmod(weight, 1)
    once_more = choose(records, max(round(part * len(records)), int(whole == 0)), seed=seed, purpose="mix")
    return [[record] * (int(whole) + again) for record, again in zip(records, once_more)]
