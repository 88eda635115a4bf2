"""What is optimized: an objective counts before a step and sums during it; the loop divides once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from tunesmith.rendering.collate import Batch

ForwardFunction = Callable[[Batch], torch.Tensor]


class Objective(Protocol):
    """Two functions over the terms of a loss.

    Every term's sum over all micro-batches of a step is divided once by its count over the same micro-batches, so a
    step's loss does not depend on how it was cut into micro-batches.
    """

    def counts(self, batch: Batch) -> dict[str, int]:
        """How much each term will be divided by, from the batch alone."""
        ...

    def losses(self, forward: ForwardFunction, batch: Batch) -> dict[str, torch.Tensor]:
        """Each term's sum over the batch, a scalar."""
        ...


class Sft:
    """Supervised fine-tuning: next-token cross-entropy over the assistant's tokens, each token counting the same."""

    def counts(self, batch: Batch) -> dict[str, int]:
        return {"loss": batch.num_supervised}

    def losses(self, forward: ForwardFunction, batch: Batch) -> dict[str, torch.Tensor]:
        return {"loss": -forward(batch).sum()}


OBJECTIVES: dict[str, type[Objective]] = {"sft": Sft}
