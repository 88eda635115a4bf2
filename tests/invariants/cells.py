"""The table every invariant runs over: three shapes of model × every tuning method, and the same few things done to each.

The three shapes show different mistakes: rotary positions (Llama) hide what learned ones (GPT-2) show, and an
encoder-decoder (T5) has masks and targets of its own.
"""

from __future__ import annotations

import copy
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from tests.models import SHAPES
from tests.training.rows import batch_of, random_examples, rows_of
from tests.training.runs import Folder, train_section
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.load import LoadedModel, load_model
from tunesmith.model.probe import Capabilities, probe
from tunesmith.model.support import capabilities_with
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import AdapterSection, ModelSection
from tunesmith.rendering.collate import Batch
from tunesmith.rendering.tokenize import Encoded
from tunesmith.training.loop import TrainResult, train
from tunesmith.training.objectives import Sft
from tunesmith.training.passes import Rows, accumulate
from tunesmith.training.precision import Weights

METHODS: dict[str, dict[str, Any]] = {
    "full": {"method": "full"},
    "lora": {"method": "lora", "r": 4},
    "dora": {"method": "lora", "r": 4, "use_dora": True, "use_rslora": True},
    "qlora": {"method": "qlora", "r": 4},
    "lora-8bit": {"method": "lora-8bit", "r": 4},
    "prefix": {"method": "prefix", "num_virtual_tokens": 4},
    "prompt": {"method": "prompt", "num_virtual_tokens": 4},
    "pfeiffer": {"method": "bottleneck", "bottleneck_size": 8},
    "houlsby": {"method": "bottleneck", "variant": "houlsby", "bottleneck_size": 8},
}
"""A name and the adapter section it stands for: the one place a new method is added to."""

CAUSAL = tuple(shape for shape in SHAPES if shape != "t5")
LENGTHS = (5, 31, 12, 9, 22, 7, 16, 3, 27)
"""Nine ragged rows: no micro-batch size but 1 and 3 divides them."""


@dataclass(frozen=True)
class Cell:
    """A shape of model and a method to tune it with."""

    shape: str
    method: str

    def __str__(self) -> str:
        return f"{self.shape}-{self.method}"

    @property
    def section(self) -> AdapterSection:
        return section_of(self.method)

    @property
    def kind(self) -> str:
        return "seq2seq" if self.shape == "t5" else "causal"


CELLS = tuple(Cell(shape, method) for shape in SHAPES for method in METHODS)


def _is_seldom_run(cell: Cell) -> bool:
    """What is left when every method has a shape in turn, and the two most used have all."""
    turn = SHAPES[list(METHODS).index(cell.method) % len(SHAPES)]
    return cell.method not in ("full", "lora") and cell.shape != turn


spread = pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, marks=pytest.mark.slow) if _is_seldom_run(cell) else cell for cell in CELLS],
    indirect=True,
    ids=str,
)
"""Every cell, for what takes long in each: all methods and all shapes every time, all pairs of them with ``-m ''``."""


def section_of(method: str, **changes) -> AdapterSection:
    """The adapter section of a method in the table."""
    return TypeAdapter(AdapterSection).validate_python(METHODS[method] | changes)


@cache
def _base(folder: Path, quantization: str | None) -> LoadedModel:
    return load_model(ModelSection(name_or_path=str(folder)), quantization=quantization)


@cache
def _found(folder: Path, quantization: str | None) -> Capabilities:
    return probe(_base(folder, quantization))


def base(folder: Path, section: AdapterSection | None = None) -> LoadedModel:
    """A fresh copy of a saved model, without an adapter, and quantized as the method has it."""
    loaded = _base(folder, section.quantization if section is not None else None)
    return replace(loaded, model=copy.deepcopy(loaded.model))


@dataclass(frozen=True)
class Tuned:
    """A model with a method attached, as training gets it; ``base_weights`` are those it had before."""

    loaded: LoadedModel
    forward: Forward
    capabilities: Capabilities
    base_weights: tuple[nn.Parameter, ...]

    @property
    def model(self) -> nn.Module:
        return self.forward.model

    def examples(self, lengths: Sequence[int] = LENGTHS, *, seed: int = 0) -> list[Encoded]:
        return random_examples(self.loaded.kind, lengths, seed=seed)

    def batch(self, examples: Sequence[Encoded], *, packed: bool = False) -> Batch:
        return batch_of(self.loaded, examples, packed=packed)

    def rows(self, examples: Sequence[Encoded]) -> Rows:
        return rows_of(self.loaded, examples)

    def trainable(self) -> dict[str, torch.Tensor]:
        """Copies of what is trained."""
        return {name: p.detach().clone() for name, p in self.model.named_parameters() if p.requires_grad}

    def frozen(self) -> dict[str, torch.Tensor]:
        """Copies of everything else a model is made of: frozen weights, quantized or not, and buffers."""
        state = {name: p for name, p in self.model.named_parameters() if not p.requires_grad}
        return {name: tensor.detach().clone() for name, tensor in (state | dict(self.model.named_buffers())).items()}


def tuned(folder: Path, section: AdapterSection, *, awake: bool = True, seed: int = 5) -> Tuned:
    """A fresh copy with the method attached; ``awake``: its adapter does something, as after some training."""
    loaded = base(folder, section)
    torch.manual_seed(seed)
    base_weights = tuple(loaded.model.parameters())
    model = adapters.attach(loaded.model, section)
    if awake and section.method != "full":
        # What a bottleneck adds would drown the small hidden states of the tiny decoders.
        wake(model, 0.005 if section.method == "bottleneck" and loaded.kind == "causal" else 0.05)
    found = capabilities_with(section, loaded, _found(folder, section.quantization))
    return Tuned(loaded, Forward(model.eval(), head=found.head, flattens=found.flattens), found, base_weights)


@torch.no_grad()
def wake(model: nn.Module, size: float = 0.05) -> None:
    """Move what is trained away from where it starts, where most adapters do nothing."""
    generator = torch.Generator().manual_seed(11)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * size)


def chunks(items: Sequence, size: int) -> list[Sequence]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def gradient(
    one: Tuned, batches: Sequence[Batch], *, forward: nn.Module | None = None, objective: Any = None
) -> tuple[float, torch.Tensor]:
    """The loss of one step over the batches, and its gradient as one vector."""
    one.model.zero_grad(set_to_none=True)
    loss = accumulate(forward or one.forward, objective or Sft(), batches, Weights(one.model, "fp32")).loss
    parameters = [p for p in one.model.parameters() if p.requires_grad]
    return loss, torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in parameters])


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """L2 distance as a share of the first one's length."""
    return float(torch.linalg.vector_norm(one.double() - other.double()) / torch.linalg.vector_norm(one.double()))


def run(
    one: Tuned,
    folder: Folder,
    *,
    lengths: Sequence[int] = LENGTHS,
    validation: Sequence[int] = (),
    objective: Any = None,
    resume: bool = False,
    fingerprint: dict[str, Any] | None = None,
    progress: Progress = SilentProgress(),
    should_stop: Callable[[], int | None] = lambda: None,
    on_step: Callable[[int, nn.Module], None] = lambda step, model: None,
    **changes,
) -> TrainResult:
    """Train in place."""
    on_step = should_stop.on_step if isinstance(should_stop, Stops) else on_step
    rows, held_out = one.rows(one.examples(lengths)), one.rows(one.examples(validation, seed=9))
    return train(
        one.forward, objective or Sft.of(train_section(**changes)), rows, held_out, train_section(**changes), folder.place, progress=progress,
        fingerprint=fingerprint or {}, resume=resume, should_stop=should_stop, on_step=on_step,
    )  # fmt: skip


class Stops:
    """Asks the loop to stop after so many steps, however often it is asked."""

    def __init__(self, steps: int):
        self.left = steps

    def __call__(self) -> int | None:
        return signal.SIGTERM if self.left <= 0 else None

    def on_step(self, _step: int, _forward: nn.Module) -> None:
        self.left -= 1


def scatter(seed: int) -> None:
    """Leave every generator somewhere else, as another process would."""
    random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)
