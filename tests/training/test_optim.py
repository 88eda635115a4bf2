"""The optimizer: what decays, and a state that can be written down and put back."""

from __future__ import annotations

import json
from typing import get_args

import pytest
import schedulefree
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from tunesmith.recipe import OptimizerName
from tunesmith.training.optim import build_optimizer, hidden_matrices, load_optimizer_tensors, optimizer_tensors
from tunesmith.training.precision import Weights

NAMES = get_args(OptimizerName)


class Small(nn.Module):
    """A matrix and a vector of ones, both trainable."""

    def __init__(self, rows: int, columns: int):
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(rows, columns))
        self.vector = nn.Parameter(torch.ones(3))


def weights(*, large: bool = False) -> Weights:
    return Weights(Small(64, 80) if large else Small(3, 2), "fp32")


def step(optimizer, masters, gradient: float = 0.0) -> None:
    for weight in masters.values():
        weight.grad = torch.full_like(weight, gradient)
    optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_matrices_decay_and_biases_and_norms_do_not(name):
    """P13."""
    small = weights()
    step(build_optimizer(small, name=name, learning_rate=0.5, weight_decay=0.1), small.masters)
    assert torch.equal(small.masters["vector"], torch.ones(3))
    assert torch.allclose(small.masters["matrix"], torch.full((3, 2), 0.95))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_a_state_put_back_goes_on_as_if_never_taken_out(name, ema_decay, tmp_path):
    """Through a file, for what is a number is to be one again; large enough for a state in 8 bits."""
    one, other = weights(large=True), weights(large=True)
    options = dict(name=name, learning_rate=0.1, weight_decay=0.1, ema_decay=ema_decay)
    optimizer, resumed = build_optimizer(one, **options), build_optimizer(other, **options)
    for k in range(3):
        step(optimizer, one.masters, 0.3 - 0.1 * k)
    save_file(optimizer_tensors(optimizer, one.masters), tmp_path / "optimizer.safetensors")
    counters = json.loads(json.dumps(optimizer.counters()))
    other.load({key: master.detach().clone() for key, master in one.masters.items()})
    load_optimizer_tensors(resumed, other.masters, load_file(tmp_path / "optimizer.safetensors"))
    resumed.load_counters(counters)
    for k in range(3):
        step(optimizer, one.masters, 0.2 * k - 0.3), step(resumed, other.masters, 0.2 * k - 0.3)
    assert all(torch.equal(one.masters[key], other.masters[key]) for key in one.masters)
    before, after = optimizer_tensors(optimizer, one.masters), optimizer_tensors(resumed, other.masters)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert any(key.endswith("/average") for key in before) == (ema_decay is not None)


def gradients(count: int, *shape: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(*shape, generator=generator) for _ in range(count)]


def trained(name: str, start: torch.Tensor, steps: list[torch.Tensor], **options):
    """(the weight after the steps, its optimizer)."""
    model = nn.Linear(start.shape[1], start.shape[0], bias=False)
    model.weight.data = start.clone()
    one = Weights(model, "fp32")
    optimizer = build_optimizer(one, name=name, **dict(learning_rate=0.01, weight_decay=0.1) | options)
    for gradient in steps:
        model.weight.grad = gradient.clone()
        optimizer.step()
    return model.weight, optimizer


def test_adamw_is_the_paper_s():
    """Loshchilov and Hutter 2019, algorithm 2, written out in float64."""
    steps, start = gradients(5, 6, 4), torch.ones(6, 4)
    weight, first, second = start.double(), torch.zeros(6, 4).double(), torch.zeros(6, 4).double()
    for t, gradient in enumerate(steps, start=1):
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient.double() ** 2
        moved = first / (1 - 0.9**t) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
        weight = weight - 0.01 * 0.1 * weight - 0.01 * moved
    assert torch.allclose(trained("adamw", start, steps)[0].double(), weight, atol=1e-6)


def test_adafactor_is_the_paper_s_with_steps_of_the_given_rate():
    """Shazeer and Stern 2018, algorithm 4 without its relative step size, written out in float64."""
    steps, start = gradients(5, 6, 4), torch.ones(6, 4)
    weight, row, column = start.double(), torch.zeros(6).double(), torch.zeros(4).double()
    for t, gradient in enumerate(steps, start=1):
        decay, squared = 1 - t**-0.8, gradient.double() ** 2 + 1e-30
        row, column = decay * row + (1 - decay) * squared.sum(1), decay * column + (1 - decay) * squared.sum(0)
        moved = gradient / (torch.outer(row, column) / row.sum()).sqrt()
        moved = moved / max(1.0, (moved**2).mean().sqrt().item())
        weight = weight - 0.01 * 0.1 * weight - 0.01 * moved
    assert torch.allclose(trained("adafactor", start, steps)[0].double(), weight, atol=1e-6)


def test_adamw_in_8_bits_stays_near_adamw_and_remembers_a_quarter():
    start = torch.ones(64, 128)
    steps = gradients(20, 64, 128)
    (full, remembering), (small, remembers) = (trained(name, start, steps) for name in ("adamw", "adamw_8bit"))
    moved = (full - start).norm()
    assert 0 < (small - full).norm() < 0.1 * moved
    sizes = [
        sum(tensor.numel() * tensor.element_size() for tensor in optimizer_tensors(optimizer, {"w": weight}).values())
        for weight, optimizer in ((full, remembering), (small, remembers))
    ]
    assert sizes[1] < 0.3 * sizes[0] + 2048


def test_adamw_in_8_bits_keeps_embeddings_in_32(model_folders):
    """Dettmers et al. 2022, section 2.3."""
    model = transformers.AutoModelForCausalLM.from_pretrained(model_folders["llama"])
    one = Weights(model, "fp32")
    optimizer = build_optimizer(one, name="adamw_8bit", learning_rate=0.01, weight_decay=0.0)
    kinds = {name: type(optimizer._owners[weight]).__name__ for name, weight in one.masters.items()}
    assert {name for name, kind in kinds.items() if kind == "AdamW"} == {"model.embed_tokens.weight"}
    assert set(kinds.values()) == {"AdamW", "AdamW8bit"}


def test_schedule_free_is_the_paper_s():
    """Defazio et al. 2024, algorithm 1, written out in float64 with the weights x averaged by the squared rate."""
    steps, start = gradients(6, 6, 4), torch.ones(6, 4)
    x = z = y = start.double()
    second, total = torch.zeros(6, 4).double(), 0.0
    for t, gradient in enumerate(steps, start=1):
        second = 0.999 * second + 0.001 * gradient.double() ** 2
        moved = gradient / ((second / (1 - 0.999**t)).sqrt() + 1e-8) + 0.1 * y
        z, total = z - 0.01 * moved, total + 0.01**2
        x = (1 - 0.01**2 / total) * x + 0.01**2 / total * z
        y = 0.1 * z + 0.9 * x
    weight, optimizer = trained("schedule_free", start, steps)
    assert torch.allclose(weight.double(), y, atol=1e-5)
    assert torch.allclose(optimizer.averaged(weight).double(), x, atol=1e-5)


def test_the_average_schedule_free_gives_is_where_its_library_evaluates():
    weight, optimizer = trained("schedule_free", torch.ones(6, 4), gradients(6, 6, 4))
    ours = optimizer.averaged(weight).clone()
    optimizer.parts[0].eval()
    assert torch.equal(ours, weight)


def test_schedule_free_counts_the_steps_of_the_warm_up_less():
    """The library's own warm-up, and a rate that rises from outside as the loop's does, are the same."""
    start, steps = torch.ones(6, 4), gradients(6, 6, 4)
    theirs = nn.Parameter(start.clone())
    reference = schedulefree.AdamWScheduleFree([theirs], lr=0.01, weight_decay=0.1, warmup_steps=4, foreach=False)
    reference.train()
    ours, optimizer = trained("schedule_free", start, [])
    for k, gradient in enumerate(steps):
        theirs.grad, ours.grad = gradient.clone(), gradient.clone()
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * min(1.0, (k + 1) / 4)
        reference.step(), optimizer.step()
    assert torch.equal(ours, theirs)


def test_the_moving_average_is_the_weighted_mean_of_the_weights_after_each_step():
    """And the weights it began with have no part in it."""
    start, steps = torch.full((6, 4), 100.0), gradients(7, 6, 4)
    seen = [trained("adamw", start, steps[: k + 1])[0].detach().double() for k in range(7)]
    shares = [0.8 ** (6 - k) for k in range(7)]
    expected = sum(share * weight for share, weight in zip(shares, seen)) / sum(shares)
    weight, optimizer = trained("adamw", start, steps, ema_decay=0.8)
    assert optimizer.has_average
    assert torch.allclose(optimizer.averaged(weight).double(), expected, rtol=1e-6)
    assert torch.equal(weight.double(), seen[-1])
    weight, optimizer = trained("adamw", start, steps[:1], ema_decay=0.8)
    assert torch.equal(optimizer.averaged(weight), weight)


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
