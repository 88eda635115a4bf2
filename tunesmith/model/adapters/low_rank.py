"""Low-rank adapters (Hu et al. 2021) by peft, beside float, 4-bit or 8-bit weights."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils.save_and_load import get_peft_model_state_dict, set_peft_model_state_dict
from torch import nn

from tunesmith.errors import ModelError, did_you_mean
from tunesmith.model.adapters.quiet import quiet
from tunesmith.model.adapters.tokens import token_layers
from tunesmith.model.quantize import dequantize, quantized_layers
from tunesmith.recipe import LowRank


def attach(model: nn.Module, section: LowRank, new_token_ids: Sequence[int]) -> PeftModel:
    """The model with low-rank branches beside the layers that the section names; ``new_token_ids`` are trained too.

    Raises:
        ModelError: no layer is called so, a layer cannot be adapted, or it shares its weights with another.
    """
    config, names = _config(model, section, new_token_ids), layer_names(model)
    try:
        with quiet():
            adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        text = " ".join(str(error).split()).removeprefix("[PEFT:PeftType.LORA] ")
        raise ModelError(f"adapter.target_modules: {text} This model has: {', '.join(names)}.") from error
    tied = _tied_layer(adapted)
    if tied is not None:
        raise ModelError(
            f"adapter.target_modules: `{tied}` shares its weights with another layer of this model, so what is learned "
            "for one of them could not be merged. Leave it out."
        )
    _give_directions(adapted)
    return adapted


@torch.no_grad()
def _give_directions(model: PeftModel) -> None:
    """Let DoRA turn the weights of an output that are all zero, as a pruned head's are.

    It divides weights by their length, and zero by zero is no number. A small random update is a direction, and at the
    length those weights have, 0, it changes nothing.
    """
    for layer in (module for module in model.modules() if isinstance(module, LoraLayer)):
        for name, magnitude in layer.lora_magnitude_vector.items():
            if name in layer.lora_B:
                update = layer.lora_B[name].weight
                is_empty = (magnitude.weight == 0).to(update.device)
                update[is_empty] = torch.randn_like(update[is_empty])


def _config(model: nn.Module, section: LowRank, new_token_ids: Sequence[int]) -> LoraConfig:
    targets = section.target_modules if isinstance(section.target_modules, str) else list(section.target_modules)
    if isinstance(targets, str) and targets != "all-linear":
        targets = [targets]
    if targets != "all-linear":
        _check_targets(model, targets)
    return LoraConfig(
        r=section.r,
        lora_alpha=section.lora_alpha,
        lora_dropout=section.lora_dropout,
        use_rslora=section.use_rslora,
        use_dora=section.use_dora,
        target_modules=targets,
        trainable_token_indices={layer: list(new_token_ids) for layer in token_layers(model)}
        if new_token_ids
        else None,
        task_type=TaskType.SEQ_2_SEQ_LM if model.config.is_encoder_decoder else TaskType.CAUSAL_LM,
        # GPT-2 keeps its linear layers transposed; peft warns unless it is told.
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),
    )


def _check_targets(model: nn.Module, targets: list[str]) -> None:
    names = layer_names(model)
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name, _ in model.named_modules()):
            raise ModelError(
                f"adapter.target_modules: no layer of this model is called `{target}`.{did_you_mean(target, names)} "
                f"It has: {', '.join(names)}."
            )


def layer_names(model: nn.Module) -> list[str]:
    """The last part of the name of every layer with weights of its own."""
    with_weights = (name for name, module in model.named_modules() if list(module.parameters(recurse=False)))
    return sorted({name.rsplit(".", 1)[-1] for name in with_weights} - {""})


def _tied_layer(model: PeftModel) -> str | None:
    """The first adapted layer whose weights are another layer's too: a merged update would change both."""
    owners = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    for name, module in model.named_modules():
        base = module.get_base_layer() if isinstance(module, LoraLayer) else None
        if base is not None and any(owners[id(p)] > 1 for p in base.parameters(recurse=False)):
            return name.rsplit(".", 1)[-1]
    return None


def merge(model: PeftModel) -> nn.Module:
    """The base with the update added to its weights.

    A quantized base is turned into floats first, and they are kept: added to the weights as they were before they were
    quantized, the update would correct an error that is not there, and quantized again it would mostly be rounded away.

    Raises:
        ModelError: the update belongs to one of several layers that share their weights.
    """
    tied = _tied_layer(model)
    if tied is not None:
        raise ModelError(
            f"This adapter changes `{tied}`, which shares its weights with another layer, so it cannot be merged into "
            "its base. Use it as it is, or tune the base itself."
        )
    with quiet():
        return (_in_floats(model) if quantized_layers(model) else model).merge_and_unload()


def _in_floats(model: PeftModel) -> PeftModel:
    """The same adapter on its base in float32."""
    config = copy.deepcopy(model.active_peft_config)
    state = get_peft_model_state_dict(model, adapter_name=model.active_adapter, save_embedding_layers=False)
    adapted = get_peft_model(dequantize(model.unload()), config, autocast_adapter_dtype=False)
    set_peft_model_state_dict(adapted, state)
    return adapted.eval()
