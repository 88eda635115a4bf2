"""The optimizers and their state as named tensors; what averages the weights keeps its average here too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import torch
from bitsandbytes.optim import AdamW8bit
from schedulefree import AdamWScheduleFree
from torch import nn
from transformers.optimization import Adafactor

from tunesmith.recipe import OptimizerName, TrainSection
from tunesmith.training.muon import Muon
from tunesmith.training.precision import Weights

GROUP_COUNTERS = ("k", "weight_sum", "lr_max")
"""What schedule-free remembers of a whole group of weights."""


class Optimizers:
    """Several optimizers, each with weights of its own, used as one.

    ``ema_decay`` keeps the exponential moving average of the weights after each step beside them. It is divided as Adam's
    moments are, so that the weights training began with have no part in it: after t steps it is Σ decay^(t-i) w_i over
    i = 1 … t, divided by Σ decay^(t-i).
    """

    def __init__(self, *parts: torch.optim.Optimizer, ema_decay: float | None = None):
        self.parts, self.ema_decay = parts, ema_decay
        self.num_steps = 0
        self.averages: dict[torch.Tensor, torch.Tensor] = {}
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
        self.num_steps += 1
        if self.ema_decay is not None:
            self._average(self.ema_decay)

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        share = (1 - decay) / (1 - decay**self.num_steps)
        for weight in self._owners:
            if weight in self.averages:
                self.averages[weight].lerp_(weight, share)
            else:
                self.averages[weight] = weight.detach().clone()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    @property
    def has_average(self) -> bool:
        """Whether the weights to be measured and kept are an average of those that are trained."""
        return self.ema_decay is not None or any(isinstance(part, AdamWScheduleFree) for part in self.parts)

    @torch.no_grad()
    def averaged(self, weight: torch.Tensor) -> torch.Tensor:
        """The average of a weight; the weight itself where it never moved.

        Schedule-free trains at y = (1 - β) z + β x, remembers z, and is to be judged at the average x.
        """
        if self.ema_decay is not None:
            return self.averages.get(weight, weight)
        beta, _ = self._owners[weight].defaults["betas"]
        state = self.state_of(weight)
        return weight.lerp(state["z"], 1 - 1 / beta) if "z" in state else weight

    def counters(self) -> dict[str, Any]:
        """What is remembered beside the tensors of each weight, for JSON."""
        groups = [{key: group[key] for key in GROUP_COUNTERS if key in group} for group in self.param_groups]
        return {"num_steps": self.num_steps, "groups": groups}

    def load_counters(self, counters: Mapping[str, Any]) -> None:
        """Put back what `counters` gave."""
        self.num_steps = counters["num_steps"]
        for group, kept in zip(self.param_groups, counters["groups"], strict=True):
            group.update(kept)


def optimizer_of(weights: Weights, section: TrainSection) -> Optimizers:
    """The optimizer that a recipe names."""
    return build_optimizer(
        weights,
        name=section.optimizer,
        learning_rate=section.learning_rate,
        weight_decay=section.weight_decay,
        ema_decay=section.ema_decay,
    )


def build_optimizer(
    weights: Weights, *, name: OptimizerName, learning_rate: float, weight_decay: float, ema_decay: float | None = None
) -> Optimizers:
    """The optimizer of that name; every one takes the same learning rates, and decays matrices only.

    * ``adamw`` (Loshchilov and Hutter 2019), fused.
    * ``adamw_8bit``: its moments in 8 bits, in blocks of 256 (Dettmers et al. 2022). Embeddings keep theirs in 32 bits, as
      the paper has it.
    * ``adafactor`` (Shazeer and Stern 2018): a matrix's second moments as a row and a column, no first ones; steps of the
      given learning rate instead of its own relative ones.
    * ``muon`` (Jordan et al. 2024): moves a matrix by its momentum made orthogonal, scaled so that its root mean square is
      that of an AdamW step (Liu et al. 2025). It takes what `hidden_matrices` names, AdamW the rest.
    * ``schedule_free`` AdamW (Defazio et al. 2024): an average of the weights in place of a falling learning rate.
    """
    taken = taken_by(name, weights.model)
    chosen = [weight for key, weight in weights.masters.items() if key in taken]
    rest = [weight for key, weight in weights.masters.items() if key not in taken]
    parts = [
        make(_groups(members, weight_decay), lr=learning_rate, weight_decay=weight_decay)
        for make, members in ((_MAKERS[name], chosen), (_adamw, rest))
        if members
    ]
    return Optimizers(*parts, ema_decay=ema_decay)


def _groups(weights: list[torch.Tensor], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices, which decay, and vectors, which do not."""
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _adamw(groups, **options) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, fused=True, **options)


def _adamw_8bit(groups, **options) -> torch.optim.Optimizer:
    return AdamW8bit(groups, **options)


def _adafactor(groups, **options) -> torch.optim.Optimizer:
    return Adafactor(groups, scale_parameter=False, relative_step=False, **options)


def _schedule_free(groups, **options) -> torch.optim.Optimizer:
    optimizer = AdamWScheduleFree(groups, foreach=False, **options)  # which would hold a copy of every weight at once
    optimizer.train()
    return optimizer


_MAKERS: dict[OptimizerName, Callable[..., torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "adamw_8bit": _adamw_8bit,
    "adafactor": _adafactor,
    "muon": Muon,
    "schedule_free": _schedule_free,
}
assert set(_MAKERS) == set(get_args(OptimizerName))


def taken_by(name: OptimizerName, model: nn.Module) -> frozenset[str]:
    """Names of the weights that the optimizer of that name moves itself; AdamW moves the rest."""
    if name == "muon":
        return hidden_matrices(model)
    if name == "adamw_8bit":
        return all_but_embeddings(model)
    return frozenset(key for key, _ in model.named_parameters())


def hidden_matrices(model: nn.Module) -> frozenset[str]:
    """Names of the matrices that turn one hidden state into another: no table of embeddings, no head, no bias."""
    heads = (getattr(module, "get_output_embeddings", lambda: None)() for module in model.modules())
    excluded = {id(parameter) for head in heads if head is not None for parameter in head.parameters()}
    own = all_but_embeddings(model)
    return frozenset(key for key, p in model.named_parameters() if key in own and p.ndim == 2 and id(p) not in excluded)


def all_but_embeddings(model: nn.Module) -> frozenset[str]:
    """Names of all weights that are in no table of embeddings."""
    tables = (module for module in model.modules() if isinstance(module, nn.Embedding))
    excluded = {id(parameter) for table in tables for parameter in table.parameters()}
    return frozenset(key for key, p in model.named_parameters() if id(p) not in excluded)


def optimizer_tensors(optimizer: Optimizers, masters: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The optimizer's state, and the average of the weights where one is kept, as ``{weight name}/{state name}`` tensors."""
    tensors = {}
    for name, weight in masters.items():
        states = dict(optimizer.state_of(weight))
        if weight in optimizer.averages:
            states["average"] = optimizer.averages[weight]
        tensors |= {f"{name}/{key}": _as_tensor(key, value) for key, value in states.items()}
    return tensors


def _as_tensor(key: str, value: torch.Tensor | int | float) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        # bitsandbytes has one table of 8-bit values for all weights, and safetensors writes no tensor twice.
        return value.clone() if key.startswith("qmap") else value
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)


def load_optimizer_tensors(
    optimizer: Optimizers, masters: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave."""
    for key, tensor in tensors.items():
        name, state = key.rsplit("/", 1)
        weight = masters[name]
        if state == "average":
            optimizer.averages[weight] = tensor.to(weight.device)
        elif tensor.ndim == 0 and tensor.dtype in (torch.int64, torch.float64):  # was a number
            optimizer.state_of(weight)[state] = tensor.item()
        else:  # torch's step count goes there too: the fused kernel wants it so
            optimizer.state_of(weight)[state] = tensor.to(weight.device)
