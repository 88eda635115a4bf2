"""What holds for every tuning method on every shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.model.tuning import (
    MAIN,
    METHODS,
    VIRTUAL,
    attached,
    logits,
    open_for,
    train_steps,
    trained,
)
from tests.models import save_tiny
from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.load import load_model, save_model
from tunesmith.model.quantize import prepare, quantization_config
from tunesmith.recipe import ModelSection, QloraSection


@pytest.mark.parametrize("method", MAIN)
def test_generating_is_taking_the_likeliest_token_again_and_again(tmp_path, method):
    """P9, with a cache against without one."""
    for shape in ("llama", "gpt2", "t5"):
        loaded, model = trained(save_tiny(shape, tmp_path / shape, scale=3.0), method)
        ids = torch.tensor([[5, 9, 31, 77, 6]])
        mask = torch.ones_like(ids)
        out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=8, do_sample=False, eos_token_id=383)
        assert out[0].tolist() == _argmax_loop(model, ids, 8, loaded.decoder_start_token_id)


def _argmax_loop(model, ids, num_steps, start) -> list[int]:
    answer = ids if start is None else torch.tensor([[start]])
    with torch.no_grad():
        for _ in range(num_steps):
            source = answer if start is None else ids
            decoder = {} if start is None else {"decoder_input_ids": answer}
            scores = model(input_ids=source, attention_mask=torch.ones_like(source), use_cache=False, **decoder).logits
            answer = torch.cat([answer, scores[:, -1].argmax(-1)[:, None]], dim=1)
            if answer[0, -1] == 383:
                break
    return answer[0].tolist()


def test_merging_in_bfloat16_stays_within_its_precision(model_folders):
    """P2."""
    loaded, model = trained(model_folders["llama"], "lora")
    model.to(torch.bfloat16)
    live = logits(loaded, model)
    assert (logits(loaded, adapters.merge(model)) - live).abs().max() <= 2e-2


@pytest.mark.parametrize("method", ["lora", "qlora", "prefix", "pfeiffer"])
def test_an_adapter_whose_base_has_changed_is_refused(tmp_path, method):
    base = save_tiny("llama", tmp_path / "base")
    loaded, model = trained(base, method)
    save_model(model, loaded.tokenizer, tmp_path / "adapter")
    save_tiny("llama", base, seed=1)
    with pytest.raises(ModelError, match="belongs to another base: the weights in .*base are not those") as caught:
        load_model(ModelSection(name_or_path=str(tmp_path / "adapter")))
    assert "\n" not in str(caught.value)


def test_an_adapter_is_not_quantized_under_another(model_folders, tmp_path):
    loaded, model = trained(model_folders["llama"], "lora")
    save_model(model, loaded.tokenizer, tmp_path)
    with pytest.raises(ModelError, match="is an adapter, and to quantize it .* `tunesmith merge"):
        load_model(ModelSection(name_or_path=str(tmp_path)), merge=True, quantization="nf4")


def test_quantized_weights_are_not_trained(model_folders):
    loaded = open_for(model_folders["llama"], "qlora")
    with pytest.raises(ModelError, match="adapter.method: full cannot train quantized weights"):
        adapters.attach(loaded.model, METHODS["full"])


def test_evaluating_leaves_quantized_weights_as_they_are_and_gradients_flowing(model_folders):
    """bitsandbytes would rewrite them on a CPU with AVX512-BF16 at the first forward without gradients."""
    loaded = open_for(model_folders["llama"], "qlora")
    before = {name: p.detach().clone() for name, p in loaded.model.named_parameters()}
    model = attached(loaded, "qlora").eval()
    logits(loaded, model)
    _, second, _ = train_steps(loaded, model)
    assert all(gradient.any() for gradient in second.values())
    base = model.get_base_model()
    after = {name.replace(".base_layer", ""): p for name, p in base.named_parameters() if "lora_" not in name}
    assert after.keys() == before.keys()
    assert all(torch.equal(p, before[name]) for name, p in after.items())


def test_eight_bits_do_not_let_rows_of_a_batch_touch_each_other(model_folders):
    loaded = open_for(model_folders["llama"], "lora-8bit")
    one, other = torch.randint(2, 300, (1, 6)), torch.randint(2, 300, (1, 6))
    with torch.no_grad():
        together = loaded.model(torch.cat([one, other])).logits[0]
        beside_another = loaded.model(torch.cat([one, other.flip(1)])).logits[0]
    assert torch.equal(together, beside_another)


@pytest.mark.parametrize("method", ["lora", "qlora", "prefix", "prompt", "pfeiffer", "houlsby"])
def test_two_adapters_of_one_base_are_switched_between(model_folder, tmp_path, method):
    folders, alone = {}, {}
    for seed, name in enumerate(("one", "two")):
        loaded = open_for(model_folder, method)
        model = attached(loaded, method, seed=seed)
        train_steps(loaded, model, num_steps=2 + seed)
        alone[name], folders[name] = logits(loaded, model), tmp_path / name
        save_model(model, loaded.tokenizer, folders[name])
    loaded = open_for(model_folder, method)
    bare = logits(loaded)
    model = adapters.load(loaded.model, folders["one"])
    adapters.add(model, folders["two"], "two")
    assert adapters.names(model) == ["default", "two"]
    assert torch.equal(logits(loaded, model), alone["two"])
    adapters.use(model, "default")
    assert torch.equal(logits(loaded, model), alone["one"])
    assert torch.equal(logits(loaded, adapters.without(model)), bare)
    adapters.use(model, "two")
    assert torch.equal(logits(loaded, model), alone["two"])
    with pytest.raises(ModelError, match="No adapter is called `tow`. Did you mean `two`"):
        adapters.use(model, "tow")
    with pytest.raises(ModelError, match="there is an adapter called `two` already"):
        adapters.add(model, folders["one"], "two")


def test_adapters_of_two_kinds_do_not_share_a_base(model_folders, tmp_path):
    for method in ("lora", "pfeiffer"):
        loaded, model = trained(model_folders["llama"], method)
        save_model(model, loaded.tokenizer, tmp_path / method)
    model = adapters.load(open_for(model_folders["llama"], "lora").model, tmp_path / "lora")
    with pytest.raises(ModelError, match="bottleneck and lora adapters cannot share a base"):
        adapters.add(model, tmp_path / "pfeiffer", "other")


@pytest.mark.parametrize("name", ["use_rslora", "use_dora"])
def test_the_variants_of_lora_reach_the_adapter(model_folders, name):
    loaded = open_for(model_folders["llama"], "lora")
    model = adapters.attach(loaded.model, METHODS["lora"].model_copy(update={name: True}))
    assert getattr(model.peft_config["default"], name)


@pytest.mark.parametrize("shape, method", [("llama", "dora"), ("gpt2", "dora"), ("t5", "dora"), ("llama", "qdora")])
def test_dora_learns_where_all_weights_of_an_output_are_zero(tmp_path, shape, method):
    """P8, P1: such weights have no direction, and peft divides by their length; pruned models have them."""
    folder = save_tiny(shape, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    cut = next(
        name for name in sorted(tensors) if name.endswith(("q_proj.weight", "c_attn.weight", "Attention.q.weight"))
    )
    tensors[cut].narrow(1 if shape == "gpt2" else 0, 3, 5).zero_()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = open_for(folder, method)
    untouched = logits(loaded)
    model = attached(loaded, method)
    assert torch.equal(logits(loaded, model), untouched)
    gradients = train_steps(loaded, model)
    assert all(gradient.isfinite().all() for step in gradients for gradient in step.values())
    assert not torch.equal(logits(loaded, model), untouched)


def test_a_model_without_linear_layers_is_one_clear_line(model_folders):
    loaded = open_for(model_folders["llama"], "lora")
    with pytest.raises(ModelError, match="adapter.method: qlora found no linear layer to quantize in Embedding"):
        prepare(torch.nn.Embedding(3, 3), "nf4")
    with pytest.raises(ModelError, match="adapter.target_modules: ") as caught:
        model = torch.nn.Module()
        model.config, model.embedding = loaded.config, torch.nn.Embedding(3, 3)
        adapters.attach(model, METHODS["lora"])
    assert "\n" not in str(caught.value)


def test_a_quantized_base_is_the_one_plain_transformers_makes(model_folders: dict[str, Path]):
    for method in ("qlora", "lora-8bit"):
        section = METHODS[method]
        ours = open_for(model_folders["gpt2"], method).model
        config = quantization_config(section.quantization)
        theirs = AutoModelForCausalLM.from_pretrained(model_folders["gpt2"], quantization_config=config)
        assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_a_section_of_its_own_says_what_is_adapted(model_folders):
    section = QloraSection(method="qlora", r=3, target_modules=["q_proj"])
    model = adapters.attach(open_for(model_folders["llama"], "qlora").model, section)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if p.requires_grad}
    assert all("q_proj" in name for name in shapes)
    assert {shape for name, shape in shapes.items() if "lora_A" in name} == {(3, 32)}


def test_virtual_tokens_take_room_from_the_context(model_folders, tmp_path):
    for method in VIRTUAL:
        loaded, model = trained(model_folders["gpt2"], method)
        assert replace(loaded, num_reserved_tokens=5).context_length == 507
        save_model(model, loaded.tokenizer, tmp_path / method)
        assert load_model(ModelSection(name_or_path=str(tmp_path / method))).context_length == 507


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells which files lie in memory")
@pytest.mark.parametrize("method", ["qlora", "lora-8bit"])
def test_a_quantized_model_does_not_keep_the_floats_it_was_made_of_in_memory(tmp_path, method):
    """One embedding that lies in the file keeps all of the file there: 0.3 GiB of a GPT-2."""
    folder = save_tiny("llama", tmp_path / "base")
    loaded = open_for(folder, method)
    assert str(folder) not in Path("/proc/self/maps").read_text()
    assert loaded.kind == "causal"  # and so it was there until now
