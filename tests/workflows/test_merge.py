"""Merging an adapter: the figures that are told, the model that is written, and what is refused."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.model.tuning import logits, trained
from tunesmith.cli import main
from tunesmith.errors import ModelError, ResourceError, UsageError
from tunesmith.model.load import load_model, save_model
from tunesmith.recipe import ModelSection
from tunesmith.workflows.merge import merge_adapter


@pytest.fixture
def saved(model_folders, tmp_path):
    def save(method: str):
        loaded, model = trained(model_folders["llama"], method)
        save_model(model, loaded.tokenizer, tmp_path / method, stop_token_ids=[1, 7])
        return tmp_path / method, logits(loaded, model)

    return save


@pytest.mark.parametrize("method", ["lora", "dora", "qlora", "lora-8bit"])
def test_the_whole_model_answers_as_the_adapter_did(saved, tmp_path, method):
    folder, live = saved(method)
    told = merge_adapter(str(folder), tmp_path / "out")
    assert told["max_difference"] <= 1e-5 and round(told["share_of_effect"], 2) == 0.0
    loaded = load_model(ModelSection(name_or_path=str(tmp_path / "out")))
    assert (logits(loaded) - live).abs().max() <= 1e-5
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert all(torch.equal(p, q) for p, q in zip(plain.parameters(), loaded.model.parameters(), strict=True))
    assert plain.generation_config.eos_token_id == [1, 7] and not (tmp_path / "out.tmp").exists()


def test_quantizing_again_is_asked_for_and_its_error_told(saved, tmp_path):
    folder, _ = saved("qlora")
    told = merge_adapter(str(folder), tmp_path / "out", requantize=True)
    assert told["requantized"] == "nf4" and told["requantized_share_of_effect"] > 100 * told["share_of_effect"]
    again = load_model(ModelSection(name_or_path=str(tmp_path / "out")))
    assert "quantization_config" in json.loads((tmp_path / "out/config.json").read_text())
    assert any(p.dtype == torch.uint8 for p in again.model.parameters())


@pytest.mark.parametrize("method", ["prefix", "prompt", "pfeiffer"])
def test_what_cannot_be_merged_leaves_nothing_behind(saved, tmp_path, method):
    folder, _ = saved(method)
    with pytest.raises(ModelError, match="cannot be merged"):
        merge_adapter(str(folder), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [method]


def test_what_is_asked_for_wrongly_is_one_clear_line(saved, model_folders, tmp_path):
    folder, _ = saved("lora")
    with pytest.raises(UsageError, match="no adapter, but a whole model already"):
        merge_adapter(str(model_folders["llama"]), tmp_path / "out")
    with pytest.raises(UsageError, match="--requantize: the base of this adapter is not quantized"):
        merge_adapter(str(folder), tmp_path / "out", requantize=True)
    with pytest.raises(UsageError, match="already there, and not overwritten"):
        merge_adapter(str(folder), folder)


def test_the_command_tells_the_figures_and_what_comes_next(saved, tmp_path, capsys):
    folder, _ = saved("lora")
    assert main(["merge", str(folder), "--output", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "Its logits differ by at most" in out and "0.00 of what it changes" in out
    assert f"tunesmith chat {tmp_path / 'out'}" in out
    assert main(["merge", str(folder), "--output", str(tmp_path / "two"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == str(tmp_path / "two")
    assert main(["merge", str(tmp_path / "none"), "--output", str(tmp_path / "three")]) == 4
    assert capsys.readouterr().err.count("\n") <= 2


def test_a_full_disk_is_one_line_and_leaves_nothing(saved, tmp_path, monkeypatch):
    folder, _ = saved("lora")

    def full(*arguments, **settings):
        raise Exception("No space left on device (os error 28)")  # what the tokenizers library raises

    monkeypatch.setattr("tunesmith.workflows.merge.save_model", full)
    with pytest.raises(ResourceError, match=r"out: could not be written \(No space left.*Free space, or name another"):
        merge_adapter(str(folder), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lora"]


def test_what_is_no_adapter_and_no_model_is_one_clear_line(saved, tmp_path):
    (tmp_path / "notes").mkdir()
    for target, told in [
        (tmp_path / "lorra", "lorra: no such model folder. Did you mean `lora`?"),
        ("lorra", "lorra: not a folder here. Name a run, or the folder of an adapter."),
        (tmp_path / "notes", "notes: no adapter_config.json, so this is no adapter."),
    ]:
        saved("lora")
        with pytest.raises(ModelError) as raised:
            merge_adapter(str(target), tmp_path / "out")
        assert told in str(raised.value)
