"""Lengths, counted in bounded memory."""

from __future__ import annotations

import random

import pytest

from tunesmith.curation.lengths import Lengths


def counted(values) -> Lengths:
    lengths = Lengths()
    for value in values:
        lengths.add(value)
    return lengths


def test_quantiles_are_by_nearest_rank():
    assert counted(range(1, 101)).quantiles() == {"min": 1, "median": 50, "p95": 95, "max": 100}
    assert counted([3, 150, 285]).quantiles() == {"min": 3, "median": 150, "p95": 285, "max": 285}


def test_what_was_not_counted_has_no_lengths():
    assert Lengths().quantiles() is None and Lengths().to_dict() is None and Lengths().bins() == []


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_of_long_texts_are_less_than_a_thousandth_off(seed):
    values = sorted(int(random.Random(seed).lognormvariate(9, 2)) for _ in range(5_000))
    found = counted(values).quantiles()
    assert (found["min"], found["max"]) == (values[0], values[-1])
    assert found["median"] == pytest.approx(values[2499], rel=1e-3)
    assert found["p95"] == pytest.approx(values[4749], rel=1e-3)


def test_a_million_different_lengths_take_little_room():
    assert len(counted(range(0, 100_000_000, 997))._counts) < 20_000


def test_any_order_gives_the_same():
    values = [random.Random(7).randrange(10**k) for k in (1, 2, 3, 4, 5, 6) for _ in range(50)]
    assert counted(values).to_dict() == counted(reversed(values)).to_dict()


@pytest.mark.parametrize(
    "length, low, high",
    [(0, 0, 0), (1, 1, 1), (2, 2, 4), (4, 2, 4), (5, 5, 9), (9, 5, 9), (10, 10, 19), (20, 20, 49), (99, 50, 99),
     (100, 100, 199), (999, 500, 999), (1000, 1000, 1999), (54321, 50000, 99999)],
)  # fmt: skip
def test_bins_grow_with_the_length(length, low, high):
    assert counted([length]).bins() == [{"from": low, "to": high, "count": 1}]


def test_bins_have_no_gap_between_the_first_and_the_last():
    bins = counted([1, 30, 30]).bins()
    assert [(item["from"], item["count"]) for item in bins] == [(1, 1), (2, 0), (5, 0), (10, 0), (20, 2)]
