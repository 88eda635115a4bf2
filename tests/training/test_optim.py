"""The optimizer: what decays, and a state that can be written down and put back."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from tunesmith.training.optim import build_optimizer, hidden_matrices, load_optimizer_tensors, optimizer_tensors
from tunesmith.training.precision import Weights


class Small(nn.Module):
    """A matrix and a vector of ones, both trainable."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(3, 2))
        self.vector = nn.Parameter(torch.ones(3))


def weights() -> Weights:
    return Weights(Small(), "fp32")


def step(optimizer, masters, gradient: float = 0.0) -> None:
    for weight in masters.values():
        weight.grad = torch.full_like(weight, gradient)
    optimizer.step()


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_matrices_decay_and_biases_and_norms_do_not(name):
    """P13."""
    small = weights()
    step(build_optimizer(small, name=name, learning_rate=0.5, weight_decay=0.1), small.masters)
    assert torch.equal(small.masters["vector"], torch.ones(3))
    assert torch.allclose(small.masters["matrix"], torch.full((3, 2), 0.95))


@pytest.mark.parametrize(
    ("name", "remembered"),
    [
        ("adamw", {f"{weight}/{key}" for weight in ("matrix", "vector") for key in ("step", "exp_avg", "exp_avg_sq")}),
        ("muon", {"matrix/momentum_buffer", "vector/step", "vector/exp_avg", "vector/exp_avg_sq"}),
    ],
)
def test_a_state_put_back_goes_on_as_if_never_taken_out(name, remembered):
    one, other = weights(), weights()
    optimizer = build_optimizer(one, name=name, learning_rate=0.1, weight_decay=0.0)
    step(optimizer, one.masters, 0.3)
    saved = {key: tensor.clone() for key, tensor in optimizer_tensors(optimizer, one.masters).items()}
    other.load({key: master.detach().clone() for key, master in one.masters.items()})
    resumed = build_optimizer(other, name=name, learning_rate=0.1, weight_decay=0.0)
    load_optimizer_tensors(resumed, other.masters, saved)
    step(optimizer, one.masters, -0.7), step(resumed, other.masters, -0.7)
    assert set(saved) == remembered
    assert all(torch.equal(one.masters[key], other.masters[key]) for key in one.masters)


def test_muon_moves_a_matrix_by_an_orthogonal_step_as_long_as_one_of_adamw():
    """Singular values of Newton-Schulz steps lie near 1; times 0.2 sqrt(max(rows, columns)) (Liu et al. 2025)."""
    model = nn.Linear(48, 32, bias=False)
    before, gradient = model.weight.detach().clone(), torch.randn(32, 48, generator=torch.Generator().manual_seed(0))
    small = Weights(model, "fp32")
    optimizer = build_optimizer(small, name="muon", learning_rate=0.01, weight_decay=0.0)
    model.weight.grad = gradient
    optimizer.step()
    moved = torch.linalg.svdvals((before - model.weight.detach()) / (0.01 * 0.2 * 48**0.5))
    assert ((moved > 0.6) & (moved < 1.3)).all()
    assert torch.linalg.cond(gradient) > 5  # the gradient itself was far from orthogonal


def test_muon_gets_the_matrices_between_hidden_states_and_adamw_the_rest(model_folders):
    causal, t5 = transformers.AutoModelForCausalLM, transformers.AutoModelForSeq2SeqLM
    for shape, folder in model_folders.items():
        model = (t5 if shape == "t5" else causal).from_pretrained(folder)
        left = {key for key, p in model.named_parameters() if p.ndim == 2} - hidden_matrices(model)
        assert left
        assert all(
            any(part in key for part in ("embed", "shared", "lm_head", "wte", "wpe", "relative_attention_bias"))
            for key in left
        )
        assert len(hidden_matrices(model)) > len(left)
