"""Packing: short documents share rows, so that less of a batch is padding."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Groups of indices whose lengths sum to at most ``capacity``; every index is in exactly one group.

    Best-fit decreasing (Johnson 1973): longest first, each into the group where it leaves the least room. At most 11/9 of
    the fewest groups possible, and 4 of them. A length above the capacity gets a group of its own.
    """
    groups: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (room left, group), sorted
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        at = bisect_left(rooms, (lengths[i], -1))
        room, group = rooms.pop(at) if at < len(rooms) else (capacity, len(groups))
        if group == len(groups):
            groups.append([])
        groups[group].append(i)
        insort(rooms, (room - lengths[i], group))
    return groups
