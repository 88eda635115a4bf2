"""The optimizer: what decays, and a state that can be written down and put back."""

from __future__ import annotations

import torch

from tunesmith.training.optim import build_optimizer, load_optimizer_tensors, optimizer_tensors


def weights() -> dict[str, torch.Tensor]:
    """A matrix and a vector of ones, both trainable."""
    return {"matrix": torch.ones(3, 2, requires_grad=True), "vector": torch.ones(3, requires_grad=True)}


def step(optimizer, masters, gradient: float = 0.0) -> None:
    for weight in masters.values():
        weight.grad = torch.full_like(weight, gradient)
    optimizer.step()


def test_matrices_decay_and_biases_and_norms_do_not():
    """P13."""
    masters = weights()
    step(build_optimizer(masters, learning_rate=0.5, weight_decay=0.1), masters)
    assert torch.equal(masters["vector"], torch.ones(3))
    assert torch.allclose(masters["matrix"], torch.full((3, 2), 0.95))


def test_a_state_put_back_goes_on_as_if_never_taken_out():
    masters = weights()
    optimizer = build_optimizer(masters, learning_rate=0.1, weight_decay=0.0)
    step(optimizer, masters, 0.3)
    saved = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer, masters).items()}
    copies = {name: weight.detach().clone().requires_grad_() for name, weight in masters.items()}
    other = build_optimizer(copies, learning_rate=0.1, weight_decay=0.0)
    load_optimizer_tensors(other, copies, saved)
    step(optimizer, masters, -0.7), step(other, copies, -0.7)
    assert set(saved) == {f"{name}/{key}" for name in masters for key in ("step", "exp_avg", "exp_avg_sq")}
    assert all(torch.equal(masters[name], copies[name]) for name in masters)
