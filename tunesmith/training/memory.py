"""What training holds in memory for as long as it lasts, known from the weights alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from tunesmith.recipe import TrainSection
from tunesmith.training.optim import taken_by

BLOCK = 256
SMALLEST_IN_8_BITS = 4096
"""bitsandbytes keeps the moments of smaller weights in 32 bits."""
TABLES_BYTES = 2 * 4 * 256
"""The values 8 bits can have, of either moment; kept beside every weight."""


@dataclass(frozen=True)
class HeldBytes:
    """Weights (with their masters), gradients (a micro-batch's and their sum), what the optimizer remembers (with an average)."""

    weights: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer


def held_bytes(model: nn.Module, section: TrainSection) -> HeldBytes:
    """Bytes of a model that is to be trained, without its activations.

    In bf16 a float weight takes 2 bytes, and a trained one 4 more for its master and 2 for a micro-batch's gradient.
    """
    is_bf16 = section.precision == "bf16"
    weights = gradients = 0
    for parameter in model.parameters():
        own = (2 if is_bf16 else 4) if parameter.is_floating_point() else parameter.element_size()
        trained = parameter.numel() if parameter.requires_grad else 0
        weights += own * parameter.numel() + (4 if is_bf16 else 0) * trained
        gradients += (6 if is_bf16 else 4) * trained
    return HeldBytes(weights, gradients, _optimizer_bytes(model, section))


def _optimizer_bytes(model: nn.Module, section: TrainSection) -> int:
    taken, total = taken_by(section.optimizer, model), 0
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            kind = section.optimizer if name in taken else "adamw"
            total += _remembered_bytes(parameter, kind) + (0 if section.ema_decay is None else 4 * parameter.numel())
    return total


def _remembered_bytes(parameter: nn.Parameter, optimizer: str) -> int:
    size = parameter.numel()
    if optimizer == "muon":
        return 4 * size
    if optimizer == "adamw_8bit" and size >= SMALLEST_IN_8_BITS:
        return 2 * size + 2 * 4 * -(-size // BLOCK) + TABLES_BYTES
    if optimizer == "adafactor":
        return 4 * (size if parameter.ndim < 2 else size // parameter.shape[-1] + size // parameter.shape[-2])
    return 8 * size
