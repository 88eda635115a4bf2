"""Which rows a step sees: a pure function of the seed and the step, so a resumed run sees what it would have seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.model.forward import Forward
from tunesmith.recipe import TrainSection

CPU_TOKENS_PER_PASS = 256
"""What one more forward and backward costs on a CPU whatever is in it, in tokens: measured on a 5 M model, 40 to 100 on one
thread and several hundred on two (64 gave 3,100 tokens/s there, 256 and 1,000 gave 4,000). On a GPU it is thousands, and
nothing is gained by more passes."""
CPU_TOKENS_PER_BATCH = 1024
"""Most tokens of a micro-batch on a CPU, for a model as wide as `CPU_WIDTH` or wider. Matrix products of 500 rows run at
its full speed already; what a pass costs besides (adding up the gradients) is 3 % of its time here for a model of 135 M,
and twice the tokens are 0.8 GiB more."""
CPU_WIDTH = 512
MOST_CPU_TOKENS_PER_BATCH = 4096


@dataclass(frozen=True)
class Order:
    """The rows of a training set in the order they are seen.

    An epoch is a permutation from (seed, epoch). A step takes the next ``rows_per_step`` rows of it, the last step of an
    epoch what is left; its rows are cut into micro-batches of at most ``rows_per_batch``, rows of like length together
    (the division by the step's count makes the cut irrelevant to the gradient). ``tokens_per_pass`` and
    ``tokens_per_batch`` are `by_length`'s; where a batch has no padding (``is_flat``) only the latter counts.
    """

    lengths: Sequence[int]
    rows_per_batch: int
    batches_per_step: int
    seed: int
    tokens_per_pass: int | None = None
    tokens_per_batch: int | None = None
    is_flat: bool = False

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
        if self.is_flat and self.tokens_per_batch is not None:
            return list(by_tokens(rows, self.lengths, self.tokens_per_batch))
        return list(by_length(rows, self.lengths, self.rows_per_batch, self.tokens_per_pass, self.tokens_per_batch))


def cpu_tokens_per_batch(width: int) -> int:
    """Most tokens of a micro-batch on a CPU: as many as keep an operation as long as one of a wider model.

    What it costs to call an operation is the same for every width, its work grows with tokens · width². A step of the
    quickstart (256 wide, 2,900 tokens) takes 15 % less time in one pass than in three, and little memory.
    """
    return min(MOST_CPU_TOKENS_PER_BATCH, max(1, CPU_WIDTH // width) ** 2 * CPU_TOKENS_PER_BATCH)


def order_of(lengths: Sequence[int], section: TrainSection, forward: Forward) -> Order:
    """The order a recipe asks for; micro-batches are cut finer on a CPU, by the width of the model's hidden states."""
    on_cpu = forward.device.type == "cpu"
    return Order(
        lengths,
        section.per_device_train_batch_size,
        section.gradient_accumulation_steps,
        section.seed,
        tokens_per_pass=CPU_TOKENS_PER_PASS if on_cpu else None,
        tokens_per_batch=cpu_tokens_per_batch(forward.width) if on_cpu else None,
        is_flat=forward.flattens,
    )


def by_tokens(rows: Sequence[int], lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """The rows, longest first, in as few batches of at most so many tokens as there can be, about equally large.

    A row that is longer is a batch by itself.
    """
    ordered = sorted(rows, key=lambda row: (-lengths[row], row))
    total = sum(lengths[row] for row in rows)
    fair = total / max(1, math.ceil(total / tokens_per_batch))
    batch, num_tokens = [], 0
    for row in ordered:
        if batch and (num_tokens >= fair or num_tokens + lengths[row] > tokens_per_batch):
            yield batch
            batch, num_tokens = [], 0
        batch.append(row)
        num_tokens += lengths[row]
    if batch:
        yield batch


def by_length(
    rows: Sequence[int],
    lengths: Sequence[int],
    rows_per_batch: int,
    tokens_per_pass: int | None = None,
    tokens_per_batch: int | None = None,
) -> Iterator[list[int]]:
    """The rows in batches of like length, longest first, so that little is padding and memory is known at once.

    A batch is full, but for the last one. With ``tokens_per_pass``, the tokens that could be computed in the time of one
    more batch, batches are also cut where that saves more padding than it costs, and where they would have more than
    ``tokens_per_batch`` with the padding.
    """
    ordered = sorted(rows, key=lambda row: (-lengths[row], row))
    if tokens_per_pass is None:
        ends = [*range(rows_per_batch, len(ordered), rows_per_batch), len(ordered)] if ordered else []
    else:
        limit = math.inf if tokens_per_batch is None else tokens_per_batch
        ends = _cheapest_ends([lengths[row] for row in ordered], rows_per_batch, tokens_per_pass, limit)
    for start, end in zip([0, *ends], ends, strict=False):
        yield ordered[start:end]


def _cheapest_ends(lengths: Sequence[int], rows_per_batch: int, tokens_per_pass: int, limit: float) -> list[int]:
    """Where to cut rows that are sorted, longest first, for the least Σ (rows × longest + ``tokens_per_pass``).

    ``cost[end]`` is that of the rows before ``end``, ``start[end]`` where the last of their batches begins.
    """
    cost, start = [0], [0]
    for end in range(1, len(lengths) + 1):
        starts = [
            first
            for first in range(max(0, end - rows_per_batch), end)
            if first == end - 1 or (end - first) * lengths[first] <= limit
        ]
        best = min(starts, key=lambda first: cost[first] + (end - first) * lengths[first])
        cost.append(cost[best] + (end - best) * lengths[best] + tokens_per_pass)
        start.append(best)
    ends, end = [], len(lengths)
    while end:
        ends.append(end)
        end = start[end]
    return ends[::-1]
