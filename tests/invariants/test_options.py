"""What helps to learn must not change what is measured, and every option has to survive a resume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.invariants.cells import Stops, chunks, gradient, relative, run, scatter, section_of, train_section, tuned
from tests.models import SHAPES
from tests.training.runs import Folder, same
from tunesmith.errors import Interrupted
from tunesmith.training.objectives import Sft
from tunesmith.training.validation import validate

OPTIONS: dict[str, dict[str, Any]] = {
    "adamw_8bit": {"optimizer": "adamw_8bit"},
    "adafactor": {"optimizer": "adafactor"},
    "muon": {"optimizer": "muon"},
    "schedule_free": {"optimizer": "schedule_free", "lr_scheduler_type": None},
    "average": {"ema_decay": 0.5},
    "noise": {"neftune_noise_alpha": 5.0},
    "smoothing": {"label_smoothing_factor": 0.1},
    "checkpointing": {"gradient_checkpointing": True},
    "tasks": {"task_weights": {"even": 3.0}},
    "early_stopping": {"early_stopping_patience": 9, "eval_steps": 1},
}
"""A name and the fields of the train section it stands for: the one place a new option is added to."""
LENGTHS = (5, 14, 9, 22, 7)


@pytest.fixture(params=SHAPES)
def shape(request) -> str:
    return request.param


@pytest.fixture
def make(shape, folders):
    """Fresh copies of the shape, every weight trained."""
    return lambda method="full": tuned(folders[shape], section_of(method))


def with_tasks(examples):
    """Every second row belongs to another task."""
    return [replace(example, task="even" if i % 2 == 0 else "odd") for i, example in enumerate(examples)]


def in_turn() -> list:
    """Every option with every shape: one of them every time, the others with ``-m ''``."""
    pairs = [(option, shape, SHAPES[turn % 3] == shape) for turn, option in enumerate(OPTIONS) for shape in SHAPES]
    return [pytest.param(*pair, marks=() if usual else pytest.mark.slow) for *pair, usual in pairs]


@pytest.mark.parametrize(("option", "shape"), in_turn(), indirect=["shape"])
def test_every_option_survives_a_resume_bitwise(make, option, tmp_path):
    """D1: optimizer states of any kind, averages, noise, and what early stopping remembers."""
    options = dict(lengths=LENGTHS, validation=(8, 15), max_steps=5, eval_steps=2) | OPTIONS[option]
    whole, folder = make(), Folder(tmp_path / "whole")
    run(whole, folder, **options)
    stopped = Folder(tmp_path / "stopped")
    for resume in (False, True):
        with pytest.raises(Interrupted):
            run(make(), stopped, resume=resume, should_stop=Stops(2), **options)
        scatter(1000)
    resumed = make()
    run(resumed, stopped, resume=True, **options)
    assert same(whole.trainable(), resumed.trainable())
    for key in ("loss", "validation_loss"):
        told = [line[key] for line in folder.metrics if key in line]
        assert [line[key] for line in stopped.metrics if key in line] == told


@pytest.mark.parametrize("option", ["noise", "smoothing", "checkpointing"])
def test_what_helps_to_learn_is_not_in_the_validation_loss(make, option, tmp_path):
    """P12, L5: at a rate that changes nothing the validation loss is the one without the option."""
    losses = []
    for name, options in (("without", {}), ("with", OPTIONS[option])):
        folder = Folder(tmp_path / name)
        run(make(), folder, lengths=LENGTHS, validation=(8, 15), max_steps=1, learning_rate=1e-12, **options)
        losses += [line["validation_loss"] for line in folder.metrics if "validation_loss" in line]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_recomputed_activations_give_the_gradient_of_kept_ones(make, tmp_path):
    """P1: the same losses and gradient norms, whole and with an adapter; none of the adapter's weights stays behind."""
    for method in ("full", "lora"):
        lines, weights = [], []
        for name in ("kept", "again"):
            one, folder = make(method), Folder(tmp_path / f"{method}-{name}")
            before = one.trainable()
            run(one, folder, lengths=LENGTHS, max_steps=3, learning_rate=1e-3, gradient_checkpointing=name == "again")
            lines.append([(line["loss"], line["grad_norm"]) for line in folder.metrics])
            weights.append(one.trainable())
            assert [key for key in before if torch.equal(before[key], weights[-1][key])] == []
        assert lines[0] == [pytest.approx(line, rel=1e-5) for line in lines[1]]


def test_an_average_of_the_weights_leaves_the_training_as_it_was(make, tmp_path):
    """P12: the losses of the steps are those without it, what is measured and left at the end is the average."""
    lines, weights = {}, {}
    for name, options in (("without", {}), ("with", {"ema_decay": 0.5})):
        one, folder = make(), Folder(tmp_path / name)
        run(one, folder, lengths=LENGTHS, validation=(8, 15), max_steps=5, eval_steps=1, **options)
        lines[name] = folder.metrics
        weights[name] = one.trainable()
    losses = {name: [line["loss"] for line in lines[name] if "loss" in line] for name in lines}
    measured = {name: [line["validation_loss"] for line in lines[name] if "validation_loss" in line] for name in lines}
    assert losses["with"] == losses["without"]
    assert measured["with"][1:] != measured["without"][1:]
    assert not same(weights["with"], weights["without"])


def test_a_loss_weighted_by_task_does_not_depend_on_how_the_rows_are_cut(make):
    """L1, L4: a task's tokens count three times, in the sum and in what it is divided by."""
    one, objective = make(), Sft.of(train_section(task_weights={"even": 3.0}))
    examples = with_tasks(one.examples())
    batches = {size: [one.batch(part) for part in chunks(examples, size)] for size in (9, 1, 2, 4, 7)}
    loss, whole = gradient(one, batches[9], objective=objective)
    with torch.no_grad():
        values = [(3.0 if example.task == "even" else 1.0, one.forward(one.batch([example]))) for example in examples]
    total = sum(weight * float(found.double().sum()) for weight, found in values)
    assert abs(loss + total / sum(weight * len(found) for weight, found in values)) <= 1e-6
    for size in (1, 2, 4, 7):
        cut_loss, cut = gradient(one, batches[size], objective=objective)
        assert cut_loss == pytest.approx(loss, rel=1e-6)
        assert relative(whole, cut) <= 1e-6
        found = validate(one.forward, objective, [lambda batch=batch: batch for batch in batches[size]])
        assert abs(found.loss - loss) <= 1e-6


@pytest.mark.parametrize("factor", [1e-4, 0.25, 7.0])
def test_task_weights_that_are_all_the_same_change_nothing(make, factor):
    """L4: also where all weights together are less than 1."""
    one = make()
    examples = with_tasks(one.examples((4, 9, 6)))
    plain_loss, plain = gradient(one, [one.batch(examples)])
    objective = Sft.of(train_section(task_weights={"even": factor, "odd": factor}))
    loss, weighted = gradient(one, [one.batch(examples)], objective=objective)
    assert plain_loss == pytest.approx(loss, rel=1e-6)
    assert relative(plain, weighted) <= 1e-6


def test_packed_rows_weigh_their_tasks_as_single_rows_do(folders):
    """L1, L17: a weight belongs to a document, not to the row it shares."""
    one = tuned(folders["gpt2"], section_of("full"))
    objective, examples = Sft.of(train_section(task_weights={"even": 3.0})), with_tasks(one.examples())
    loss, single = gradient(one, [one.batch([example]) for example in examples], objective=objective)
    batch = one.batch(examples[:5], packed=True), one.batch(examples[5:], packed=True)
    packed_loss, packed = gradient(one, batch, objective=objective)
    assert packed_loss == pytest.approx(loss, rel=1e-6)
    assert relative(single, packed) <= 1e-6


def test_a_smoothed_loss_is_what_szegedy_et_al_define(make):
    """L22: (1 - ε) of the target's loss and ε of the mean over the vocabulary, by every head, however the rows are cut."""
    one = make()
    objective, examples = Sft.of(train_section(label_smoothing_factor=0.2)), one.examples()
    one.forward.train()
    loss, whole = gradient(one, [one.batch(examples)], objective=objective)
    cut_loss, cut = gradient(one, [one.batch(part) for part in chunks(examples, 2)], objective=objective)
    batch = one.batch(examples)
    with torch.no_grad():
        scores = one.forward.supervised_logits(batch).double().log_softmax(-1)
    of_targets = scores.gather(1, batch.targets[batch.supervised][:, None])[:, 0]
    assert abs(loss + (0.8 * of_targets + 0.2 * scores.mean(1)).mean()) <= 1e-6
    assert cut_loss == pytest.approx(loss, rel=1e-6)
    assert relative(whole, cut) <= 1e-6


class Small(Sft):
    """Memory does not last for more than so many rows."""

    def __init__(self, max_rows: int):
        super().__init__()
        self.max_rows, self.num_failures = max_rows, 0

    def losses(self, forward, batch):
        terms = super().losses(forward, batch)
        if len(batch.input_ids) > self.max_rows:
            self.num_failures += 1
            raise MemoryError
        return terms


def test_a_micro_batch_that_does_not_fit_is_cut_and_nothing_else_changes(make, cut_small, tmp_path):
    """P14, L4: equal losses, gradient norms and token counts in every step; a long row passes before short ones together do
    not, so that gradients are there already."""
    cut_small(40)
    lengths, lines = (9, 31, 12, 9, 22, 7, 16, 8), []
    for name, objective in (("enough", Small(99)), ("little", Small(1))):
        one, folder = make(), Folder(tmp_path / name)
        run(
            one, folder, lengths=lengths, objective=objective, learning_rate=1e-3, max_steps=4,
            per_device_train_batch_size=4, validation=(30, 20, 25, 10),
        )  # fmt: skip
        lines.append(folder.metrics)
        assert (objective.num_failures > 0) == (name == "little")
    for few, many in zip(*lines, strict=True):
        assert few.keys() == many.keys()
        for key in ("loss", "validation_loss", "grad_norm", "num_supervised_tokens", "num_tokens", "learning_rate"):
            assert key not in few or few[key] == pytest.approx(many[key], rel=1e-4), key
