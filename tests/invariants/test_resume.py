"""A run that was stopped and goes on ends in the same bytes; what is measured on the way leaves no trace."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from torch import nn

from tests.invariants.cells import METHODS, Stops, Tuned, run, scatter, section_of, spread, tuned
from tests.training.runs import Folder, Listening, same
from tunesmith.errors import CheckpointError, Interrupted, TrainingError
from tunesmith.training.loop import MAX_BAD_STEPS
from tunesmith.training.objectives import Sft

STEPS = 5
LENGTHS = (5, 14, 9, 22, 7)
"""Five rows in steps of two: an epoch has three steps, and its last one has a single row."""


@pytest.fixture
def restless(cell, fresh) -> Callable[..., Tuned]:
    """Makes copies that drop out whatever they can, so that a random state that is lost shows."""
    field = next((name for name in type(cell.section).model_fields if name.endswith("dropout")), None)
    section = cell.section if field is None else cell.section.model_copy(update={field: 0.2})

    def make(**options) -> Tuned:
        one = fresh(section=section, **options)
        for module in one.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.2
        return one

    return make


@spread
def test_weights_of_a_run_stopped_after_every_step_equal_uninterrupted_ones_bitwise(restless, tmp_path):
    """D1: at the end of an epoch and in the middle of one; AdamW's state, the order of the rows, the rate of the step and the
    draws of dropout all have to be those of the uninterrupted run."""
    options = dict(lengths=LENGTHS, max_steps=STEPS, lr_scheduler_type="cosine", warmup_ratio=0.3)
    whole, folder, stopped = restless(), Folder(tmp_path / "whole"), Folder(tmp_path / "stopped")
    run(whole, folder, **options)
    for step in range(1, STEPS):
        with pytest.raises(Interrupted):
            run(restless(awake=step == 1), stopped, resume=step > 1, should_stop=Stops(1), **options)
        scatter(1000 + step)
    resumed = restless(awake=False)
    result = run(resumed, stopped, resume=True, **options)
    assert result.num_steps == STEPS
    assert same(whole.trainable(), resumed.trainable())
    assert same(whole.frozen(), resumed.frozen())
    assert [line["loss"] for line in stopped.metrics] == [line["loss"] for line in folder.metrics]


@spread
def test_a_validation_leaves_no_trace_in_the_training(restless, tmp_path):
    """P12: the same bytes with and without it, dropout included, and the model is back in training mode."""
    modes, weights = [], []
    for name, validation in (("without", ()), ("with", (8, 15, 4))):
        one = restless()
        run(
            one, Folder(tmp_path / name), lengths=LENGTHS, max_steps=4, eval_steps=1, validation=validation,
            on_step=lambda _step, forward: modes.append({module.training for module in forward.modules()}),
        )  # fmt: skip
        weights.append(one.trainable())
    assert same(*weights)
    assert modes == [{True}] * 8


class BadAt(Sft):
    """Infinite in these micro-batches, counted from 1 over the whole run."""

    def __init__(self, *bad: int, value: float = math.inf):
        super().__init__()
        self.bad, self.calls, self.value = bad, 0, value

    def losses(self, forward, batch):
        self.calls += 1
        factor = self.value if self.calls in self.bad else 1.0
        return {name: term * factor for name, term in super().losses(forward, batch).items()}


@spread
@pytest.mark.parametrize("value", [math.inf, math.nan], ids=["inf", "nan"])
def test_a_step_that_is_not_finite_changes_no_bit_and_is_counted(fresh, cut_small, tmp_path, value):
    """L24: one bad micro-batch of two spoils the step, and nothing else: weights, buffers and what comes after."""
    cut_small(10)
    one, seen = fresh(), []
    before, frozen = one.trainable(), one.frozen()
    result = run(
        one, Folder(tmp_path), lengths=(9, 8, 7, 6, 5, 4), max_steps=2, per_device_train_batch_size=1,
        gradient_accumulation_steps=2, objective=BadAt(2, value=value), weight_decay=0.1,
        on_step=lambda *_: seen.append(one.trainable()),
    )  # fmt: skip
    assert same(before, seen[0])
    assert not same(before, seen[1])
    assert all(tensor.isfinite().all() for tensor in seen[1].values())
    assert same(frozen, one.frozen())
    assert result.num_skipped_steps == 1


def test_a_run_ends_after_a_few_bad_steps_in_a_row(folders, tmp_path):
    """L24."""
    one = tuned(folders["llama"], section_of(next(iter(METHODS))))
    before = one.trainable()
    with pytest.raises(TrainingError, match=rf"not finite in {MAX_BAD_STEPS} steps in a row.*learning_rate"):
        run(one, Folder(tmp_path), max_steps=9, objective=BadAt(*range(1, 99)))
    assert same(before, one.trainable())


def test_a_resume_with_other_threads_says_that_the_last_bits_may_differ(folders, tmp_path):
    """D5: it goes on, and no longer claims the same bytes."""
    folder, heard = Folder(tmp_path), Listening()
    for steps, threads in ((1, 1), (2, 2)):
        one = tuned(folders["llama"], section_of("full"))
        fingerprint = {"environment.threads": threads}
        run(one, folder, max_steps=steps, resume=steps > 1, fingerprint=fingerprint, progress=heard)
    assert [line for line in heard.heard if "threads 1 → 2" in line and "last bits" in line]


def test_a_resume_with_other_settings_is_refused(folders, tmp_path):
    """D4, D1: what was trained so far belongs to other data or another recipe."""
    folder = Folder(tmp_path)
    run(tuned(folders["llama"], section_of("full")), folder, max_steps=1, fingerprint={"examples": "one"})
    with pytest.raises(CheckpointError, match=r"another recipe \(examples was 'one', now 'other'\)"):
        one = tuned(folders["llama"], section_of("full"))
        run(one, folder, max_steps=2, resume=True, fingerprint={"examples": "other"})
