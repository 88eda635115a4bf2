"""Bottleneck adapters: the papers' parameter counts and equations, on GPT-2, Llama and both stacks of T5."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, MambaConfig, MambaForCausalLM

from tests.model.tuning import METHODS, open_for, trained
from tests.training.rows import batch_of, random_examples
from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.adapters.bottleneck import Bottleneck
from tunesmith.model.forward import Forward
from tunesmith.model.load import load_model, save_model
from tunesmith.recipe import BottleneckSection, ModelSection

WIDTH, NORM = 32, {"llama": 32, "gpt2": 64, "t5": 32}
NUM_BLOCKS = {"llama": 2, "gpt2": 2, "t5": 4}
NUM_NORMS = {"llama": 2 * 2, "gpt2": 2 * 2, "t5": 2 * 2 + 2 * 3}
PARTS = {  # self-attention, feed-forward layer and its norm, and where in a block what comes after self-attention is read
    "llama": ("self_attn", "mlp", "post_attention_layernorm", "post_attention_layernorm"),
    "gpt2": ("attn", "mlp", "ln_2", "ln_2"),
    "encoder": ("layer.0.SelfAttention", "layer.1.DenseReluDense", "layer.1.layer_norm", "layer.1.layer_norm"),
    "decoder": ("layer.0.SelfAttention", "layer.2.DenseReluDense", "layer.2.layer_norm", "layer.1.layer_norm"),
}


def adapter_size(m: int, d: int = WIDTH) -> int:
    """Houlsby et al. 2019, section 2.1: 2md + d + m with biases."""
    return 2 * m * d + d + m


def num_trained(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_the_number_of_weights_is_that_of_the_papers(model_folders, shape):
    """Pfeiffer et al. 2021: one adapter a block. Houlsby et al. 2019: two, and the norms."""
    loaded = open_for(model_folders[shape], "pfeiffer")
    model = adapters.attach(loaded.model, BottleneckSection(method="bottleneck", bottleneck_size=3))
    assert num_trained(model) == NUM_BLOCKS[shape] * adapter_size(3)
    loaded = open_for(model_folders[shape], "houlsby")
    model = adapters.attach(loaded.model, METHODS["houlsby"])
    assert num_trained(model) == 2 * NUM_BLOCKS[shape] * adapter_size(3) + NUM_NORMS[shape] * NORM[shape]


def test_the_size_follows_from_the_reduction_factor(model_folders):
    for factor, size in ((16, 2), (4, 8), (64, 1)):
        section = BottleneckSection(method="bottleneck", reduction_factor=factor)
        model = adapters.attach(open_for(model_folders["gpt2"], "pfeiffer").model, section)
        assert num_trained(model) == 2 * adapter_size(size)


def test_an_adapter_begins_near_nothing_as_houlsby_has_it():
    torch.manual_seed(0)
    adapter = Bottleneck(256, 64, "relu")
    assert 0.008 < adapter.down.weight.std() < 0.0095  # a normal of deviation 0.01, cut off at two of them
    assert adapter.down.weight.abs().max() <= 0.02
    assert not adapter.up.weight.any() and not adapter.up.bias.any() and not adapter.down.bias.any()


@pytest.mark.parametrize(
    ("activation", "function"),
    [("relu", torch.relu), ("gelu", nn.functional.gelu), ("silu", nn.functional.silu), ("tanh", torch.tanh)],
)
def test_the_activation_stands_between_down_and_up(activation, function):
    adapter, hidden = Bottleneck(8, 3, activation), torch.randn(5, 8)
    nn.init.normal_(adapter.up.weight)
    down = hidden @ adapter.down.weight.T + adapter.down.bias
    assert torch.allclose(adapter(hidden), function(down) @ adapter.up.weight.T + adapter.up.bias, atol=1e-7)


class Recorder:
    """What goes into and comes out of the modules of a model, by the name of the module."""

    def __init__(self, model: nn.Module):
        self.inputs, self.outputs = {}, {}
        for name, module in model.named_modules():
            module.register_forward_pre_hook(self._before(name), with_kwargs=True)
            module.register_forward_hook(self._after(name))

    def _before(self, name):
        return lambda _module, args, inputs: self.inputs.__setitem__(name, (args, inputs))

    def _after(self, name):
        return lambda _module, _args, output: self.outputs.__setitem__(name, output)


def first(value):
    return value[0] if isinstance(value, tuple) else value


def given(record: Recorder, name: str) -> torch.Tensor:
    args, inputs = record.inputs[name]
    return args[0] if args else inputs["hidden_states"]


@pytest.mark.parametrize("variant", ["pfeiffer", "houlsby"])
@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_hidden_states_are_those_of_the_papers_equations(model_folders, shape, variant):
    """Each block's output from its own input, the bare sub-layers (called past all hooks) and the adapters' matrices."""
    loaded = open_for(model_folders[shape], variant)
    model = adapters.attach(loaded.model, METHODS[variant]).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    base, parts = model.get_base_model(), model.adapters["default"]
    record = Recorder(base)
    with torch.no_grad():
        Forward(model).supervised_logits(batch_of(loaded, random_examples(loaded.kind)))
    stacks = {"llama": {"model.layers": "llama"}, "gpt2": {"transformer.h": "gpt2"}}.get(
        shape, {"encoder.block": "encoder", "decoder.block": "decoder"}
    )
    checked = 0
    for stack, kind in stacks.items():
        attention, feed_forward, norm, after_attention = PARTS[kind]
        for number in range(2):
            path = f"{stack}.{number}"

            def norm_of(name, path=path):
                key = f"{path}.{name}".replace(".", "/")
                return parts[key] if key in parts else base.get_submodule(f"{path}.{name}")

            def adapted(hidden, read, name, path=path):
                key = f"{path}.{name}".replace(".", "/")
                return hidden + _by_hand(parts[key], read) if key in parts else hidden

            with torch.no_grad():
                args, inputs = record.inputs[f"{path}.{attention}"]
                inputs = {key: value for key, value in inputs.items() if key != "past_key_values"}
                out = first(base.get_submodule(f"{path}.{attention}").forward(*args, **inputs))
                residual = given(record, path) + adapted(out, out, attention)
                assert torch.allclose(given(record, f"{path}.{after_attention}"), residual, atol=1e-6, rtol=1e-6)
                residual = given(record, f"{path}.{norm}")
                out = base.get_submodule(f"{path}.{feed_forward}").forward(norm_of(norm).forward(residual))
                read = out + residual if variant == "pfeiffer" else out
                expected = residual + adapted(out, read, feed_forward)
                assert torch.allclose(first(record.outputs[path]), expected, atol=1e-6, rtol=1e-6)
            checked += 1
    assert checked == NUM_BLOCKS[shape]


def _by_hand(adapter: Bottleneck, hidden: torch.Tensor) -> torch.Tensor:
    down = torch.relu(hidden @ adapter.down.weight.T + adapter.down.bias)
    return down @ adapter.up.weight.T + adapter.up.bias


def test_norms_are_trained_beside_the_base_and_not_in_it(model_folders, tmp_path):
    loaded, model = trained(model_folders["llama"], "houlsby")
    fresh = dict(open_for(model_folders["llama"], "houlsby").model.named_parameters())
    assert all(torch.equal(p, fresh[name]) for name, p in model.get_base_model().named_parameters())
    save_model(model, loaded.tokenizer, tmp_path)
    saved = load_file(tmp_path / "adapter_model.safetensors")
    norm = saved["model.layers.0.input_layernorm.weight"]
    assert not torch.equal(norm, fresh["model.layers.0.input_layernorm.weight"])


def test_its_own_config_says_what_it_is(model_folders, tmp_path):
    loaded, model = trained(model_folders["gpt2"], "houlsby")
    save_model(model, loaded.tokenizer, tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config == {
        "peft_type": "BOTTLENECK", "base_model_name_or_path": str(model_folders["gpt2"]), "variant": "houlsby",
        "bottleneck_size": 3, "activation": "relu",
    }  # fmt: skip
    names = set(load_file(tmp_path / "adapter_model.safetensors"))
    assert {"transformer.h.0.attn.down.weight", "transformer.h.1.mlp.up.bias", "transformer.h.0.ln_1.weight"} <= names


def test_weights_of_another_shape_are_refused(model_folders, tmp_path):
    """P4: `tests.invariants` has what else may not match."""
    loaded, model = trained(model_folders["gpt2"], "pfeiffer")
    save_model(model, loaded.tokenizer, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    save_file({name: tensor[:1].contiguous() for name, tensor in load_file(file).items()}, file)
    with pytest.raises(
        ModelError, match="does not fit its base model .* missing, unknown or of another shape"
    ) as caught:
        load_model(ModelSection(name_or_path=str(tmp_path)))
    assert "\n" not in str(caught.value)


COMMON = dict(vocab_size=384, hidden_size=32, num_hidden_layers=1)


@pytest.mark.parametrize(
    "model",
    [MambaForCausalLM(MambaConfig(**COMMON, state_size=8)),
     GPTNeoXForCausalLM(GPTNeoXConfig(**COMMON, num_attention_heads=4, intermediate_size=64))],
    ids=["mamba", "gpt_neox"],
)  # fmt: skip
def test_a_block_built_otherwise_is_refused(model):
    with pytest.raises(ModelError, match="adapter.method: bottleneck knows the blocks of .* Set adapter.method: lora"):
        adapters.attach(model, METHODS["pfeiffer"])


def test_recomputed_activations_give_the_same_gradients(model_folders):
    """P1: with gradient checkpointing and without."""
    gradients = []
    for checkpointing in (False, True):
        loaded = open_for(model_folders["llama"], "houlsby")
        torch.manual_seed(0)
        model = adapters.attach(loaded.model, METHODS["houlsby"])
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".up." in name:
                    parameter.add_(0.01)
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        (-Forward(model).train()(batch_of(loaded, random_examples("causal"))).mean()).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]))
    assert (gradients[0] - gradients[1]).norm() <= 1e-6 * gradients[0].norm()
