"""Which rows a step sees hangs on the seed and the step alone, and nothing is drawn from anybody's generator for it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tests.invariants.cells import Cell, run, tuned
from tests.training.runs import Folder, same
from tunesmith.training.order import Order

ORDER = dict(lengths=[3 + (5 * i) % 31 for i in range(53)], rows_per_batch=4, batches_per_step=3)


def steps(order: Order, count: int) -> list[list[list[int]]]:
    return [order.micro_batches(step) for step in range(count)]


@pytest.mark.parametrize("tokens_per_pass", [None, 64])
def test_every_epoch_sees_every_row_once_and_no_micro_batch_is_too_large(tokens_per_pass):
    """D1, D3: over five epochs, the short step at the end of each included, and no two epochs in the same order."""
    order = Order(**ORDER, seed=3, tokens_per_pass=tokens_per_pass)
    epochs = []
    for epoch in range(5):
        made = [order.micro_batches(epoch * order.steps_per_epoch + step) for step in range(order.steps_per_epoch)]
        assert max(len(batch) for step in made for batch in step) <= 4
        assert [sum(map(len, step)) for step in made[:-1]] == [12] * (order.steps_per_epoch - 1)
        epochs.append([row for step in made for batch in step for row in batch])
    assert all(sorted(epoch) == list(range(53)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5


def test_a_step_can_be_asked_for_alone_and_in_any_order():
    """D1, D2: a pure function of (seed, step): what a resumed run sees is what it would have seen."""
    order = Order(**ORDER, seed=3)
    whole = steps(order, 12)
    assert [order.micro_batches(step) for step in reversed(range(12))] == whole[::-1]
    assert Order(**ORDER, seed=3).micro_batches(7) == whole[7]


def test_two_seeds_give_two_orders():
    """D3."""
    assert steps(Order(**ORDER, seed=3), 5) != steps(Order(**ORDER, seed=4), 5)


def test_the_rows_of_a_step_do_not_hang_on_how_it_is_cut():
    """L4, P14: other micro-batches, the same rows in every step."""
    whole = [sorted(row for batch in step for row in batch) for step in steps(Order(**ORDER, seed=3), 9)]
    for size, count, tokens in ((12, 1, None), (1, 12, None), (2, 6, 40), (6, 2, 0)):
        cut = Order(ORDER["lengths"], size, count, seed=3, tokens_per_pass=tokens)
        assert [sorted(row for batch in step for row in batch) for step in steps(cut, 9)] == whole


def generators() -> tuple:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_the_order_draws_from_nobodys_generator():
    """D2: and reads none: other states give the same order."""
    order = Order(**ORDER, seed=3)
    before = generators()
    whole = steps(order, 9)
    assert generators() == before
    random.seed(99), np.random.seed(99), torch.manual_seed(99)
    assert steps(order, 9) == whole


def test_a_run_hangs_on_no_generator_but_its_seed(folders, tmp_path):
    """D2, D3: whatever was drawn before; another seed is another run."""
    cell, weights = Cell("llama", "lora"), []
    for number, seed in enumerate((4, 4, 5)):
        one = tuned(folders[cell.shape], cell.section.model_copy(update={"lora_dropout": 0.3}))
        random.seed(number), np.random.seed(number), torch.manual_seed(number)
        run(one, Folder(tmp_path / str(number)), max_steps=3, seed=seed)
        weights.append(one.trainable())
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])
