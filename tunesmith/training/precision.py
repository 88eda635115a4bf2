"""Who owns the numbers: what the model computes in, what the optimizer updates, and where gradients add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

PrecisionName = Literal["fp32", "bf16"]

PIECE = 1 << 20
"""Numbers that are added at once."""


class Weights:
    """The trainable weights of a model in the precision they are trained in.

    ``fp32``: the model's own parameters. ``bf16``: the model computes in bfloat16 (frozen weights are stored in it once)
    while the optimizer updates float32 masters, and micro-batch gradients are added up in float32. A bfloat16 weight has
    8 bits of mantissa: at a learning rate of 1e-6 most updates would round to nothing without masters.
    """

    def __init__(self, model: nn.Module, precision: PrecisionName):
        self.model, self.precision = model, precision
        self.computed = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if precision == "fp32":
            self.masters: dict[str, torch.Tensor] = dict(self.computed)
            return
        # In float32 already, a weight becomes its own master, and the model gets a copy below.
        self.masters = {name: p.detach().float().requires_grad_() for name, p in self.computed.items()}
        self._sums: dict[str, torch.Tensor] = {}
        kept = tuple(getattr(model, "_keep_in_fp32_modules_strict", None) or ())
        for name, parameter in model.named_parameters():
            # Buffers stay as they are: rotary frequencies in bfloat16 would blur positions.
            if parameter.is_floating_point() and not any(part in kept for part in name.split(".")):
                parameter.data = parameter.data.to(torch.bfloat16)

    def collect_gradients(self) -> None:
        """Add the gradients of one micro-batch to those of the step."""
        if self.precision == "fp32":
            return
        for name, parameter in self.computed.items():
            if parameter.grad is None:
                continue
            master = self.masters[name]
            if master.grad is None:
                # Memory that was given back would come back empty, page by page.
                if name not in self._sums:
                    self._sums[name] = torch.empty_like(master)
                master.grad = self._sums[name].copy_(parameter.grad)
            else:
                _add(master.grad, parameter.grad)
            parameter.grad = None

    def drop_gradients(self) -> None:
        """Forget what was collected of a step, and what was about to be."""
        for parameter in (*self.computed.values(), *self.masters.values()):
            parameter.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Give the model what the optimizer made of the masters."""
        if self.precision == "fp32":
            return
        for name, parameter in self.computed.items():
            parameter.copy_(self.masters[name])

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take the masters of a checkpoint, and give them to the model."""
        for name, master in self.masters.items():
            master.copy_(tensors[name])
        self.publish()

    @torch.no_grad()
    def move_to(self, place: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Put every master where ``place`` of it is, and give them to the model."""
        for master in self.masters.values():
            master.copy_(place(master))
        self.publish()

    @contextmanager
    def standing_at(self, place: Callable[[torch.Tensor], torch.Tensor] | None) -> Iterator[None]:
        """As `move_to` while it lasts; afterwards all are where they were, bit for bit. None: nothing is moved."""
        if place is None:
            yield
            return
        own = {name: master.detach().clone() for name, master in self.masters.items()}
        self.move_to(place)
        try:
            yield
        finally:
            self.load(own)


def _add(total: torch.Tensor, gradient: torch.Tensor) -> None:
    """Add a bfloat16 gradient to a float32 total in pieces, whose float32 copies stay in the processor's cache."""
    size = PIECE if total.device.type == "cpu" else max(1, total.numel())
    for one, other in zip(total.view(-1).split(size), gradient.reshape(-1).split(size), strict=True):
        one.add_(other)
