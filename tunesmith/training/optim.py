"""The optimizer: AdamW, or Muon for hidden matrices beside AdamW for the rest; its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from tunesmith.training.precision import Weights


class Optimizers:
    """Several optimizers, each with weights of its own, used as one."""

    def __init__(self, *parts: torch.optim.Optimizer):
        self.parts = parts
        self._owners = {weight: p for p in parts for group in p.param_groups for weight in group["params"]}

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts."""
        return [group for part in self.parts for group in part.param_groups]

    def state_of(self, weight: torch.Tensor) -> dict[str, Any]:
        """What is remembered about a weight; what is put in is remembered."""
        return self._owners[weight].state[weight]

    def step(self) -> None:
        """Move every weight that has a gradient."""
        for part in self.parts:
            part.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)


def build_optimizer(weights: Weights, *, name: str, learning_rate: float, weight_decay: float) -> Optimizers:
    """``adamw`` (Loshchilov and Hutter 2019), or ``muon`` (Jordan et al. 2024).

    Muon moves a matrix by its momentum made orthogonal, scaled so that its root mean square is that of an AdamW step
    (Liu et al. 2025): the same learning rate suits both. It takes what `hidden_matrices` names; embeddings, the head,
    biases and norm weights stay with AdamW. Only matrices decay.
    """
    hidden = hidden_matrices(weights.model) if name == "muon" else frozenset()
    muon = [weight for key, weight in weights.masters.items() if key in hidden]
    rest = [weight for key, weight in weights.masters.items() if key not in hidden]
    groups = [
        {"params": [weight for weight in rest if weight.ndim >= 2], "weight_decay": weight_decay},
        {"params": [weight for weight in rest if weight.ndim < 2], "weight_decay": 0.0},
    ]
    parts: list[torch.optim.Optimizer] = []
    if muon:
        parts.append(
            torch.optim.Muon(muon, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    if rest:
        parts.append(torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True))
    return Optimizers(*parts)


def hidden_matrices(model: nn.Module) -> frozenset[str]:
    """Names of the matrices that turn one hidden state into another: no table of embeddings, no head, no bias."""
    heads = (getattr(module, "get_output_embeddings", lambda: None)() for module in model.modules())
    apart = [
        *(m for m in model.modules() if isinstance(m, nn.Embedding)),
        *(head for head in heads if head is not None),
    ]
    excluded = {id(parameter) for module in apart for parameter in module.parameters()}
    return frozenset(key for key, p in model.named_parameters() if p.ndim == 2 and id(p) not in excluded)


def optimizer_tensors(optimizer: Optimizers, masters: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The optimizer's state as ``{weight name}/{state name}`` tensors."""
    return {
        f"{name}/{key}": torch.as_tensor(value)
        for name, weight in masters.items()
        for key, value in optimizer.state_of(weight).items()
    }


def load_optimizer_tensors(
    optimizer: Optimizers, masters: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave."""
    for key, tensor in tensors.items():
        name, state = key.rsplit("/", 1)
        weight = masters[name]
        optimizer.state_of(weight)[state] = tensor.to(weight.device)  # the fused kernel wants the step count there too
