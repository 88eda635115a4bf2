"""Splits: exact, stratified, whole groups, the same for the same records."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.split import group_records, split_records
from tunesmith.errors import DataError
from tunesmith.records import Message, Record, row_id


def record(k: int, question: str | None = None, task: str = "", source: str | None = None) -> Record:
    messages = (
        Message("user", question if question is not None else f"question {k}"),
        Message("assistant", f"answer {k}"),
    )
    return Record(row_id({"k": k}), messages, task=task, source=f"x:{k}" if source is None else source)


def split(records, validation=0.1, test=0.1, seed=0) -> list[str]:
    return split_records(records, validation_fraction=validation, test_fraction=test, seed=seed)


SIZES = [
    (17, 0.1, 0.1, 2, 2),
    (1000, 0.05, 0.1, 50, 100),
    (3, 0.1, 0.1, 1, 1),
    (10, 0, 0, 0, 0),
    (10, 0, 0.001, 0, 1),
    (101, 0.5, 0.25, 50, 25),
    (7, 0.4, 0.4, 3, 3),
]


@pytest.mark.parametrize(("count", "validation", "test", "num_validation", "num_test"), SIZES)
def test_the_counts_are_exact_and_no_wanted_split_is_empty(count, validation, test, num_validation, num_test):
    counts = Counter(split([record(k) for k in range(count)], validation, test))
    assert (counts["validation"], counts["test"]) == (num_validation, num_test)
    assert counts["train"] == count - num_validation - num_test > 0


@pytest.mark.parametrize(("count", "fraction"), [(1, 0.1), (2, 0.1), (4, 0.49)])
def test_too_few_records_are_refused_with_the_way_out(count, fraction):
    with pytest.raises(
        DataError,
        match=f"{count} records are too few .* Add rows, or set data.validation_fraction or data.test_fraction to 0",
    ):
        split([record(k) for k in range(count)], fraction, fraction)


def test_one_question_asked_many_times_cannot_be_split():
    with pytest.raises(DataError, match="1 groups of records with the same question are too few"):
        split([record(k, "the same?") for k in range(50)])
    with pytest.raises(DataError, match="2 groups of records"):
        split([record(k, f"{k % 2}?") for k in range(50)])


def test_no_question_is_in_two_splits_and_the_counts_stay_exact():
    rng = random.Random(3)
    records = [record(k, f"question {rng.randrange(300)}{'?' * (k % 3)}") for k in range(1000)]
    splits = split(records)
    where = {(prompt_key(item), name) for item, name in zip(records, splits)}
    assert len(where) == len({key for key, _ in where})
    assert Counter(splits) == {"train": 800, "validation": 100, "test": 100}


def test_records_of_one_row_stay_together_also_through_others():
    records = [
        record(0, "a", source="x:1"),
        record(1, "b", source="x:1"),
        record(2, "B!", source="x:2"),
        record(3, "c", source="x:3"),
    ]
    assert sorted(group.members for group in group_records(records)) == [(0, 1, 2), (3,)]


def test_every_task_keeps_its_share():
    tasks = ["a"] * 500 + ["b"] * 300 + ["c"] * 190 + ["d"] * 10
    records = [record(k, task=task) for k, task in enumerate(tasks)]
    splits = split(records, 0.1, 0.1)
    counts = Counter((name, task) for name, task in zip(splits, tasks))
    for name in ("validation", "test"):
        assert [counts[name, task] for task in "abcd"] == [50, 30, 19, 1]


def test_the_split_depends_on_seed_and_records_and_not_on_their_order():
    records = [record(k, f"q {k % 70}", task=f"t{k % 3}") for k in range(200)]
    shuffled = random.Random(5).sample(records, len(records))

    def ids_of_test(items, seed=0):
        return {item.id for item, name in zip(items, split(items, seed=seed)) if name == "test"}

    assert ids_of_test(records) == ids_of_test(shuffled)
    assert ids_of_test(records) != ids_of_test(records, seed=1)


def test_a_big_group_is_never_held_out_when_it_does_not_fit():
    records = [record(k, "big") for k in range(900)] + [record(k) for k in range(900, 1000)]
    splits = split(records, 0.02, 0.05)
    assert set(splits[:900]) == {"train"} and Counter(splits)["test"] == 50
