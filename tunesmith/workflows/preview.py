"""What training will see: a few records token by token, and the ledger of all of them."""

from __future__ import annotations

from typing import Any

from tunesmith.model.load import kind_of
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import Recipe
from tunesmith.rendering.tokenize import Encoded
from tunesmith.workflows.prepare import examples_without_weights


def preview(recipe: Recipe, *, limit: int, console: Progress = SilentProgress()) -> dict[str, Any]:
    """The ledger of the training records and the first ``limit`` examples, without loading weights.

    The ids of a row are those the model is trained on: for an encoder-decoder the prompt's, then the answer's.
    """
    examples, config, template, max_length = examples_without_weights(recipe, console)
    return {
        **examples.train_ledger.to_dict(),
        "longest": examples.train_ledger.max_length,
        "template": template.name,
        "kind": kind_of(config),
        "max_length": max_length,
        "over_length": recipe.train.over_length,
        "rows": [_row(example) for example in examples.train[:limit]],
    }


def _row(example: Encoded) -> dict[str, Any]:
    target_ids = example.target_ids or []
    return {
        "id": example.record_id,
        "source": example.source,
        "input_ids": [*example.input_ids, *target_ids],
        "supervised": [*example.supervised, *(True for _ in target_ids)],
        "text": example.text,
        "supervised_text": example.supervised_text,
        "truncated": example.truncated,
    }
