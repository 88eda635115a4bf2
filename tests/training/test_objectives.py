"""The objective of supervised fine-tuning: smoothed targets, and tasks that count more or less."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.rows import batch_of, load, random_examples
from tunesmith.model.forward import Forward
from tunesmith.recipe import TrainSection
from tunesmith.training.loop import accumulate
from tunesmith.training.objectives import OBJECTIVES, Sft
from tunesmith.training.precision import Weights
from tunesmith.training.validation import validate

TASKS = ("qa", "chat", "qa", "", "math", "chat")


def ready(folder, head: str = "hooked") -> tuple:
    """(a forward in training mode, six examples of four tasks, some without a name)."""
    loaded = load(folder)
    loaded.model.requires_grad_(True)
    examples = [replace(e, task=task) for e, task in zip(random_examples(loaded.kind), TASKS)]
    return loaded, Forward(loaded.model, head=head).train(), examples


def gradient(loaded) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in loaded.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("head", ["fused", "hooked", "full"])
def test_label_smoothing_equals_torch_s_cross_entropy(model_folder, head):
    """Loss and gradient, over the supervised targets alone."""
    loaded, forward, examples = ready(model_folder, head)
    batch = batch_of(loaded, examples)
    found = accumulate(forward, Sft(label_smoothing=0.1), [batch], Weights(loaded.model, "fp32"))
    ours = gradient(loaded)
    loaded.model.zero_grad()
    logits = Forward(loaded.model, head="full").train().supervised_logits(batch)
    expected = torch.nn.functional.cross_entropy(logits, batch.targets[batch.supervised], label_smoothing=0.1)
    expected.backward()
    assert found.loss == pytest.approx(expected.item(), abs=1e-6)
    assert (ours - gradient(loaded)).norm() <= 1e-6 * ours.norm()


def test_label_smoothing_is_for_learning_and_not_for_measuring(model_folder):
    loaded, forward, examples = ready(model_folder)
    batches = [lambda: batch_of(loaded, examples)]
    plain, smoothed = validate(forward, Sft(), batches), validate(forward, Sft(label_smoothing=0.3), batches)
    assert plain == smoothed
    assert Sft().losses(forward, batches[0]()) != Sft(label_smoothing=0.3).losses(forward, batches[0]())


def by_hand(forward, loaded, examples, weights) -> torch.Tensor:
    """Σ w·loss / Σ w from each example alone."""
    total, divisor = 0.0, 0.0
    for example in examples:
        log_likelihoods = forward(batch_of(loaded, [example]))
        weight = weights.get(example.task, 1.0)
        total, divisor = total - weight * log_likelihoods.sum(), divisor + weight * len(log_likelihoods)
    return total / divisor


@pytest.mark.parametrize("size", [1, 2, 6])
def test_a_token_counts_as_much_as_its_task_weighs_however_rows_are_cut(model_folder, size):
    loaded, forward, examples = ready(model_folder)
    weights = {"qa": 3.0, "math": 0.25}
    batches = [batch_of(loaded, examples[i : i + size]) for i in range(0, 6, size)]
    found = accumulate(forward, Sft(task_weights=weights), batches, Weights(loaded.model, "fp32"))
    ours = gradient(loaded)
    loaded.model.zero_grad()
    expected = by_hand(forward, loaded, examples, weights)
    expected.backward()
    assert found.loss == pytest.approx(expected.item(), abs=1e-6)
    assert (ours - gradient(loaded)).norm() <= 1e-6 * ours.norm()
    measured = validate(forward, Sft(task_weights=weights), [lambda batch=batch: batch for batch in batches])
    assert measured.loss == pytest.approx(expected.item(), abs=1e-6)
    assert measured.num_supervised_tokens == sum(batch.num_supervised for batch in batches)


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_documents_that_share_a_row_keep_the_weights_of_their_tasks(model_folders, shape):
    loaded, forward, examples = ready(model_folders[shape])
    weights = {"qa": 3.0, "math": 0.25}
    packed = [batch_of(loaded, examples[:4], packed=True), batch_of(loaded, examples[4:], packed=True)]
    found = accumulate(forward, Sft(task_weights=weights), packed, Weights(loaded.model, "fp32"), ["qa", "math"])
    assert found.loss == pytest.approx(by_hand(forward, loaded, examples, weights).item(), abs=1e-6)
    for task in ("qa", "math"):
        mine = [example for example in examples if example.task == task]
        total, count = found.tasks[task]
        assert total / count == pytest.approx(by_hand(forward, loaded, mine, {}).item(), abs=1e-6)


def test_weights_below_one_token_divide_as_well():
    """Σ w of a step may be less than 1."""

    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.x = torch.nn.Parameter(torch.tensor([1.0, 3.0]))

        def forward(self, batch):
            return -self.x

    class Batch:
        tasks, targets, documents_of_supervised = ("rare",), torch.zeros(2), torch.tensor([0, 0])

    model = Two()
    found = accumulate(model, Sft(task_weights={"rare": 1e-3}), [Batch()], Weights(model, "fp32"))
    assert found.loss == pytest.approx(2.0)


def test_the_losses_of_the_tasks_make_the_loss_of_all(model_folder):
    loaded, forward, examples = ready(model_folder)
    batches = [batch_of(loaded, examples[:4]), batch_of(loaded, examples[4:])]
    tasks = sorted(set(TASKS))
    found = accumulate(forward, Sft(), batches, Weights(loaded.model, "fp32"), tasks)
    measured = validate(forward, Sft(), [lambda batch=batch: batch for batch in batches], tasks=tasks)
    for loss, sums in ((found.loss, found.tasks), (measured.loss, measured.tasks)):
        assert sorted(sums) == tasks
        total, count = (sum(column) for column in zip(*sums.values()))
        assert count == sum(batch.num_supervised for batch in batches)
        assert total / count == pytest.approx(loss, abs=1e-6)
    assert accumulate(forward, Sft(), batches, Weights(loaded.model, "fp32"), ["qa"]).tasks.keys() == {"qa"}
    assert accumulate(forward, Sft(), batches, Weights(loaded.model, "fp32")).tasks == {}


def test_the_recipe_s_settings_reach_the_objective():
    section = TrainSection(label_smoothing_factor=0.2, task_weights={"qa": 2})
    objective = OBJECTIVES[section.objective].of(section)
    assert (objective.label_smoothing, objective.task_weights) == (0.2, {"qa": 2.0})
