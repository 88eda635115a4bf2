"""Layers with gradients worked out by hand: what a model's own layers give, and only where they do."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.models import SHAPES, save_tiny, tiny_model
from tests.training.rows import batch_of, load, random_examples
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.fused import fuse
from tunesmith.recipe import FullSection, LoraSection
from tunesmith.training.objectives import Sft
from tunesmith.training.passes import accumulate
from tunesmith.training.precision import Weights

SECTIONS = {
    "full": FullSection(),
    "lora": LoraSection(method="lora", r=4),
    "dropout": LoraSection(method="lora", r=4, lora_dropout=0.2),
}


def trainee(loaded, section) -> nn.Module:
    """A model to train, whose adapter does something already."""
    model = adapters.attach(loaded.model, section)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.02)
    return model.train()


def gradient(model: nn.Module, loaded, precision: str = "fp32") -> torch.Tensor:
    weights = Weights(model, precision)
    torch.manual_seed(2)
    forward = Forward(model, head="fused", flattens=loaded.kind == "causal")
    accumulate(forward, Sft(), [batch_of(loaded, random_examples(loaded.kind))], weights)
    return torch.cat([master.grad.flatten() for master in weights.masters.values() if master.grad is not None])


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return ((one - other).norm() / other.norm()).item()


def num_fused(model: nn.Module) -> int:
    return sum("forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", SECTIONS)
def test_gradients_are_those_of_the_models_own_layers(shape, method, tmp_path):
    """To 1e-6 in float32, on models as initialized; in bfloat16 as near to it as the model's own layers come."""
    loaded = load(save_tiny(shape, tmp_path))
    own = trainee(loaded, SECTIONS[method])
    fused = copy.deepcopy(own)
    assert fuse(fused) == []
    assert num_fused(fused) > 0
    expected = gradient(own, loaded)
    assert distance(gradient(fused, loaded), expected) <= 1e-6
    ours, theirs = (distance(gradient(model, loaded, "bf16"), expected) for model in (fused, own))
    assert ours <= 1.25 * theirs


def test_what_is_measured_is_the_models_own(model_folders):
    """Without a gradient to compute, bit for bit."""
    loaded = load(model_folders["llama"])
    batch = batch_of(loaded, random_examples("causal"))
    with torch.no_grad():
        before = Forward(loaded.model).supervised_logits(batch)
        fuse(loaded.model)
        assert torch.equal(Forward(loaded.model).supervised_logits(batch), before)


class OffsetNorm(nn.Module):
    """As Gemma has it: not the weight, one more than the weight."""

    def __init__(self):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.zeros(8)), 1e-6

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * (1 + self.weight)


def test_a_layer_that_only_looks_like_one_of_ours_stays_as_it_is_and_one_line_says_so():
    model = nn.Sequential(OffsetNorm(), OffsetNorm())
    assert fuse(model) == ["OffsetNorm is no ordinary one of its kind, so it is computed as it is."]
    assert num_fused(model) == 0


def test_an_adapter_that_is_switched_off_is_off(model_folders):
    loaded = load(model_folders["llama"])
    batch = batch_of(loaded, random_examples("causal"))
    bare = Forward(loaded.model, head="full").supervised_logits(batch).detach()
    model = trainee(loaded, SECTIONS["lora"])
    fuse(model)
    forward = Forward(model, head="full")
    assert not torch.allclose(forward.supervised_logits(batch), bare, atol=1e-3)
    with model.disable_adapter():
        assert torch.allclose(forward.supervised_logits(batch), bare, atol=1e-6)


def test_layers_that_are_computed_twice_give_the_same_gradient(model_folders):
    """Gradient checkpointing runs the fused layers again, outside of the forward."""
    loaded = load(model_folders["llama"])
    once = trainee(loaded, SECTIONS["full"])
    twice = copy.deepcopy(once)
    twice.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    for model in (once, twice):
        fuse(model)
    assert distance(gradient(twice, loaded), gradient(once, loaded)) <= 1e-6


def test_fusing_twice_is_fusing_once():
    model = tiny_model("llama")
    fuse(model)
    count = num_fused(model)
    assert fuse(model) == [] and num_fused(model) == count > 0
