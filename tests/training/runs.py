"""What a run of the loop needs around it: settings, a place for its checkpoints, somebody who listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tunesmith.progress import SilentProgress
from tunesmith.recipe import TrainSection
from tunesmith.training.loop import Place


@dataclass
class Folder:
    """Where a run of the loop leaves its checkpoints; its metrics stay in a list."""

    path: Path
    metrics: list[dict[str, Any]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return Place(self.path / "checkpoints", self.metrics.append, self._cut)

    def _cut(self, step: int, validated_step: int) -> None:
        known = [line["step"] <= (validated_step if "validation_loss" in line else step) for line in self.metrics]
        self.metrics[:] = [line for line, kept in zip(self.metrics, known, strict=True) if kept]


class Listening(SilentProgress):
    """Remembers what was said and warned of."""

    def __init__(self):
        self.heard: list[str] = []

    def say(self, text):
        self.heard.append(text)

    def warn(self, text):
        self.heard.append(text)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights have the same names and the same bytes."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def train_section(**changes) -> TrainSection:
    """Two epochs of steps of two rows, all at one learning rate, each in the metrics and followed by a checkpoint."""
    values = dict(
        num_train_epochs=2,
        per_device_train_batch_size=2,
        learning_rate=1e-2,
        logging_steps=1,
        save_steps=1,
        lr_scheduler_type="constant",
        warmup_ratio=0.0,
    )
    return TrainSection(**values | changes)
