"""Muon, with matrices of one shape made orthogonal together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch

NUMBERS_AT_ONCE = 1 << 22
"""Numbers of the matrices that go together: many small ones, a large one by itself."""


class Muon(torch.optim.Muon):
    """torch's Muon (Jordan et al. 2024) with steps scaled as AdamW's: the same settings, state and results.

    The products of small matrices, one after another, leave two threads waiting for each other: as a batch they take two
    thirds of the time.
    """

    def __init__(self, groups: list[dict[str, Any]], **options):
        super().__init__(groups, adjust_lr_fn="match_rms_adamw", **options)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            of_shape = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    of_shape[weight.shape].append(weight)
            for shape, weights in of_shape.items():
                at_once = max(1, NUMBERS_AT_ONCE // shape.numel())
                for start in range(0, len(weights), at_once):
                    self._move(weights[start : start + at_once], group)

    def _move(self, weights: list[torch.Tensor], group: dict[str, Any]) -> None:
        found = _orthogonal(
            torch.stack([self._direction(weight, group) for weight in weights]),
            group["ns_coefficients"],
            group["ns_steps"],
        )
        rate = group["lr"] * (0.2 * max(weights[0].shape) ** 0.5)  # Liu et al. 2025
        for weight, direction in zip(weights, found, strict=True):
            weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-rate)

    def _direction(self, weight: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        """The gradient with Nesterov's momentum, in bfloat16 and of norm 1."""
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight.grad)
        buffer = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
        direction = weight.grad.lerp(buffer, group["momentum"]).bfloat16()
        return direction.div_(direction.norm().clamp(min=group["eps"]))


def _orthogonal(matrices: torch.Tensor, coefficients: tuple[float, float, float], num_steps: int) -> torch.Tensor:
    """Matrices (n, rows, columns) with their singular values moved near 1, by Newton and Schulz's iteration."""
    a, b, c = coefficients
    is_high = matrices.shape[1] > matrices.shape[2]
    wide = matrices.transpose(1, 2) if is_high else matrices
    for _ in range(num_steps):
        gram = torch.bmm(wide, wide.transpose(1, 2))
        gram = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        wide = torch.baddbmm(wide, gram, wide, beta=a)
    return wide.transpose(1, 2) if is_high else wide
