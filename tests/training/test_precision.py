"""Precision: what is computed in bfloat16, and what is kept and added up in float32."""

from __future__ import annotations

import torch

from tests.training.rows import load
from tunesmith.training.precision import Weights


def two_layers() -> torch.nn.Module:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    model[0].requires_grad_(False)
    return model


def test_gradients_of_micro_batches_are_added_up_in_float32():
    """In bfloat16 256 + 1 is 256: the small ones would vanish beside a large one."""
    model = two_layers()
    weights = Weights(model, "bf16")
    for size in (256.0, 1.0, 1.0):
        model[1].bias.grad = torch.full_like(model[1].bias, size)
        weights.collect_gradients()
        assert model[1].bias.grad is None
    assert weights.masters["1.bias"].grad.dtype == torch.float32
    assert weights.masters["1.bias"].grad.tolist() == [258.0, 258.0]


def test_frozen_weights_are_stored_once_in_bfloat16_and_have_no_masters():
    model = two_layers()
    weights = Weights(model, "bf16")
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert set(weights.masters) == {"1.weight", "1.bias"}
    assert {p.dtype for p in weights.masters.values()} == {torch.float32}


def test_rotary_frequencies_stay_in_float32(model_folders):
    model = load(model_folders["llama"]).model
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    Weights(model, "bf16")
    assert any("inv_freq" in name for name in before)
    assert {buffer.dtype for buffer in model.buffers()} == {torch.float32}
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_tied_weights_are_one_weight_with_one_master(model_folders):
    model = load(model_folders["gpt2"]).model
    weights = Weights(model, "bf16")
    assert model.lm_head.weight is model.transformer.wte.weight
    assert [name for name in weights.masters if "lm_head" in name or "wte" in name] == ["transformer.wte.weight"]


def test_what_is_published_is_the_master_rounded():
    model = two_layers()
    weights = Weights(model, "bf16")
    with torch.no_grad():
        weights.masters["1.weight"].fill_(1.0 + 2**-9)
    weights.publish()
    assert torch.equal(model[1].weight, torch.ones(2, 4, dtype=torch.bfloat16))
    assert weights.masters["1.weight"][0, 0] == 1.0 + 2**-9


def test_float32_needs_no_copies():
    model = two_layers()
    weights = Weights(model, "fp32")
    assert weights.masters["1.weight"] is model[1].weight
