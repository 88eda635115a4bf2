"""The optimizer: AdamW over named weights, and its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def build_optimizer(
    masters: Mapping[str, torch.Tensor], *, learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) with decay on matrices only: biases and norm weights have one dimension."""
    matrices = [weight for weight in masters.values() if weight.ndim >= 2]
    vectors = [weight for weight in masters.values() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer, masters: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The optimizer's state as ``{weight name}/{state name}`` tensors."""
    return {
        f"{name}/{key}": torch.as_tensor(value)
        for name, weight in masters.items()
        for key, value in optimizer.state.get(weight, {}).items()
    }


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer, masters: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave."""
    for key, tensor in tensors.items():
        name, state = key.rsplit("/", 1)
        weight = masters[name]
        optimizer.state[weight][state] = tensor.to(weight.device)  # the fused kernel wants the step count there too
