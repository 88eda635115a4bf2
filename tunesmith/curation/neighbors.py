"""Which of very many texts look alike: MinHash (Broder 1997), cut into bands, gives pairs worth a closer look.

Nothing here decides: a pair is a candidate until its true Jaccard similarity is known (`jaccard`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence, Set

import numpy as np
from rensa import RMinHash

from tunesmith.curation.words import mixed

HASH_SEED = 42
MISSED = 0.002  # of the pairs that are just as alike as asked for, at most so many are never met
SMALL_RUN = 8  # of more texts with one band in common, only those that agree in a second band are compared
_TWO_OF = [np.triu_indices(length, 1) for length in range(SMALL_RUN + 1)]


def num_rows_per_band(threshold: float, num_perm: int) -> int:
    """How many MinHashes make a band: as many as still find all but `MISSED` of the pairs at the threshold."""
    fitting = [size for size in range(1, num_perm + 1) if (1 - threshold**size) ** (num_perm // size) <= MISSED]
    return max(fitting, default=1)


class Bands:
    """A few numbers per text, kept as one array of 4 bytes each; texts that are alike have one of them in common.

    Args:
        num_texts: how many there will be.
        threshold: Jaccard similarity of the pairs to be found.
        num_perm: MinHashes per text; more find more exactly, and cost more.
    """

    def __init__(self, num_texts: int, threshold: float, num_perm: int):
        self.rows = num_rows_per_band(threshold, num_perm)
        self.num_perm = num_perm // self.rows * self.rows
        self.table = np.zeros((self.num_perm // self.rows, num_texts), dtype=np.uint32)
        self.has_words = np.zeros(num_texts, dtype=bool)

    def enter(self, first: int, values: np.ndarray, offsets: np.ndarray, salts: np.ndarray) -> None:
        """Texts ``first``, ``first + 1`` … by their shingles; those with different salts are never a pair."""
        count = len(offsets) - 1
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            values, offsets.astype(np.uint64), self.num_perm, HASH_SEED
        )
        pack = struct.Struct(f"={self.num_perm}I").pack  # of all ways from lists of numbers to an array the fastest
        digests = np.frombuffer(b"".join([pack(*row) for row in matrix.to_rows()]), dtype=np.uint32)
        factors = mixed(np.arange(1, self.rows + 1, dtype=np.uint64)) | np.uint64(1)
        joined = mixed(digests.reshape(count, -1, self.rows) @ factors ^ mixed(salts)[:, None])
        self.table[:, first : first + count] = (joined >> np.uint64(32)).astype(np.uint32).T
        self.has_words[first : first + count] = np.diff(offsets) > 0

    def pairs(self, *, least_bands: int = 1) -> np.ndarray:
        """Candidates, (num_pairs, 2), each once, the smaller number first; they agree in so many bands at least."""
        found = np.zeros(0, dtype=np.uint64)
        alive = np.flatnonzero(self.has_words)
        for band in range(len(self.table)):
            one, other = self._pairs_of(band, alive)
            keys = np.minimum(one, other).astype(np.uint64) << np.uint64(32) | np.maximum(one, other).astype(np.uint64)
            found = np.union1d(found, keys)
        pairs = np.stack([found >> np.uint64(32), found & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)
        return pairs[self._num_common(pairs) >= least_bands] if least_bands > 1 else pairs

    def _num_common(self, pairs: np.ndarray) -> np.ndarray:
        """In how many bands the two of each pair agree."""
        return sum(
            ((band[pairs[:, 0]] == band[pairs[:, 1]]).astype(np.int16) for band in self.table),
            start=np.zeros(len(pairs), dtype=np.int16),
        )

    def _pairs_of(self, band: int, alive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All pairs of small runs of equal numbers; of long runs neighbors that agree in one of the next bands too."""
        order, starts, lengths = runs(self.table[band], alive)
        ones, others = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for length in range(2, min(SMALL_RUN, int(lengths.max(initial=0))) + 1):
            texts = order[starts[lengths == length][:, None] + np.arange(length)]
            one, other = _TWO_OF[length]
            ones.append(texts[:, one].ravel())
            others.append(texts[:, other].ravel())
        is_long = lengths > SMALL_RUN
        members = order[np.repeat(starts, np.where(is_long, lengths, 0)) + _counts(lengths[is_long])]
        for step in (1, 2, 3) if len(members) else ():
            second = self.table[(band + step) % len(self.table)]
            joined = self.table[band][members].astype(np.uint64) << np.uint64(32) | second[members]
            ranked = members[np.argsort(joined, kind="stable")]
            joined = np.sort(joined, kind="stable")
            is_equal = joined[1:] == joined[:-1]
            ones.append(ranked[:-1][is_equal])
            others.append(ranked[1:][is_equal])
        return np.concatenate(ones), np.concatenate(others)


def runs(values: np.ndarray, members: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Members (default: all) ordered by value, and the start and length of each run of two or more equal values."""
    members = np.arange(len(values)) if members is None else members
    ranked, order = _ranked(values[members])
    order = members[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])) if len(order) else np.zeros(0, int)
    lengths = np.diff(np.append(starts, len(order)))
    several = lengths > 1
    return order, starts[several], lengths[several]


def _ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values in order, and the place of each; of equal ones the first comes first."""
    if values.dtype != np.uint32:
        order = np.argsort(values, kind="stable")
        return values[order], order
    keys = values.astype(np.uint64) << np.uint64(32)  # with the place below, numbers are sorted faster than places are
    keys |= np.arange(len(values), dtype=np.uint64)
    keys.sort()
    return keys >> np.uint64(32), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def links(values: np.ndarray, members: np.ndarray | None = None) -> np.ndarray:
    """Pairs (num_pairs, 2) that join all members with equal values in a chain."""
    members = np.arange(len(values)) if members is None else members
    order = members[np.argsort(values[members], kind="stable")]
    is_equal = values[order][1:] == values[order][:-1]
    return np.stack([order[:-1][is_equal], order[1:][is_equal]], axis=1)


def jaccard(one: Set[int], other: Set[int]) -> float:
    """Shared shingles over all shingles of two texts; 1 where neither has any."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if one or other else 1.0


def listed(pairs: np.ndarray) -> Iterator[list[int]]:
    """The pairs one by one; a list of all would take ten times the memory of the array."""
    for first in range(0, len(pairs), 4096):
        yield from pairs[first : first + 4096].tolist()


def _counts(lengths: np.ndarray) -> np.ndarray:
    """0, 1 … up to each length, one after another."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def components(
    pairs: Iterable[Sequence[int]], is_linked: Callable[[int, int], bool] | None = None
) -> Iterator[list[int]]:
    """Members of every set of texts that pairs join, directly or through others; only those in a pair.

    Where ``is_linked`` is given only pairs of which it is true join; it is not asked about two that others have joined.
    """
    leader: dict[int, int] = {}

    def find(k: int) -> int:
        while leader.setdefault(k, k) != k:
            leader[k] = leader[leader[k]]
            k = leader[k]
        return k

    for one, other in pairs:
        a, b = find(one), find(other)
        if a != b and (is_linked is None or is_linked(one, other)):
            leader[max(a, b)] = min(a, b)
    members: dict[int, list[int]] = {}
    for k in sorted(leader):
        members.setdefault(find(k), []).append(k)
    yield from (joined for joined in members.values() if len(joined) > 1)
