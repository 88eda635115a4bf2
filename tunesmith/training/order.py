"""Which rows a step sees: a pure function of the seed and the step, so a resumed run sees what it would have seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """The rows of a training set in the order they are seen.

    An epoch is a permutation from (seed, epoch). A step takes the next ``rows_per_step`` rows of it, the last step of an
    epoch what is left; its rows are cut into micro-batches of ``rows_per_batch``, rows of like length together (the
    division by the step's count makes the cut irrelevant to the gradient).
    """

    lengths: Sequence[int]
    rows_per_batch: int
    batches_per_step: int
    seed: int

    @property
    def rows_per_step(self) -> int:
        return self.rows_per_batch * self.batches_per_step

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.lengths) / self.rows_per_step)

    def micro_batches(self, step: int) -> list[list[int]]:
        """Row numbers of each micro-batch of a step, counted from 0."""
        epoch, index = divmod(step, self.steps_per_epoch)
        permutation = np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths))
        rows = permutation[index * self.rows_per_step : (index + 1) * self.rows_per_step].tolist()
        return list(by_length(rows, self.lengths, self.rows_per_batch))


def by_length(rows: Sequence[int], lengths: Sequence[int], rows_per_batch: int) -> Iterator[list[int]]:
    """The rows in batches of like length, longest first, so that little is padding and memory is known at once."""
    ordered = sorted(rows, key=lambda row: (-lengths[row], row))
    for start in range(0, len(ordered), rows_per_batch):
        yield ordered[start : start + rows_per_batch]
