"""Prefix and prompt tuning against explicit caches and concatenated embeddings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import DynamicCache, EncoderDecoderCache, MistralConfig, MistralForCausalLM

from tests.model.families import save_family
from tests.model.tuning import METHODS, attached, open_for, train_steps, trained
from tests.models import save_tiny
from tests.training.rows import batch_of, random_examples
from tunesmith.errors import ModelError
from tunesmith.lm import Sampling
from tunesmith.model import adapters
from tunesmith.model.forward import Forward, own_loss
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import load_model, save_model
from tunesmith.model.probe import probe
from tunesmith.recipe import ModelSection, PrefixSection
from tunesmith.records import Message
from tunesmith.rendering.templates import load_template

NUM = 5


def test_prompt_tuning_of_a_model_without_attention_is_one_clear_line(tmp_path):
    """peft fails for want of a number of heads; told one, it answers otherwise than the model was tuned."""
    loaded = save_family("mamba", tmp_path)
    with pytest.raises(ModelError, match="adapter.method: prompt needs a model with attention, and MambaForCausalLM"):
        attached(loaded, "prompt")


def reference_loss(loaded, model, method: str) -> torch.Tensor:
    """Mean over the supervised tokens, one row at a time and without padding, from the bare base model."""
    weight = model.prompt_encoder["default"].embedding.weight
    base, losses = model.get_base_model(), []
    for example in random_examples(loaded.kind):
        batch = batch_of(loaded, [example])
        inputs = {} if batch.decoder_input_ids is None else {"decoder_input_ids": batch.decoder_input_ids}
        if method == "prompt":
            embeddings = base.get_input_embeddings()(batch.input_ids)
            scores = base(inputs_embeds=torch.cat([weight[None], embeddings], dim=1), **inputs).logits
            scores = scores[:, NUM:] if loaded.kind == "causal" else scores
        else:
            cache = explicit_cache(weight, model.active_peft_config, loaded.kind)
            scores = base(input_ids=batch.input_ids, past_key_values=cache, use_cache=True, **inputs).logits
        kept = batch.supervised
        losses.append(torch.nn.functional.cross_entropy(scores[kept], batch.targets[kept], reduction="none"))
    return torch.cat(losses).mean()


def explicit_cache(weight, config, kind):
    """One pair of keys and values a layer; an encoder-decoder's file has room for a second one that nothing reads."""
    heads = config.num_attention_heads
    tensors = weight.view(NUM, -1, heads, config.token_dim // heads).permute(1, 2, 0, 3)[:, None]
    step = 4 if kind == "seq2seq" else 2
    cache = DynamicCache([(tensors[i], tensors[i + 1]) for i in range(0, len(tensors), step)])
    return EncoderDecoderCache(cache, DynamicCache()) if kind == "seq2seq" else cache


@pytest.mark.parametrize("head", ["fused", "kept", "hooked", "full"])
@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_the_loss_is_that_of_an_explicit_past_or_prompt(model_folder, method, head):
    """A padded batch against single rows; positions and masks are right only if both agree."""
    loaded, model = trained(model_folder, method)
    forward = Forward(model, head=head)
    if head == "kept" and not forward.can_keep:
        pytest.skip("this model keeps no logits")
    with torch.no_grad():
        loss = -forward(batch_of(loaded, random_examples(loaded.kind))).mean()
        reference = reference_loss(loaded, model, method)
    assert abs(loss - reference) <= 1e-6 * max(1.0, float(reference))


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_the_loss_is_the_model_s_own_too(model_folder, method):
    loaded, model = trained(model_folder, method)
    batch = batch_of(loaded, random_examples(loaded.kind))
    with torch.no_grad():
        assert abs(-Forward(model)(batch).mean() - own_loss(model, batch)) <= 1e-5


def test_each_layer_of_an_encoder_decoder_has_a_prefix_of_its_own(model_folders):
    """peft would let half of the layers share one, and leave half of what is trained unused."""
    loaded = open_for(model_folders["t5"], "prefix")
    model = attached(loaded, "prefix")
    gradient = train_steps(loaded, model, num_steps=1)[0]["prompt_encoder.default.embedding.weight"]
    moved = gradient.view(NUM, 8, -1).abs().sum(dim=(0, 2)) > 0
    assert moved.tolist() == [True, True, False, False] * 2


def test_a_prefix_begins_as_what_the_model_makes_of_tokens(model_folders):
    loaded = open_for(model_folders["gpt2"], "prefix")
    torch.manual_seed(0)
    ids = torch.randint(0, 384, (1, NUM))
    with torch.no_grad():
        cache = loaded.model(input_ids=ids, use_cache=True).past_key_values
    model = attached(loaded, "prefix")
    ours = explicit_cache(model.prompt_encoder["default"].embedding.weight, model.active_peft_config, "causal")
    for mine, theirs in zip(ours.layers, cache.layers, strict=True):
        assert torch.equal(mine.keys, theirs.keys) and torch.equal(mine.values, theirs.values)


def test_heads_of_another_width_than_the_model_s_share_are_understood(tmp_path):
    """P9: grouped heads, and heads whose widths do not add up to the model's (Qwen 3, T5)."""
    for family in ("qwen3", "gemma", "phi"):
        loaded = save_family(family, tmp_path / family)
        model = adapters.attach(loaded.model, METHODS["prefix"]).eval()
        with torch.no_grad():
            loss = -Forward(model)(batch_of(loaded, random_examples("causal"))).mean()
            assert abs(loss - reference_loss(loaded, model, "prefix")) <= 1e-5
    loaded = load_model(ModelSection(name_or_path=str(save_tiny("t5", tmp_path / "t5", d_kv=4, num_decoder_layers=3))))
    model = adapters.attach(loaded.model, METHODS["prefix"]).eval()
    with torch.no_grad():
        loss = -Forward(model)(batch_of(loaded, random_examples("seq2seq"))).mean()
        assert abs(loss - reference_loss(loaded, model, "prefix")) <= 1e-5


def test_a_model_that_keeps_a_window_is_refused_a_prefix():
    config = MistralConfig(vocab_size=384, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                           num_attention_heads=4, num_key_value_heads=2, sliding_window=4)  # fmt: skip
    with pytest.raises(ModelError, match="adapter.method: prefix needs keys and values .* prompt or lora"):
        adapters.attach(MistralForCausalLM(config), PrefixSection(method="prefix"))


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_answers_do_not_hang_on_what_else_is_in_the_batch(model_folder, tmp_path, method):
    """D6, through our own generation, which lets finished rows leave the batch and goes on with the others."""
    loaded, model = trained(save_tiny(_shape(model_folder), tmp_path / "base", scale=3.0), method)
    save_model(model, loaded.tokenizer, tmp_path / "tuned")
    again = load_model(ModelSection(name_or_path=str(tmp_path / "tuned")))
    template = load_template("plain", tokenizer=again.tokenizer, kind=again.kind)
    found = probe(again)
    assert not found.can_pack
    assert found.can_batch_prompts == (method == "prefix" or again.kind == "seq2seq")
    local = LocalModel(again, template, found, 8)
    asked = [
        [Message("user", text)] for text in ("one two", "What is two plus three?", "a", "good morning", "sort these")
    ]
    sampling = Sampling(max_new_tokens=12)
    together = [completion.text for completion in local.generate(asked, sampling)]
    assert together == [local.generate([conversation], sampling)[0].text for conversation in asked]
    assert together == ["".join(local.stream(conversation, sampling)) for conversation in asked]


def _shape(folder) -> str:
    return folder.name


def test_a_flattened_batch_is_never_made_of_rows_with_virtual_tokens(model_folders):
    loaded, model = trained(model_folders["llama"], "prefix")
    batch = batch_of(loaded, random_examples("causal"))
    with torch.no_grad():
        assert torch.equal(Forward(model, flattens=True)(batch), Forward(model)(batch))
    assert replace(batch).document_ids is None
