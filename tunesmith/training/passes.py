"""Passes over micro-batches: what they lose, the gradient of it, and smaller micro-batches where memory does not last."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import nn

from tunesmith.model.footprint import is_out_of_memory
from tunesmith.progress import Progress
from tunesmith.rendering.collate import Batch
from tunesmith.training.objectives import Objective
from tunesmith.training.precision import Weights

T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to measure on: how long each is, and how to make a batch of some of them.

    ``tasks`` are the tasks whose losses are told apart.
    """

    lengths: Sequence[int]
    collate: Callable[[Sequence[int]], Batch]
    tasks: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class Pass:
    """What a pass over some rows found.

    Attributes:
        loss: the objective's, over all the rows.
        count: what it was divided by.
        losses: the share of it each micro-batch has.
        tasks: (sum of the losses, number) of the supervised tokens of each task that was met.
    """

    loss: float
    count: float
    batches: Sequence[Batch]
    losses: Sequence[float]
    tasks: dict[str, tuple[float, int]] = field(default_factory=dict)


class TaskSums:
    """Adds up what a forward says of each supervised token, by task: the loss before any weight of its task."""

    def __init__(self, tasks: Sequence[str], device: torch.device):
        self.numbers = {task: number for number, task in enumerate(tasks)}
        self.sums = torch.zeros(2, len(tasks) + 1, dtype=torch.float64, device=device)  # the last: of all other tasks

    @contextmanager
    def watching(self, forward: nn.Module) -> Iterator[None]:
        """Add up what the forward gives while this lasts."""
        handle = forward.register_forward_hook(self._add) if self.numbers else None
        try:
            yield
        finally:
            if handle is not None:
                handle.remove()

    def _add(self, _module: nn.Module, inputs: tuple[Batch], log_likelihoods: torch.Tensor) -> None:
        (batch,) = inputs
        of_documents = torch.tensor([self.numbers.get(task, -1) for task in batch.tasks], device=self.sums.device)
        numbers = of_documents[batch.documents_of_supervised] % self.sums.shape[1]
        losses = -log_likelihoods.detach().double()
        self.sums.index_add_(1, numbers, torch.stack([losses, torch.ones_like(losses)]))

    def told(self) -> dict[str, tuple[float, int]]:
        """(sum, number of tokens) of each task that had any."""
        sums, counts = self.sums.tolist()
        return {task: (sums[k], int(counts[k])) for task, k in self.numbers.items() if counts[k]}


class TooLarge(MemoryError):
    """Memory does not last for a micro-batch; ``number`` counts from 0."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@contextmanager
def noticing_memory(number: int) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TooLarge(number) from error


class Fitting:
    """Cuts micro-batches until memory lasts for them, and remembers how far it had to go.

    No micro-batch has more than ``max_tokens``, padding included; None: none was too large so far.
    """

    def __init__(self, weights: Weights, progress: Progress, max_tokens: int | None = None):
        self.weights, self.progress, self.max_tokens = weights, progress, max_tokens

    def take(self, do: Callable[[list[list[int]]], T], micro_batches: Sequence[list[int]], lengths: Sequence[int]) -> T:
        """``do`` of the row numbers of each micro-batch, cut where they must be.

        Where memory does not last for one of them all is forgotten and done again, none having more than half its tokens:
        no row is left out or counted twice. Raises what memory ran out with where that one is a single row.
        """
        while True:
            cut = [part for rows in micro_batches for part in self._cut(rows, lengths)]
            try:
                return do(cut)
            except TooLarge as error:
                rows = cut[error.number]
                if len(rows) == 1:
                    raise error.__cause__ from None
            # Out of the handler, which holds on to all that was computed.
            self.weights.drop_gradients()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._lower(rows, lengths)

    def _cut(self, rows: list[int], lengths: Sequence[int]) -> Iterator[list[int]]:
        longest = max(lengths[row] for row in rows)
        if self.max_tokens is None or len(rows) == 1 or len(rows) * longest <= self.max_tokens:
            yield rows
            return
        middle = (len(rows) + 1) // 2
        yield from self._cut(rows[:middle], lengths)
        yield from self._cut(rows[middle:], lengths)

    def _lower(self, rows: list[int], lengths: Sequence[int]) -> None:
        longest = max(lengths[row] for row in rows)
        self.max_tokens = (len(rows) + 1) // 2 * longest
        self.progress.warn(
            f"Out of memory in a micro-batch of {len(rows)} rows of up to {longest} tokens: it is cut in half, as are all like "
            "it from now on; steps and gradients stay the same. train.per_device_train_batch_size could be lower."
        )


def accumulate(
    forward: nn.Module, objective: Objective, batches: Sequence[Batch], weights: Weights, tasks: Sequence[str] = ()
) -> Pass:
    """Add up the gradient of one step over its micro-batches.

    Each term is divided by its count over the whole step, so how the rows were cut makes no difference. Raises `TooLarge`,
    and leaves a part of the gradient behind then.
    """
    counts: Counter[str] = Counter()
    for batch in batches:
        counts.update(objective.counts(batch))
    losses, sums = [], TaskSums(tasks, next(forward.parameters()).device)
    with sums.watching(forward):
        for number, batch in enumerate(batches):
            with noticing_memory(number):
                terms = objective.losses(forward, batch)
                loss = sum(term / (counts[name] or 1) for name, term in terms.items())
                loss.backward()
                weights.collect_gradients()
                losses.append(loss.detach())
    told = torch.stack(losses).tolist()
    return Pass(sum(told), sum(counts.values()), batches, told, sums.told())
