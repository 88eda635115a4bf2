"""Rows to train on: packed only where that is right, and never longer than the model reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.test_generate import answering
from tests.models import save_tiny
from tests.training.rows import random_examples
from tests.workflows.recipes import recipe
from tunesmith.errors import TrainingError
from tunesmith.progress import SilentProgress
from tunesmith.rendering.examples import Ledger
from tunesmith.workflows.prepare import Examples
from tunesmith.workflows.tune import _both_rows, _fingerprint, memory_bytes


class Heard(SilentProgress):
    def __init__(self):
        self.notices: list[str] = []

    def notice(self, text):
        self.notices.append(text)


def both_rows(opened, *, num_validation: int = 2, heard=None, **train):
    kind = opened.loaded.kind
    examples = Examples(random_examples(kind), random_examples(kind)[:num_validation], Ledger(), Ledger())
    return _both_rows(opened, examples, recipe("model", "rows.jsonl", train=train), heard or SilentProgress())


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_packed_rows_are_as_long_as_the_recipe_allows_and_hold_every_example(model_folders, shape):
    """L19."""
    rows, validation_rows = both_rows(answering(model_folders[shape]), packing=True, max_length=40)
    assert max(rows.lengths) <= 40
    assert len(rows) < 13
    names = [name for i in range(len(rows)) for name in rows.collate([i]).record_ids]
    assert sorted(names) == sorted(f"r{i}" for i in range(13))
    assert validation_rows.lengths == [36]


def test_packed_rows_are_never_longer_than_the_model_has_positions_for(tmp_path):
    opened = answering(save_tiny("gpt2", tmp_path, n_positions=48))
    rows, _ = both_rows(opened, packing=True, max_length=1024)
    assert max(rows.lengths) <= 48


def test_a_model_that_cannot_keep_documents_apart_is_not_packed_and_says_so_once(model_folders):
    """L17."""
    opened = answering(model_folders["llama"])
    opened = replace(opened, capabilities=replace(opened.capabilities, can_pack=False))
    heard = Heard()
    rows, validation_rows = both_rows(opened, packing=True, heard=heard)
    assert (len(rows), len(validation_rows)) == (13, 2)
    [notice] = heard.notices
    assert "cannot keep packed documents apart" in notice


def test_without_packing_every_example_has_a_row_of_its_own(model_folders):
    rows, _ = both_rows(answering(model_folders["t5"]))
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
        both_rows(answering(model_folders["llama"]), num_validation=0, early_stopping_patience=2)


@pytest.mark.parametrize(
    ("trainable", "precision", "expected"),
    [(100, "fp32", 1600), (10, "fp32", 520), (100, "bf16", 2000), (10, "bf16", 380)],
)
def test_memory_is_counted_for_weights_masters_gradients_and_moments(trainable, precision, expected):
    assert memory_bytes(100, trainable, precision) == expected
