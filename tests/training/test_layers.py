"""Layers that stay as they are, and layers that are computed a second time."""

from __future__ import annotations

import pytest
import torch

from tests.training.rows import batch_of, load, random_examples
from tunesmith.errors import TrainingError
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.recipe import FullSection, LoraSection
from tunesmith.training.layers import freeze, recompute_layers
from tunesmith.training.loop import accumulate
from tunesmith.training.objectives import Sft
from tunesmith.training.precision import Weights

METHODS = [FullSection(), LoraSection(method="lora", r=4, lora_dropout=0.2)]


def frozen(model) -> set[str]:
    return {name for name, p in model.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize(
    ("shape", "patterns", "expected"),
    [
        ("llama", ["layers.0"], lambda name: ".layers.0." in name),
        ("llama", ["layers.[0-1]"], lambda name: ".layers." in name),
        ("llama", ["embed_tokens", "lm_head"], lambda name: "embed" in name or "lm_head" in name),
        ("llama", ["*norm*"], lambda name: "norm" in name),
        ("llama", ["model.layers.1.mlp.up_proj.weight"], lambda name: name == "model.layers.1.mlp.up_proj.weight"),
        ("llama", ["q_proj", "k_proj"], lambda name: "q_proj" in name or "k_proj" in name),
        ("gpt2", ["wte"], lambda name: "wte" in name),
        ("gpt2", ["lm_head"], lambda name: "wte" in name),  # tied: one weight with two names
        ("gpt2", ["h.1.attn"], lambda name: ".h.1.attn." in name),
        ("t5", ["encoder"], lambda name: name.startswith(("encoder.", "shared"))),
        ("t5", ["decoder.block.0", "shared"], lambda name: "decoder.block.0." in name or name == "shared.weight"),
    ],
)
def test_a_pattern_names_parts_of_a_weight_s_name(model_folders, shape, patterns, expected):
    model = load(model_folders[shape]).model.requires_grad_(True)
    freeze(model, patterns)
    names = {name for name, _ in model.named_parameters()}
    assert frozen(model) == {name for name in names if expected(name)}
    assert frozen(model)


def test_the_adapters_of_a_layer_are_frozen_by_its_name(model_folders):
    model = adapters.attach(load(model_folders["llama"]).model, LoraSection(method="lora", r=4))
    freeze(model, ["layers.0"])
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert all(".layers.1." in name for name in trained)


def test_a_pattern_that_names_nothing_is_one_line_with_the_nearest(model_folders):
    model = load(model_folders["llama"]).model
    with pytest.raises(TrainingError) as raised:
        freeze(model, ["layers.0", "layer.1"])
    told = str(raised.value)
    assert told.startswith(
        "train.freeze: no weight of this model is called `layer.1`. Did you mean `layers.1`? It has model"
    )
    assert "\n" not in told
    with pytest.raises(TrainingError, match="called `layers.7`"):
        freeze(model, ["layers.7"])


def test_freezing_everything_is_refused(model_folders):
    model = load(model_folders["llama"]).model.requires_grad_(True)
    with pytest.raises(TrainingError, match="freezes every weight"):
        freeze(model, ["model", "lm_head"])


def gradients(folder, method, *, recomputed: bool, packed: bool = False, precision: str = "fp32"):
    loaded = load(folder)
    torch.manual_seed(1)
    model = adapters.attach(loaded.model, method)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    if precision == "fp32":
        model.double()  # so that nothing is left to rounding
    weights = Weights(model, precision)
    if recomputed:
        recompute_layers(model)
    forward = Forward(model, head="hooked").train()
    torch.manual_seed(3)
    found = accumulate(forward, Sft(), [batch_of(loaded, random_examples(loaded.kind), packed=packed)], weights)
    return found.loss, torch.cat([master.grad.flatten() for master in weights.masters.values()])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.method)
def test_gradients_are_those_of_layers_that_are_kept(model_folder, method):
    """P1; with dropout, whose random numbers must be drawn again as they were."""
    loss, expected = gradients(model_folder, method, recomputed=False)
    again, found = gradients(model_folder, method, recomputed=True)
    assert again == loss
    assert (found - expected).norm() <= 1e-9 * expected.norm()
    assert expected.norm() > 0


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_packed_documents_stay_apart_when_they_are_computed_again(model_folders, shape):
    loss, expected = gradients(model_folders[shape], METHODS[1], recomputed=False, packed=True)
    again, found = gradients(model_folders[shape], METHODS[1], recomputed=True, packed=True)
    assert again == loss
    assert (found - expected).norm() <= 1e-9 * expected.norm()


@pytest.mark.parametrize("packed", [False, True])
def test_layers_are_computed_again_in_bf16_as_well(model_folders, packed):
    loss, expected = gradients(model_folders["llama"], METHODS[0], recomputed=False, precision="bf16", packed=packed)
    again, found = gradients(model_folders["llama"], METHODS[0], recomputed=True, precision="bf16", packed=packed)
    assert again == pytest.approx(loss, abs=2e-2)
    assert (found - expected).norm() <= 2e-2 * expected.norm()


def test_less_is_kept_of_layers_that_are_computed_again(model_folder):
    kept = []
    for recomputed in (False, True):
        loaded = load(model_folder)
        model = adapters.attach(loaded.model, FullSection())
        if recomputed:
            recompute_layers(model)
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, saved=saved: saved.append(t.numel()) or t, lambda t: t):
            Forward(model, head="hooked").train()(batch_of(loaded, random_examples(loaded.kind)))
        kept.append(sum(saved))
    assert kept[1] < 0.5 * kept[0]


def test_a_model_that_cannot_is_one_line(model_folders, monkeypatch):
    model = load(model_folders["llama"]).model
    monkeypatch.setattr(type(model), "supports_gradient_checkpointing", False)
    with pytest.raises(TrainingError, match="train.gradient_checkpointing: LlamaForCausalLM has no layers that can be"):
        recompute_layers(model)
