"""Weights and random choices."""

from __future__ import annotations

import random

import pytest

from tunesmith.curation.mix import choose, repeats_by_weight
from tunesmith.records import Message, Record

RECORDS = [Record(f"{k:04d}", (Message("user", str(k)),), source=f"x:{k}") for k in range(10)]


@pytest.mark.parametrize(
    ("weight", "total", "most"),
    [(1, 10, 1), (0.5, 5, 1), (2, 20, 2), (2.5, 25, 3), (0.25, 2, 1), (0.01, 1, 1), (3, 30, 3)],
)
def test_a_weight_repeats_or_thins_out_to_the_nearest_whole(weight, total, most):
    repeats = repeats_by_weight(RECORDS, weight, seed=0)
    assert repeats.sum() == total
    assert repeats.max() == most and repeats.max() - repeats.min() <= 1


def test_the_choice_depends_on_seed_and_records_and_not_on_their_order():
    shuffled = random.Random(1).sample(RECORDS, len(RECORDS))

    def ids(records, seed):
        return {
            record.id for record, is_chosen in zip(records, choose(records, 4, seed=seed, purpose="p")) if is_chosen
        }

    assert len(ids(RECORDS, 0)) == 4
    assert ids(RECORDS, 0) == ids(shuffled, 0)
    assert len({frozenset(ids(RECORDS, seed)) for seed in range(5)}) > 1


def test_equal_records_of_two_lines_are_chosen_apart():
    twins = [Record("same", (), source=f"x:{k}") for k in range(6)]
    assert sum(choose(twins, 3, seed=0, purpose="p")) == 3
