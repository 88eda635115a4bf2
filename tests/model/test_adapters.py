"""Adapters: the identity when fresh, exact when reloaded, and refused when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import MambaConfig, MambaForCausalLM

from tests.models import save_tiny
from tests.training.rows import batch_of, forward_of, load, random_examples
from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.load import load_model, save_model
from tunesmith.recipe import LoraSection, ModelSection

LORA = LoraSection(method="lora", r=4)


def logits(loaded, model=None) -> torch.Tensor:
    forward = forward_of(loaded)
    forward.model = model or loaded.model
    with torch.no_grad():
        return forward.supervised_logits(batch_of(loaded, random_examples(loaded.kind)))


def trained(loaded, section=LORA):
    """An adapted model whose adapter does something.

    Weights of 0.03: at 0.1 the random T5, whose attention is not scaled, merges to within 2e-5 of its live logits, not 1e-5.
    """
    model = adapters.attach(loaded.model, section).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.03)
    return model


def test_a_loaded_adapter_does_not_drop_anything_out(model_folders, tmp_path):
    """P11: dropout belongs to training, and what is loaded is asked first."""
    loaded = load(model_folders["llama"])
    save_model(trained(loaded, LoraSection(method="lora", r=4, lora_dropout=0.5)), loaded.tokenizer, tmp_path)
    again = load_model(ModelSection(name_or_path=str(tmp_path)))
    assert not any(module.training for module in again.model.modules())
    assert torch.equal(logits(again), logits(again))


@pytest.mark.parametrize(
    ("shape", "name"), [("llama", "lm_head"), ("llama", "embed_tokens"), ("gpt2", "lm_head"), ("t5", "shared")]
)
def test_a_layer_that_shares_its_weights_is_not_adapted(tmp_path, shape, name):
    """P2: merged, the update would change the other layer too; peft only warns."""
    loaded = load(save_tiny(shape, tmp_path, tie_word_embeddings=True))
    with pytest.raises(ModelError, match=f"adapter.target_modules: `{name}` shares its weights.*Leave it out"):
        adapters.attach(loaded.model, LoraSection(method="lora", target_modules=[name]))


def test_a_head_of_its_own_is_adapted_and_merged(tmp_path):
    loaded = load(save_tiny("llama", tmp_path, tie_word_embeddings=False))
    model = trained(loaded, LoraSection(method="lora", r=4, target_modules=["lm_head", "embed_tokens"]))
    live = logits(loaded, model)
    assert (logits(loaded, adapters.merge(model)) - live).abs().max() <= 1e-5


def test_somebody_elses_adapter_of_a_shared_layer_is_loaded_but_not_merged(tmp_path):
    loaded = load(save_tiny("llama", tmp_path / "base", tie_word_embeddings=True))
    model = get_peft_model(
        loaded.model, LoraConfig(target_modules=["lm_head"], init_lora_weights=False, task_type="CAUSAL_LM")
    )
    save_model(model, loaded.tokenizer, tmp_path / "adapter")
    section = ModelSection(name_or_path=str(tmp_path / "adapter"))
    load_model(section)
    with pytest.raises(ModelError, match="changes `lm_head`, which shares its weights.*cannot be merged"):
        load_model(section, merge=True)


def test_an_adapter_finds_its_base_from_another_working_directory(model_folders, tmp_path, monkeypatch):
    monkeypatch.chdir(model_folders["llama"].parent)
    loaded = load(Path("llama"))
    save_model(trained(loaded), loaded.tokenizer, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert adapters.base_of(tmp_path).name_or_path == str(model_folders["llama"])
    load_model(ModelSection(name_or_path="."))


def test_an_adapter_can_be_merged_while_loading(model_folder, tmp_path):
    loaded = load(model_folder)
    model = trained(loaded)
    live = logits(loaded, model)
    save_model(model, loaded.tokenizer, tmp_path)
    merged = load_model(ModelSection(name_or_path=str(tmp_path)), merge=True)
    assert merged.is_stacked
    assert (logits(merged) - live).abs().max() <= 1e-5


def test_an_adapter_whose_weights_have_another_shape_is_refused(model_folders, tmp_path):
    """P4: of the right number of dimensions and not empty; `tests.invariants` has what else may not match."""
    loaded = load(model_folders["llama"])
    save_model(trained(loaded), loaded.tokenizer, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    misshapen = {name: tensor[:1].contiguous() for name, tensor in load_file(file).items()}
    save_file(misshapen, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="adapter") as caught:
        load_model(ModelSection(name_or_path=str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_an_adapter_on_another_base_is_refused(model_folders, tmp_path):
    loaded = load(model_folders["llama"])
    save_model(trained(loaded), loaded.tokenizer, tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": str(model_folders["gpt2"])}))
    with pytest.raises(ModelError, match="does not fit|missing or unknown|belongs to another base"):
        load_model(ModelSection(name_or_path=str(tmp_path)))


def test_an_adapter_config_without_a_base_says_so(model_folders, tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="does not say what its base model is"):
        load_model(ModelSection(name_or_path=str(tmp_path)))
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(ModelSection(name_or_path=str(tmp_path)))


@pytest.mark.parametrize(
    ("shape", "names"), [("llama", ["q_proj", "v_proj"]), ("gpt2", ["c_attn"]), ("t5", ["q", "v"])]
)
def test_only_the_named_layers_are_adapted(model_folders, shape, names):
    model = adapters.attach(load(model_folders[shape]).model, LoraSection(method="lora", target_modules=names))
    adapted = {name.split(".lora_")[0].rsplit(".", 1)[-1] for name, p in model.named_parameters() if p.requires_grad}
    assert adapted == set(names)


def test_all_linear_leaves_the_output_head_alone(model_folder):
    model = adapters.attach(load(model_folder).model, LORA)
    trainable = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trainable
    assert not any("lm_head" in name for name in trainable)


def test_a_target_that_matches_nothing_names_the_near_one(model_folders):
    section = LoraSection(method="lora", target_modules=["q_porj"])
    with pytest.raises(ModelError, match="no layer of this model is called `q_porj`. Did you mean `q_proj`"):
        adapters.attach(load(model_folders["llama"]).model, section)


def test_rank_alpha_and_dropout_reach_the_adapter(model_folders):
    section = LoraSection(method="lora", r=3, lora_alpha=6, lora_dropout=0.25)
    model = adapters.attach(load(model_folders["llama"]).model, section)
    config = model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout) == (3, 6, 0.25)
    shapes = {p.shape[0] for name, p in model.named_parameters() if "lora_A" in name}
    assert shapes == {3}


def test_layers_the_method_cannot_adapt_are_one_clear_line(tmp_path):
    config = MambaConfig(vocab_size=384, hidden_size=32, num_hidden_layers=1, state_size=8)
    with pytest.raises(ModelError, match="adapter.target_modules: .*out_proj.* This model has: .*in_proj") as caught:
        adapters.attach(MambaForCausalLM(config), LORA)
    assert "\n" not in str(caught.value)


def test_an_adapter_file_cut_short_or_gone_is_one_clear_line(model_folders, tmp_path):
    loaded = load(model_folders["llama"])
    save_model(trained(loaded), loaded.tokenizer, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    for content, told in [(file.read_bytes()[:200], "is damaged"), (b"", "is damaged"), (None, "is missing")]:
        file.unlink() if content is None else file.write_bytes(content)
        with pytest.raises(ModelError, match=rf"adapter_model.safetensors: {told}.*Copy the adapter again") as caught:
            load_model(ModelSection(name_or_path=str(tmp_path)))
        assert "\n" not in str(caught.value)
