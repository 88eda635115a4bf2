"""How long texts are: counts by length in bounded memory, that can be added up in any order."""

from __future__ import annotations

from collections import Counter
from typing import Any

EXACT_BELOW = 2048
QUANTILES = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}


class Lengths:
    """Counts by length. Lengths of 2,048 and more are kept to 11 binary digits (less than 0.1 % off), their smallest and
    largest to the unit, so that a million texts take no more room than a thousand."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._low: int | None = None
        self._high: int | None = None

    def add(self, length: int) -> None:
        """Count one more text of this length."""
        self._counts[_rounded(length)] += 1
        self._low = length if self._low is None else min(self._low, length)
        self._high = length if self._high is None else max(self._high, length)

    def quantiles(self) -> dict[str, int] | None:
        """Minimum, median, 95th percentile (nearest rank) and maximum; None where nothing was counted."""
        if self._low is None or self._high is None:
            return None
        inner = {name: self._at(share) for name, share in QUANTILES.items() if 0 < share < 1}
        return {"min": self._low, **inner, "max": self._high}

    def bins(self) -> list[dict[str, int]]:
        """``{"from", "to", "count"}`` (both ends within) for 0, 1, 2–4, 5–9, 10–19, 20–49, 50–99 …: every bin from the
        first to the last that holds anything."""
        counts: Counter[int] = Counter()
        for length, count in self._counts.items():
            counts[_bin_of(length)] += count
        return [
            {"from": _start(k), "to": _start(k + 1) - 1, "count": counts[k]}
            for k in range(min(counts, default=0), max(counts, default=-1) + 1)
        ]

    def to_dict(self) -> dict[str, Any] | None:
        """The quantiles with the ``bins``; None where nothing was counted."""
        quantiles = self.quantiles()
        return None if quantiles is None else {**quantiles, "bins": self.bins()}

    def _at(self, share: float) -> int:
        wanted, seen = max(1, -(-int(share * 100) * self._counts.total() // 100)), 0
        for length, count in sorted(self._counts.items()):
            seen += count
            if seen >= wanted:
                return max(length, self._low or 0)
        raise AssertionError("a rank beyond the number of texts")


def _rounded(length: int) -> int:
    shift = max(0, length.bit_length() - EXACT_BELOW.bit_length() + 1)
    return length >> shift << shift


def _start(number: int) -> int:
    """Where a bin begins: 0, 1, 2, 5, 10, 20, 50, 100 …"""
    if number == 0:
        return 0
    decade, place = divmod(number - 1, 3)
    return (1, 2, 5)[place] * 10**decade


def _bin_of(length: int) -> int:
    if length == 0:
        return 0
    digits = str(length)
    return 3 * (len(digits) - 1) + 1 + (digits[0] >= "2") + (digits[0] >= "5")
