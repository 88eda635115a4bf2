"""Micro-batches by tokens: every row once, none too large, few of them."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
import torch

from tunesmith.recipe import TrainSection
from tunesmith.training.order import Order, by_length, by_tokens, order_of


@pytest.mark.parametrize("seed", range(5))
def test_batches_by_tokens_hold_every_row_once_and_stay_within_the_limit(seed):
    chosen = random.Random(seed)
    lengths = [chosen.randint(1, 600) for _ in range(60)]
    batches = list(by_tokens(range(60), lengths, 1024))
    assert sorted(row for batch in batches for row in batch) == list(range(60))
    sizes = [sum(lengths[row] for row in batch) for batch in batches]
    assert max(sizes) <= 1024
    assert len(sizes) <= 1.5 * sum(lengths) / 1024 + 1


@pytest.mark.parametrize(
    ("lengths", "limit", "expected"),
    [
        ([], 10, []),
        ([3, 4], 10, [[1, 0]]),
        ([6, 6, 6, 6], 12, [[0, 1], [2, 3]]),
        ([30, 2], 10, [[0], [1]]),  # longer than the limit: by itself
        ([4, 4, 4], 10, [[0, 1], [2]]),
    ],
)
def test_batches_by_tokens(lengths, limit, expected):
    assert list(by_tokens(range(len(lengths)), lengths, limit)) == expected


def test_without_padding_only_tokens_count_and_the_rows_of_a_step_are_the_same():
    lengths = [chosen % 40 + 1 for chosen in range(50)]
    padded = Order(lengths, rows_per_batch=4, batches_per_step=3, seed=1)
    flat = Order(lengths, 4, 3, seed=1, tokens_per_batch=100, is_flat=True)
    for step in range(6):
        batches = flat.micro_batches(step)
        assert sorted(sum(batches, [])) == sorted(sum(padded.micro_batches(step), []))
        assert max(sum(lengths[row] for row in batch) for batch in batches) <= 100


@pytest.mark.parametrize("limit", [50, 100, 1000])
def test_padding_counts_where_there_is_padding(limit):
    chosen = random.Random(limit)
    lengths = [chosen.randint(1, 60) for _ in range(40)]
    batches = list(by_length(range(40), lengths, 8, 10, limit))
    assert sorted(sum(batches, [])) == list(range(40))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= limit


@pytest.mark.parametrize(("width", "most"), [(32, 4096), (256, 4096), (320, 1024), (512, 1024), (4096, 1024)])
def test_a_narrow_model_has_larger_micro_batches_on_a_cpu_and_as_large_ones_on_a_gpu(width, most):
    section = TrainSection()
    on_cpu, on_gpu = (
        order_of([8, 9], section, SimpleNamespace(device=torch.device(device), flattens=True, width=width))
        for device in ("cpu", "cuda")
    )
    assert on_cpu.tokens_per_batch == most and on_gpu.tokens_per_batch is None
