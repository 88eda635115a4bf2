"""Who owns the numbers: what the model computes in, what the optimizer updates, and where gradients add up."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

PrecisionName = Literal["fp32", "bf16"]


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
        self.masters = {name: p.detach().float().clone().requires_grad_() for name, p in self.computed.items()}
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
            master, gradient = self.masters[name], parameter.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
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
