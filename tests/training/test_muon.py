"""Muon with matrices of one shape together: torch's own steps."""

from __future__ import annotations

import pytest
import torch

from tunesmith.training import muon

SHAPES = [(16, 16), (40, 16), (16, 16), (16, 40), (40, 16), (16, 16)]


def moved(make, num_steps: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Weights and what is remembered of each, after gradients that are always the same; one weight never has any."""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]
    optimizer = make([{"params": weights, "weight_decay": 0.1}], lr=0.02)
    for _ in range(num_steps):
        for weight in weights[:-1]:
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
    return weights, [optimizer.state[weight]["momentum_buffer"] for weight in weights[:-1]]


def of_torch(groups, **options):
    return torch.optim.Muon(groups, adjust_lr_fn="match_rms_adamw", **options)


@pytest.mark.parametrize("at_once", [1, 2 * 256, 1 << 22])
def test_matrices_move_as_torchs_muon_moves_them_however_many_go_together(at_once, monkeypatch):
    monkeypatch.setattr(muon, "NUMBERS_AT_ONCE", at_once)
    for ours, theirs in zip(moved(muon.Muon, 3), moved(of_torch, 3), strict=True):
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
