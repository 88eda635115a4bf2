"""What is optimized: an objective counts before a step and sums during it; the loop divides once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import torch
from torch import nn

from tunesmith.recipe import TrainSection
from tunesmith.rendering.collate import Batch


class Objective(Protocol):
    """Two functions over the terms of a loss.

    Every term's sum over all micro-batches of a step is divided once by its count over the same micro-batches, so a
    step's loss does not depend on how it was cut into micro-batches.
    """

    @classmethod
    def of(cls, section: TrainSection) -> Self:
        """The objective as the recipe sets it."""
        ...

    def counts(self, batch: Batch) -> dict[str, float]:
        """How much each term will be divided by, from the batch alone."""
        ...

    def losses(self, forward: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Each term's sum over the batch, a scalar. What only helps to learn (smoothing) is for ``forward.training``."""
        ...


class Sft:
    """Supervised fine-tuning: next-token cross-entropy over the assistant's tokens, Σ w·loss / Σ w.

    A token's weight w is that of its task, 1 where ``task_weights`` does not name it. With ``label_smoothing`` ε a target
    is the token itself with probability 1 - ε, and any token of the vocabulary with ε (Szegedy et al. 2016).
    """

    def __init__(self, *, label_smoothing: float = 0.0, task_weights: Mapping[str, float] | None = None):
        self.label_smoothing, self.task_weights = label_smoothing, dict(task_weights or {})

    @classmethod
    def of(cls, section: TrainSection) -> Self:
        return cls(label_smoothing=section.label_smoothing_factor, task_weights=section.task_weights)

    def counts(self, batch: Batch) -> dict[str, float]:
        if not self.task_weights:
            return {"loss": batch.num_supervised}
        return {"loss": self._weights(batch).sum().item()}

    def losses(self, forward: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        smoothed = {"label_smoothing": self.label_smoothing} if self.label_smoothing and forward.training else {}
        log_likelihoods = forward(batch, **smoothed)
        if self.task_weights:
            log_likelihoods = log_likelihoods * self._weights(batch).to(log_likelihoods)
        return {"loss": -log_likelihoods.sum()}

    def _weights(self, batch: Batch) -> torch.Tensor:
        """(num_supervised,) the weight of each supervised token, in float64."""
        of_documents = [self.task_weights.get(task, 1.0) for task in batch.tasks]
        return torch.tensor(of_documents, dtype=torch.float64, device=batch.targets.device)[
            batch.documents_of_supervised
        ]


OBJECTIVES: dict[str, type[Objective]] = {"sft": Sft}
