"""Opening a model: what goes wrong is told as what it is."""

from __future__ import annotations

import shutil

import pytest
import torch

from tunesmith.errors import ResourceError
from tunesmith.model import load
from tunesmith.progress import SilentProgress
from tunesmith.recipe import ModelSection
from tunesmith.workflows.opening import model_sha256, open_model

ON_CPU = "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


@pytest.mark.parametrize("error", [RuntimeError(ON_CPU), torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])
def test_a_model_too_large_for_the_memory_is_not_called_damaged(model_folders, monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(load.AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(ResourceError, match="Out of memory.*per_device_train_batch_size"):
        open_model(ModelSection(name_or_path=str(model_folders["llama"])), "plain", console=SilentProgress())


def test_a_model_of_the_same_weights_with_another_configuration_or_tokenizer_is_another_model(model_folders, tmp_path):
    folder = shutil.copytree(model_folders["llama"], tmp_path / "llama")
    section = ModelSection(name_or_path=str(folder))
    hashes = [model_sha256(section)]
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with (folder / name).open("ab") as file:
            file.write(b" ")
        hashes.append(model_sha256(section))
    (folder / "README.md").write_text("nothing that decides an answer")
    assert model_sha256(section) == hashes[-1] and len(set(hashes)) == len(hashes)
