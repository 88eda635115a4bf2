"""The table of methods and architectures, and that it says the truth."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.model.families import save_family
from tests.model.tuning import METHODS, trained
from tunesmith.errors import ModelError
from tunesmith.model.load import load_model, save_model
from tunesmith.model.probe import Capabilities, probe
from tunesmith.model.support import (
    TABLE,
    Architecture,
    architecture_of,
    capabilities_with,
    check_gradient_checkpointing,
    reserving,
    room_for_text,
)
from tunesmith.recipe import ADAPTERS, ModelSection, PrefixSection, PromptSection

ALL = Capabilities("full", can_pack=True, can_batch_prompts=True, flattens=True)


def load(folder):
    return load_model(ModelSection(name_or_path=str(folder)))


def test_every_method_has_an_answer_for_every_architecture():
    methods = {get_args(section.model_fields["method"].annotation)[0] for section in ADAPTERS}
    assert set(TABLE) == methods
    assert all(set(row) == set(get_args(Architecture)) for row in TABLE.values())


def test_models_are_told_apart_by_how_they_attend(model_folders, tmp_path):
    found = {shape: architecture_of(load(folder)) for shape, folder in model_folders.items()}
    assert found == {"llama": "decoder", "gpt2": "decoder", "t5": "encoder-decoder"}
    assert architecture_of(save_family("gemma2", tmp_path)) == "windowed decoder"


@pytest.mark.parametrize("method", ["full", "lora", "qlora", "lora-8bit", "prefix", "prompt", "houlsby"])
def test_the_table_agrees_with_what_is_found_on_the_tuned_model(model_folder, tmp_path, method):
    loaded, model = trained(model_folder, method)
    save_model(model, loaded.tokenizer, tmp_path)
    found, said = probe(load(tmp_path)), capabilities_with(METHODS[method], loaded, probe(loaded))
    assert (found.can_pack, found.can_batch_prompts) == (said.can_pack, said.can_batch_prompts)


def test_rows_with_virtual_tokens_are_neither_packed_nor_flattened(model_folders):
    loaded = load(model_folders["llama"])
    for method in ("prefix", "prompt"):
        said = capabilities_with(METHODS[method], loaded, ALL)
        assert not said.can_pack and not said.flattens
    assert capabilities_with(METHODS["lora"], loaded, ALL) == ALL


def test_a_prefix_is_refused_where_a_window_would_lose_it(tmp_path):
    loaded = save_family("mistral", tmp_path)
    with pytest.raises(ModelError, match="adapter.method: prefix does not work on a windowed decoder such as Mistral"):
        capabilities_with(METHODS["prefix"], loaded, ALL)


def test_checkpointing_is_refused_for_a_prefix_alone(model_folder):
    loaded = load(model_folder)
    for method, section in METHODS.items():
        if method != "prefix":
            check_gradient_checkpointing(section, loaded)
    with pytest.raises(ModelError, match="train.gradient_checkpointing: prefix tuning works through a cache"):
        check_gradient_checkpointing(METHODS["prefix"], loaded)


def test_the_room_for_text_is_the_same_before_a_model_is_loaded_and_after(model_folder):
    loaded = load(model_folder)
    for section in METHODS.values():
        assert room_for_text(section, loaded.config, "m") == reserving(section, loaded).context_length


def test_virtual_tokens_must_leave_room(model_folders):
    loaded = load(model_folders["gpt2"])
    assert reserving(PromptSection(method="prompt", num_virtual_tokens=12), loaded).context_length == 500
    assert reserving(METHODS["lora"], loaded).context_length == 512
    with pytest.raises(ModelError, match="adapter.num_virtual_tokens: 600 leave no room for text in the 512 tokens"):
        reserving(PrefixSection(method="prefix", num_virtual_tokens=600), loaded)
    assert (
        reserving(PrefixSection(method="prefix", num_virtual_tokens=600), load(model_folders["t5"])).context_length
        is None
    )
