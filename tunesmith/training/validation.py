"""The validation loss: the same number whatever the batch size, and no trace left in the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tunesmith.rendering.collate import Batch
from tunesmith.training.objectives import Objective


@dataclass(frozen=True)
class Validation:
    """Mean loss per supervised token over all rows, and how many tokens that were."""

    loss: float | None
    num_supervised_tokens: int


@torch.no_grad()
def validate(forward: nn.Module, objective: Objective, batches: Sequence[Callable[[], Batch]]) -> Validation:
    """The objective over the batches, summed and divided once; the model's mode is put back afterwards."""
    was_training = forward.training
    forward.eval()
    total, count = 0.0, 0
    try:
        for make in batches:
            batch = make()
            count += sum(objective.counts(batch).values())
            total += sum(term.double().item() for term in objective.losses(forward, batch).values())
    finally:
        forward.train(was_training)
    return Validation(total / count if count else None, count)
