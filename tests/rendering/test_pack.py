"""Packing: nothing lost, nothing too long, few rows."""

from __future__ import annotations

import random

import pytest

from tunesmith.rendering.pack import best_fit


@pytest.mark.parametrize("seed", range(5))
def test_every_document_is_in_exactly_one_row_and_no_row_is_too_long(seed):
    """L19."""
    chosen = random.Random(seed)
    lengths = [chosen.randint(1, 100) for _ in range(500)]
    groups = best_fit(lengths, 128)
    assert sorted(i for group in groups for i in group) == list(range(500))
    assert max(sum(lengths[i] for i in group) for group in groups) <= 128
    assert len(groups) <= 11 / 9 * sum(lengths) / 128 + 4


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([5], [[0]]),
        ([6, 4, 5, 5], [[0, 1], [2, 3]]),
        ([4, 6, 3, 7], [[3, 2], [1, 0]]),
        ([10, 10], [[0], [1]]),
        ([12, 3], [[0], [1]]),
    ],
)
def test_each_document_goes_where_it_leaves_the_least_room(lengths, groups):
    assert best_fit(lengths, 10) == groups
