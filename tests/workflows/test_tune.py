"""Rows to train on: packed only where that is right, and never longer than the model reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.model.test_generate import answering
from tests.models import save_tiny
from tests.training.rows import random_examples, rows_of
from tests.workflows.recipes import recipe
from tunesmith.errors import TrainingError
from tunesmith.progress import SilentProgress
from tunesmith.rendering.examples import Ledger
from tunesmith.training.optim import optimizer_of, optimizer_tensors
from tunesmith.training.precision import Weights
from tunesmith.workflows import tune
from tunesmith.workflows.prepare import Examples
from tunesmith.workflows.tune import _fingerprint, both_rows, checkpoint_bytes, forward_to_train


class Heard(SilentProgress):
    def __init__(self):
        self.notices: list[str] = []

    def notice(self, text):
        self.notices.append(text)


def rows_of_recipe(opened, *, num_validation: int = 2, heard=None, **train):
    kind = opened.loaded.kind
    examples = Examples(random_examples(kind), random_examples(kind)[:num_validation], Ledger(), Ledger())
    return both_rows(opened, examples, recipe("model", "rows.jsonl", train=train), heard or SilentProgress())


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_packed_rows_are_as_long_as_the_recipe_allows_and_hold_every_example(model_folders, shape):
    """L19."""
    rows, validation_rows = rows_of_recipe(answering(model_folders[shape]), packing=True, max_length=40)
    assert max(rows.lengths) <= 40
    assert len(rows) < 13
    names = [name for i in range(len(rows)) for name in rows.collate([i]).record_ids]
    assert sorted(names) == sorted(f"r{i}" for i in range(13))
    assert validation_rows.lengths == [36]


def test_packed_rows_are_never_longer_than_the_model_has_positions_for(tmp_path):
    opened = answering(save_tiny("gpt2", tmp_path, n_positions=48))
    rows, _ = rows_of_recipe(opened, packing=True, max_length=1024)
    assert max(rows.lengths) <= 48


def test_a_model_that_cannot_keep_documents_apart_is_not_packed_and_says_so_once(model_folders):
    """L17."""
    opened = answering(model_folders["llama"])
    opened = replace(opened, capabilities=replace(opened.capabilities, can_pack=False))
    heard = Heard()
    rows, validation_rows = rows_of_recipe(opened, packing=True, heard=heard)
    assert (len(rows), len(validation_rows)) == (13, 2)
    [notice] = heard.notices
    assert "cannot keep packed documents apart" in notice


def test_without_packing_every_example_has_a_row_of_its_own(model_folders):
    rows, _ = rows_of_recipe(answering(model_folders["t5"]))
    assert len(rows) == 13
    assert rows.lengths == [example.num_tokens for example in random_examples("seq2seq")]


def test_a_checkpoint_belongs_to_the_very_examples_it_was_trained_on(model_folders):
    """D1: one id or one flag more or less is another training."""
    opened, made = answering(model_folders["llama"]), recipe("model", "rows.jsonl")
    first, *others = random_examples("causal")
    flipped = replace(first, supervised=[not flag for flag in first.supervised])
    found = {
        _fingerprint(opened, Examples(examples, [], Ledger(), Ledger()), made)["examples"]
        for examples in ([first, *others], others, [flipped, *others], [*others, first])
    }
    assert len(found) == 4


def test_early_stopping_without_validation_records_is_refused(model_folders):
    with pytest.raises(TrainingError, match="early_stopping_patience: there are no validation records.*_fraction"):
        rows_of_recipe(answering(model_folders["llama"]), num_validation=0, early_stopping_patience=2)


def tasked(kind: str, tasks) -> list:
    return [replace(example, task=task) for example, task in zip(random_examples(kind), tasks)]


def told_tasks(opened, tasks, **train) -> tuple:
    examples = tasked(opened.loaded.kind, tasks)
    made = recipe("model", "rows.jsonl", train=train)
    rows, held_out = both_rows(opened, Examples(examples, examples[:2], Ledger(), Ledger()), made, SilentProgress())
    return rows.tasks, held_out.tasks


def test_the_losses_of_several_tasks_are_told_apart(model_folders):
    opened = answering(model_folders["llama"])
    assert told_tasks(opened, ["qa", "chat"] * 6 + [""]) == (["", "chat", "qa"], ["", "chat", "qa"])
    assert told_tasks(opened, ["qa"] * 13) == ([], [])
    assert told_tasks(opened, [""] * 13) == ([], [])


def test_of_many_tasks_those_that_are_weighed_are_told_first_and_then_the_largest(model_folders, monkeypatch):
    monkeypatch.setattr(tune, "MAX_TASKS", 2)
    opened = answering(model_folders["llama"])
    tasks = ["large"] * 6 + ["middle"] * 4 + ["small"] * 2 + ["tiny"]
    assert told_tasks(opened, tasks)[0] == ["large", "middle"]
    assert told_tasks(opened, tasks, task_weights={"tiny": 2})[0] == ["large", "tiny"]


def test_a_weight_for_a_task_there_is_not_is_one_line_with_the_nearest(model_folders):
    opened = answering(model_folders["llama"])
    with pytest.raises(TrainingError) as raised:
        told_tasks(opened, ["open_qa", "chat"] * 6, task_weights={"chat": 1, "open-qa": 2})
    assert str(raised.value) == (
        "train.task_weights: no training record has the task `open-qa`. Did you mean `open_qa`? There are: chat, open_qa."
    )
    with pytest.raises(TrainingError, match="The records name no tasks"):
        told_tasks(opened, [""] * 13, task_weights={"qa": 2})


def test_layers_are_frozen_as_the_recipe_says(model_folders):
    opened = answering(model_folders["llama"])
    forward = forward_to_train(
        opened, recipe("m", "rows.jsonl", adapter={"method": "full"}, train={"freeze": ["layers.0"]})
    )
    assert {name for name, p in forward.model.named_parameters() if not p.requires_grad} == {
        name for name, _ in forward.model.named_parameters() if ".layers.0." in name
    }


@pytest.mark.parametrize("wanted", [False, True])
def test_layers_are_computed_again_as_the_recipe_says(model_folder, wanted):
    opened = answering(model_folder)
    forward = forward_to_train(opened, recipe("m", "rows.jsonl", train={"gradient_checkpointing": wanted}))
    assert opened.loaded.model.is_gradient_checkpointing == wanted
    assert forward.train()(rows_of(opened.loaded, random_examples(opened.loaded.kind)).collate([0, 1])).requires_grad


@pytest.mark.parametrize("name", ["adamw", "adafactor", "adamw_8bit"])
def test_the_size_of_a_checkpoint_is_known_before(model_folders, tmp_path, name):
    """To the byte but for step counts, names and random states."""
    made = recipe("m", "rows.jsonl", adapter={"method": "full"}, train={"optimizer": name, "ema_decay": 0.9})
    opened = answering(model_folders["llama"])
    forward = forward_to_train(opened, made)
    weights = Weights(forward.model, "fp32")
    optimizer = optimizer_of(weights, made.train)
    for master in weights.masters.values():
        master.grad = torch.ones_like(master)
    optimizer.step()
    kept = [*weights.masters.values(), *optimizer_tensors(optimizer, weights.masters).values()]
    expected = sum(tensor.numel() * tensor.element_size() for tensor in kept if tensor.ndim)
    assert checkpoint_bytes(forward.model, made.train) == expected
