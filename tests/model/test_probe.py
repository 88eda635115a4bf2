"""The probe: what it finds on ordinary models, and that it notices the ones that would go wrong."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, MambaConfig, MambaForCausalLM, MistralConfig, MistralForCausalLM

from tests.model.tuning import METHODS
from tests.models import VOCABULARY, tiny_tokenizer
from tests.training.rows import load
from tunesmith.errors import ModelError
from tunesmith.model.load import load_model
from tunesmith.model.probe import probe
from tunesmith.recipe import ModelSection


@pytest.mark.parametrize(
    ("shape", "head", "can_pack"), [("llama", "fused", True), ("gpt2", "fused", True), ("t5", "fused", False)]
)
def test_ordinary_models_can_do_everything_their_shape_allows(model_folders, shape, head, can_pack):
    found = probe(load(model_folders[shape]))
    assert (found.head, found.can_pack, found.can_batch_prompts, found.notes) == (head, can_pack, True, ())
    assert found.flattens == can_pack


def test_the_probe_leaves_weights_generators_and_mode_as_they_were(model_folders):
    loaded = load(model_folders["gpt2"])
    loaded.model.train()
    before, state = [p.clone() for p in loaded.model.parameters()], torch.get_rng_state()
    probe(loaded)
    assert loaded.model.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(before, loaded.model.parameters(), strict=True))


def test_the_probe_asks_where_the_model_is(model_folder, monkeypatch):
    """A model on a GPU takes no batches from elsewhere; a model that tells of another device must find out."""
    loaded = load(model_folder)
    monkeypatch.setattr(type(loaded.model), "device", property(lambda self: torch.device("meta")))
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        probe(loaded)


def save(model, folder):
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return load(folder)


def test_a_model_that_sees_the_future_is_refused(tmp_path):
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=0.5,
    )
    loaded = save(BertForMaskedLM(config), tmp_path)
    with pytest.raises(ModelError, match="BertLMHeadModel sees the tokens it is to predict"):
        probe(loaded)


@pytest.mark.parametrize("window", [4, 4096])
def test_a_sliding_window_is_not_packed(tmp_path, window):
    """Also one so wide that the probe's short rows do not show it."""
    config = MistralConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=window,
    )  # fmt: skip
    found = probe(save(MistralForCausalLM(config), tmp_path))
    assert not found.can_pack
    assert found.notes == ()  # told in one line where packing is asked for


def test_a_state_space_model_is_not_packed(tmp_path):
    config = MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=8)
    found = probe(save(MambaForCausalLM(config), tmp_path))
    assert not found.can_pack


def test_a_head_that_the_loss_does_not_go_through_alone_runs_in_full(model_folders, monkeypatch):
    """A model that scales by the number of positions: dropping positions in front of the head would change the loss."""
    loaded = load(model_folders["llama"])
    original = type(loaded.model.lm_head).forward
    monkeypatch.setattr(
        loaded.model.lm_head, "forward", lambda hidden: original(loaded.model.lm_head, hidden) * hidden.shape[-2]
    )
    found = probe(loaded)
    assert found.head == "full"
    assert "runs on every position" in found.notes[0]


def test_a_model_whose_own_loss_is_another_one_is_refused(model_folders, monkeypatch):
    loaded = load(model_folders["llama"])
    monkeypatch.setattr(
        loaded.model, "loss_function", lambda logits, labels, **_: logits.square().mean(), raising=False
    )
    with pytest.raises(ModelError, match="differs from the model's own by"):
        probe(loaded)


@pytest.mark.parametrize("method", ["qlora", "lora-8bit"])
def test_a_model_that_reads_its_weights_itself_is_not_quantized(tmp_path, method):
    """Mamba multiplies by hand with what bitsandbytes has packed, and gave a traceback."""
    config = MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=1, state_size=4)
    save(MambaForCausalLM(config), tmp_path)
    quantized = load_model(ModelSection(name_or_path=str(tmp_path)), quantization=METHODS[method].quantization)
    with pytest.raises(ModelError, match=f"adapter.method: {method} does not work on MambaForCausalLM.* Set .*: lora"):
        probe(quantized)
