"""Train, validation and test: groups stay whole, tasks keep their shares, the counts are exact.

Records are one group where they come from one row or ask the same question (see `prompt_key`), so that nothing held
out is asked in training. Which group goes where depends on the seed and the records, not on their order.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.mix import order_key
from tunesmith.errors import DataError
from tunesmith.records import Record

HELD_OUT = ("test", "validation")


@dataclass(frozen=True)
class Group:
    """Positions of records that must stay together; ``key`` is the smallest of their ids, ``task`` that record's."""

    key: str
    task: str
    members: tuple[int, ...]


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
    splits = ["train"] * len(records)
    waiting = group_records(records)
    for name, count in wanted.items():
        waiting.sort(key=lambda group: order_key(seed, name, group.key))
        # The last group is for training, whatever happens.
        chosen = _choose_groups(waiting, count) if len(waiting) > 1 else []
        if not chosen or len(chosen) == len(waiting):
            raise _too_few(f"{len(group_records(records))} groups of records with the same question", wanted)
        for member in (member for group in chosen for member in group.members):
            splits[member] = name
        waiting = [group for group in waiting if splits[group.members[0]] == "train"]
    return splits


def group_records(records: Sequence[Record]) -> list[Group]:
    """Groups of records that share a source row or a question, directly or through others."""
    leader = list(range(len(records)))

    def find(k: int) -> int:
        while leader[k] != k:
            leader[k] = leader[leader[k]]
            k = leader[k]
        return k

    seen: dict[object, int] = {}
    for k, record in enumerate(records):
        for key in (record.source or record.id, prompt_key(record)):
            one, other = find(seen.setdefault(key, k)), find(k)
            leader[max(one, other)] = min(one, other)
    members: dict[int, list[int]] = defaultdict(list)
    for k in range(len(records)):
        members[find(k)].append(k)
    first = {
        root: min((records[k] for k in ks), key=lambda record: (record.id, record.task)) for root, ks in members.items()
    }
    return [Group(first[root].id, first[root].task, tuple(ks)) for root, ks in members.items()]


def _choose_groups(groups: Sequence[Group], count: int) -> list[Group]:
    """Groups of ``count`` records in all: by task where they fit, then by what fits; the smallest where none does."""
    quota = _quotas(_sizes(groups), count)
    chosen: dict[str, Group] = {}
    for group in groups:
        if len(group.members) <= quota[group.task]:
            quota[group.task] -= len(group.members)
            chosen[group.key] = group
    missing = count - sum(len(group.members) for group in chosen.values())
    for group in groups:
        if group.key not in chosen and len(group.members) <= missing:
            missing -= len(group.members)
            chosen[group.key] = group
    _exchange(chosen, groups, missing)
    return list(chosen.values()) or [min(groups, key=lambda group: len(group.members))]


def _exchange(chosen: dict[str, Group], groups: Sequence[Group], missing: int) -> None:
    """Where only larger groups are left, give one back for another that is larger by just what is missing."""
    left: dict[int, Group] = {}
    for group in groups:
        if group.key not in chosen:
            left.setdefault(len(group.members), group)
    for group in groups if missing else ():
        larger = left.get(len(group.members) + missing)
        if group.key in chosen and larger is not None:
            del chosen[group.key]
            chosen[larger.key] = larger
            return


def _sizes(groups: Sequence[Group]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for group in groups:
        sizes[group.task] += len(group.members)
    return sizes


def _quotas(sizes: Counter[str], count: int) -> dict[str, int]:
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
