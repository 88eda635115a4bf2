"""What training holds, counted before it begins and after it has."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
import transformers

from tests.training.rows import batch_of, forward_of, load, random_examples
from tunesmith.model import adapters
from tunesmith.recipe import FullSection, LoraSection, OptimizerName, TrainSection
from tunesmith.training.loop import accumulate
from tunesmith.training.memory import held_bytes
from tunesmith.training.objectives import Sft
from tunesmith.training.optim import optimizer_of, optimizer_tensors
from tunesmith.training.precision import Weights

METHODS = [FullSection(), LoraSection(method="lora", r=4)]


def size_of(tensors) -> int:
    """Bytes of the tensors that are more than a number."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor.ndim)


@pytest.mark.parametrize("name", get_args(OptimizerName))
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.method)
@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_what_an_optimizer_remembers_is_known_to_the_byte(model_folders, name, method, shape):
    loaded = load(model_folders[shape])
    model = adapters.attach(loaded.model, method)
    section = TrainSection(optimizer=name, learning_rate=1e-3, ema_decay=None if name == "schedule_free" else 0.9)
    told = held_bytes(model, section)
    weights = Weights(model, "fp32")
    optimizer = optimizer_of(weights, section)
    forward = forward_of(loaded)
    forward.model = model
    accumulate(forward, Sft(), [batch_of(loaded, random_examples(loaded.kind))], weights)
    gradients = size_of(master.grad for master in weights.masters.values())
    optimizer.step()
    assert told.optimizer == size_of(optimizer_tensors(optimizer, weights.masters).values())
    assert told.gradients == gradients
    assert told.weights == size_of(model.parameters())


@pytest.mark.parametrize(
    ("precision", "weights", "gradients"), [("fp32", 4.0, 4.0), ("bf16", 6.0, 6.0)], ids=["fp32", "bf16"]
)
def test_masters_and_both_gradients_are_counted(model_folders, precision, weights, gradients):
    """In bf16: 2 bytes to compute with, 4 of the master; 2 of a micro-batch's gradient, 4 of the step's."""
    model = load(model_folders["llama"]).model.requires_grad_(True)
    count = sum(p.numel() for p in model.parameters())
    held = held_bytes(model, TrainSection(precision=precision))
    assert (held.weights, held.gradients, held.optimizer) == (weights * count, gradients * count, 8 * count)
    assert held.total == held.weights + held.gradients + held.optimizer


def test_it_is_known_before_the_weights_are_there(model_folders):
    config = transformers.AutoConfig.from_pretrained(model_folders["llama"])
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    loaded = load(model_folders["llama"]).model.requires_grad_(True)
    for name in get_args(OptimizerName):
        section = TrainSection(optimizer=name)
        assert held_bytes(model, section) == held_bytes(loaded, section)
