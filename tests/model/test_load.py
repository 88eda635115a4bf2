"""Loading: complete models only, and one clear line for everything else."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, MambaConfig, MptConfig, XLNetConfig

from tests.models import save_tiny, tiny_tokenizer
from tunesmith.errors import ModelError
from tunesmith.model import load as load_module
from tunesmith.model.load import context_length, kind_of, load_model, load_tokenizer, save_model
from tunesmith.recipe import ModelSection


def section(path, **changes) -> ModelSection:
    return ModelSection(name_or_path=str(path), **changes)


@pytest.fixture
def copy(model_folders, tmp_path) -> Path:
    return Path(shutil.copytree(model_folders["llama"], tmp_path / "model"))


def test_each_shape_loads_with_its_kind(model_folders):
    loaded = {shape: load_model(section(folder)) for shape, folder in model_folders.items()}
    assert {shape: one.kind for shape, one in loaded.items()} == {"llama": "causal", "gpt2": "causal", "t5": "seq2seq"}
    assert not any(one.model.training for one in loaded.values())
    assert kind_of(load_tokenizer(section(model_folders["t5"]))[1]) == "seq2seq"


def test_learned_and_rotary_positions_are_a_limit_and_relative_ones_are_none(model_folders):
    limits = {shape: context_length(load_tokenizer(section(folder))[1]) for shape, folder in model_folders.items()}
    assert limits == {"llama": 512, "gpt2": 512, "t5": None}


def test_the_pretrained_story_model_tells_its_story(shared):
    loaded = load_model(section(shared / "models/stories260K"))
    ids = torch.tensor([[1]])
    told = loaded.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, pad_token_id=0
    )
    assert loaded.tokenizer.decode(told[0], skip_special_tokens=True).startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."
    )


def test_a_saved_model_loads_with_plain_transformers_bitwise(model_folder, tmp_path):
    loaded = load_model(section(model_folder))
    save_model(loaded.model, loaded.tokenizer, tmp_path)
    auto = AutoModelForSeq2SeqLM if loaded.kind == "seq2seq" else AutoModelForCausalLM
    again = auto.from_pretrained(tmp_path)
    assert all(torch.equal(p, q) for p, q in zip(loaded.model.parameters(), again.parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(tmp_path).get_vocab() == loaded.tokenizer.get_vocab()


CONTRADICTORY = {
    "temperature": 0.7,
    "do_sample": False,
    "repetition_penalty": 1.3,
    "num_beams": 1,
    "length_penalty": 2.0,
}


def test_generation_habits_of_the_maker_are_dropped_and_token_ids_kept(copy, tmp_path):
    """transformers refuses to save some of them, which would be after the training."""
    path = copy / "generation_config.json"
    ids = {"eos_token_id": [1, 5], "bos_token_id": 3}
    path.write_text(json.dumps(json.loads(path.read_text()) | CONTRADICTORY | ids))
    loaded = load_model(section(copy))
    save_model(loaded.model, loaded.tokenizer, tmp_path / "out", stop_token_ids=[1, 5])
    saved = json.loads((tmp_path / "out/generation_config.json").read_text())
    assert not CONTRADICTORY.keys() & saved.keys()
    assert (saved["eos_token_id"], saved["bos_token_id"], saved["pad_token_id"]) == ([1, 5], 3, 0)


def test_an_encoder_decoder_that_does_not_say_how_answers_begin_is_saved_saying_it(tmp_path):
    loaded = load_model(section(save_tiny("t5", tmp_path, decoder_start_token_id=None)))
    assert loaded.decoder_start_token_id == loaded.tokenizer.pad_token_id == 0
    save_model(loaded.model, loaded.tokenizer, tmp_path / "out")
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out")
    ids = torch.tensor([[5, 6, 1]])
    assert again.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=2)[0, 0] == 0


@pytest.mark.parametrize(
    ("config", "limit"), [(XLNetConfig(), None), (MptConfig(max_seq_len=96), 96), (MambaConfig(), None)]
)
def test_the_limit_is_found_where_a_family_keeps_it(config, limit):
    """XLNet says -1 for none; MPT's attention fails on a text beyond its own."""
    assert context_length(config) == limit


def _without(name):
    return lambda folder: [path.unlink() for path in folder.glob(name)]


def _broken(name, content=b"{"):
    return lambda folder: (folder / name).write_bytes(content)


def _pickled(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _weights(change):
    def damage(folder):
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return damage


def _config(**changes):
    def damage(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without("config.json"), "no config.json, so this is no model folder"),
        (_without("*.safetensors"), "no weights \\(model.safetensors\\) in this folder"),
        (_without("tokenizer*"), "no tokenizer that can be loaded"),
        (_broken("tokenizer.json"), "no tokenizer that can be loaded"),
        (_broken("config.json"), "config.json: is no JSON object, so it is damaged"),
        (_broken("model.safetensors", b"\x10\0\0\0\0\0\0\0{"), "safetensors file is damaged"),
        (_pickled, "only pickled weights \\(.bin\\), which can run code"),
        (
            _weights(lambda tensors: tensors.pop("model.norm.weight")),
            "1 weights are missing or of another shape, first model.norm",
        ),
        (_weights(lambda tensors: tensors.update({"model.norm.weight": torch.ones(7)})), "another shape"),
        (_config(auto_map={"AutoModelForCausalLM": "evil.Model"}), "brings Python code of its own, which is not run"),
        (_config(model_type="no-such-type"), "cannot be loaded as a language model"),
    ],
)
def test_a_damaged_folder_is_one_clear_line(copy, damage, message):
    damage(copy)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(section(copy))
    assert "\n" not in str(caught.value)
    assert str(copy) in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("model_type", ["llama", "never-heard-of"])
def test_code_beside_a_model_is_never_run(copy, file, model_type):
    canary = copy / "canary"
    (copy / "evil.py").write_text(f"open({str(canary)!r}, 'w').write('run')\nclass Evil: pass\n")
    changes = {"auto_map": {"AutoConfig": "evil.Evil"}}
    if file == "tokenizer_config.json":
        changes = {"auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}, "tokenizer_class": "Evil"}
    path = copy / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    _config(model_type=model_type)(copy)
    with suppress(ModelError):
        load_model(section(copy))
    assert not canary.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{root}/modle", "no such model folder. Did you mean `model`"),
        ("{root}/model/config.json", "is a file, but a model is a folder"),
        ("nobody/has-this-model", "not a folder here, and this model could not be fetched from the hub"),
        ("{root}/run", "this run has no model yet"),
    ],
)
def test_a_wrong_name_is_one_clear_line(copy, name, message):
    (copy.parent / "run").mkdir()
    (copy.parent / "run/recipe.yaml").write_text("")
    with pytest.raises(ModelError, match=message) as caught:
        load_model(section(name.format(root=copy.parent)))
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    save_tiny("llama", tmp_path)
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([f"<new{i}>" for i in range(40)])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="the tokenizer has 4[0-9]+ tokens but the model only 384 embeddings"):
        load_model(section(tmp_path))


def test_a_file_that_may_not_be_read_is_named(copy, monkeypatch):
    """As root every file may be read, so the question is answered here."""
    monkeypatch.setattr(load_module.os, "access", lambda path, mode: Path(path).name != "model.safetensors")
    (copy / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="model.safetensors: no permission to read it"):
        load_model(section(copy))


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_config_is_told_as_such(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match="config.json: is no JSON object, so it is damaged. Copy the model again."):
        load_model(ModelSection(name_or_path=str(tmp_path)))
