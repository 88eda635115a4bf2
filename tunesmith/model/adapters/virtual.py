"""Prefix tuning (Li and Liang 2021) and prompt tuning (Lester et al. 2021) by peft: virtual tokens in front of real ones."""

from __future__ import annotations

import torch
from peft import PeftModel, PrefixTuningConfig, PromptTuningConfig, TaskType, get_peft_model
from torch import nn
from transformers import EncoderDecoderCache
from transformers.cache_utils import DynamicLayer

from tunesmith.errors import ModelError
from tunesmith.model.adapters.quiet import quiet
from tunesmith.recipe import PrefixSection, PromptSection


def attach_prefix(model: nn.Module, section: PrefixSection) -> PeftModel:
    """The model with learned keys and values in front of its own, in every layer of the decoder.

    They begin as what the model makes of randomly chosen tokens: at random values training takes long and often fails. So
    a fresh prefix is not the identity, as the fresh adapters of other methods are; only one of no length would be.

    Raises:
        ModelError: a layer of the model does not keep the keys and values of all tokens.
    """
    num = section.num_virtual_tokens
    keys_and_values = _keys_and_values(model, num)  # (num, layers, 2, heads, width)
    _, num_layers, _, num_heads, width = keys_and_values.shape
    if model.config.is_encoder_decoder:
        # peft deals four tensors to each layer and drops the second pair, meant for cross-attention: of as many as there
        # are layers half would be lost, and the other half serve two layers each. With room for twice as many each layer
        # has a pair of its own.
        spare = torch.zeros_like(keys_and_values)
        keys_and_values = torch.stack([keys_and_values, spare], dim=2).flatten(1, 2)
    config = PrefixTuningConfig(
        task_type=_task_type(model),
        num_virtual_tokens=num,
        num_layers=keys_and_values.shape[1],
        num_attention_heads=num_heads,
        token_dim=num_heads * width,
    )
    with quiet():
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    with torch.no_grad():
        adapted.prompt_encoder["default"].embedding.weight.copy_(keys_and_values.flatten(1))
    return adapted


def attach_prompt(model: nn.Module, section: PromptSection) -> PeftModel:
    """The model with learned embeddings in front of those of its input (an encoder-decoder's encoder); they begin as those
    of randomly chosen tokens.

    Raises:
        ModelError: the model has no attention. peft would put them in front of every new token of its answers.
    """
    num_heads = getattr(model.config.get_text_config(), "num_attention_heads", None)
    if num_heads is None:
        raise ModelError(
            f"adapter.method: prompt needs a model with attention, and {type(model).__name__} keeps a state instead. Set "
            "adapter.method: lora."
        )
    embeddings = model.get_input_embeddings().weight
    config = PromptTuningConfig(
        task_type=_task_type(model),
        num_virtual_tokens=section.num_virtual_tokens,
        num_transformer_submodules=1,  # peft would otherwise hold as many for the decoder, which it never uses
        prompt_tuning_init="SAMPLE_VOCAB",
        token_dim=embeddings.shape[1],
        num_attention_heads=num_heads,  # which peft asks for, and does not find in every config
    )
    with quiet():
        return get_peft_model(model, config, autocast_adapter_dtype=False)


def num_virtual_tokens(model: nn.Module) -> int:
    """How many positions of the model's context virtual tokens take."""
    config = model.active_peft_config if isinstance(model, PeftModel) else None
    return config.num_virtual_tokens if config is not None and config.is_prompt_learning else 0


def num_prepended_logits(model: nn.Module) -> int:
    """How many logits stand in front of the first token's: a decoder answers to the prompt's virtual tokens too."""
    is_prompt = isinstance(model, PeftModel) and isinstance(model.active_peft_config, PromptTuningConfig)
    return num_virtual_tokens(model) if is_prompt and not model.config.is_encoder_decoder else 0


def _task_type(model: nn.Module) -> TaskType:
    return TaskType.SEQ_2_SEQ_LM if model.config.is_encoder_decoder else TaskType.CAUSAL_LM


@torch.no_grad()
def _keys_and_values(model: nn.Module, num: int) -> torch.Tensor:
    """(num, layers, 2, heads, width) of the decoder's self-attention over ``num`` random tokens."""
    ids = torch.randint(0, model.get_input_embeddings().weight.shape[0], (1, num)).to(model.device)
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if model.config.is_encoder_decoder else {})
    was_training = model.training
    cache = getattr(model.eval()(**inputs, use_cache=True), "past_key_values", None)
    model.train(was_training)
    cache = cache.self_attention_cache if isinstance(cache, EncoderDecoderCache) else cache
    layers = list(getattr(cache, "layers", []))
    shapes = {tuple(layer.keys.shape) for layer in layers if type(layer) is DynamicLayer}
    shapes |= {tuple(layer.values.shape) for layer in layers if type(layer) is DynamicLayer}
    if len(shapes) != 1 or any(type(layer) is not DynamicLayer for layer in layers):
        raise ModelError(
            f"adapter.method: prefix needs keys and values of one shape for all tokens in every layer, and "
            f"{type(model).__name__} keeps others (a window, or a state). Set adapter.method: prompt or lora."
        )
    pairs = torch.stack([torch.stack([layer.keys[0], layer.values[0]]) for layer in layers])
    return pairs.permute(3, 0, 1, 2, 4).float()
