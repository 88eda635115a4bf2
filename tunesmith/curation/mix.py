"""How often each source is seen, and a random choice that does not depend on order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from tunesmith.records import Record


def order_key(seed: int, purpose: str, key: str) -> bytes:
    """A number that looks random but only depends on what it is made of: the same records in any order sort alike."""
    return hashlib.sha256(f"{seed}/{purpose}/{key}".encode()).digest()


def choose(records: Iterable[Record], count: int, *, seed: int, purpose: str) -> np.ndarray:
    """Which of the records are among the ``count`` chosen; of equal ids the first are taken. Holds 32 bytes a record."""
    keys = np.fromiter((order_key(seed, purpose, record.id) for record in records), dtype="S32")
    chosen = np.zeros(len(keys), dtype=bool)
    chosen[np.argsort(keys, kind="stable")[:count]] = True
    return chosen


def repeats_by_weight(records: Sequence[Record], weight: float, *, seed: int) -> np.ndarray:
    """How often each record is taken: 2.5 is every one twice and a random half of them once more.

    The total is ``len(records) * weight`` to the nearest whole, and at least one record.
    """
    whole, part = divmod(weight, 1)
    once_more = choose(records, max(round(part * len(records)), int(whole == 0)), seed=seed, purpose="mix")
    return once_more + int(whole)
