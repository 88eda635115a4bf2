"""The validation loss: the same number whatever the batch size, and no trace left in the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from tunesmith.rendering.collate import Batch
from tunesmith.training.objectives import Objective
from tunesmith.training.passes import TaskSums, noticing_memory


@dataclass(frozen=True)
class Validation:
    """The objective's loss over all rows, how many supervised tokens that were, and (sum, number) of each task's."""

    loss: float | None
    num_supervised_tokens: int
    tasks: dict[str, tuple[float, int]] = field(default_factory=dict)


@torch.no_grad()
def validate(
    forward: nn.Module,
    objective: Objective,
    batches: Sequence[Callable[[], Batch]],
    should_stop: Callable[[], int | None] = lambda: None,
    tasks: Sequence[str] = (),
) -> Validation | None:
    """The objective over the batches, summed and divided once; the model's mode is put back afterwards.

    None where ``should_stop`` gave a signal before the last batch. Raises `TooLarge` where memory does not last for one.
    """
    was_training = forward.training
    forward.eval()
    total, count, num_supervised = 0.0, 0.0, 0
    sums = TaskSums(tasks, next(forward.parameters()).device)
    try:
        with sums.watching(forward):
            for number, make in enumerate(batches):
                if should_stop() is not None:
                    return None
                with noticing_memory(number):
                    batch = make()
                    num_supervised += batch.num_supervised
                    count += sum(objective.counts(batch).values())
                    total += sum(term.double().item() for term in objective.losses(forward, batch).values())
    finally:
        forward.train(was_training)
    return Validation(total / count if count else None, num_supervised, sums.told())
