"""Tuning methods: the only place that knows them apart.

Everything else calls `attach` before training, `save`, `load` and `merge` after it, and asks nothing about the method.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft import LoraConfig, PeftModel, TaskType, get_peft_model, load_peft_weights
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.save_and_load import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from torch import nn

from tunesmith.errors import ModelError, did_you_mean
from tunesmith.recipe import AdapterSection, FullSection, LoraSection

CONFIG_FILE = "adapter_config.json"


def attach(model: nn.Module, section: AdapterSection) -> nn.Module:
    """The model with what the method trains, and only that, set to require gradients.

    Raises `ModelError` when the method finds nothing to adapt, or a layer it cannot.
    """
    if isinstance(section, FullSection):
        return model.requires_grad_(True)
    config, names = _lora_config(model, section), _layer_names(model)
    try:
        with _quiet():
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
    return adapted


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep peft's warnings off the screen: what they warn of is checked here, and is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _lora_config(model: nn.Module, section: LoraSection) -> LoraConfig:
    targets = section.target_modules if isinstance(section.target_modules, str) else list(section.target_modules)
    if isinstance(targets, str) and targets != "all-linear":
        targets = [targets]
    if targets != "all-linear":
        _check_targets(model, targets)
    return LoraConfig(
        r=section.r,
        lora_alpha=section.lora_alpha,
        lora_dropout=section.lora_dropout,
        target_modules=targets,
        task_type=TaskType.SEQ_2_SEQ_LM if model.config.is_encoder_decoder else TaskType.CAUSAL_LM,
        # GPT-2 keeps its linear layers transposed; peft warns unless it is told.
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),
    )


def _check_targets(model: nn.Module, targets: list[str]) -> None:
    names = _layer_names(model)
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name, _ in model.named_modules()):
            raise ModelError(
                f"adapter.target_modules: no layer of this model is called `{target}`.{did_you_mean(target, names)} "
                f"It has: {', '.join(names)}."
            )


def _tied_layer(model: PeftModel) -> str | None:
    """The first adapted layer whose weights are another layer's too: a merged update would change both."""
    owners = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    for name, module in model.named_modules():
        base = module.get_base_layer() if isinstance(module, BaseTunerLayer) else None
        if base is not None and any(owners[id(p)] > 1 for p in base.parameters(recurse=False)):
            return name.rsplit(".", 1)[-1]
    return None


def _layer_names(model: nn.Module) -> list[str]:
    """The last part of the name of every layer with weights of its own."""
    with_weights = (name for name, module in model.named_modules() if list(module.parameters(recurse=False)))
    return sorted({name.rsplit(".", 1)[-1] for name in with_weights} - {""})


def sort_config(folder: Path) -> None:
    """Put the layer names of a saved adapter's config in order: peft keeps a set, and equal runs should give equal files."""
    path = folder / CONFIG_FILE
    config = json.loads(path.read_text("utf-8"))
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def base_of(folder: Path) -> str:
    """The model an adapter folder belongs to."""
    try:
        base = json.loads((folder / CONFIG_FILE).read_text("utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CONFIG_FILE}: cannot be read ({error}). Copy the adapter again.") from error
    if not base:
        raise ModelError(
            f"{folder / CONFIG_FILE}: does not say what its base model is. Set base_model_name_or_path in it."
        )
    return base


def load(model: nn.Module, folder: Path) -> PeftModel:
    """Put a saved adapter on its base, strictly: a missing, unexpected or misshapen weight is a `ModelError`.

    peft itself only warns, and an adapter with the wrong names then does nothing at all.
    """
    try:
        with _quiet():
            adapted = PeftModel.from_pretrained(model, str(folder), autocast_adapter_dtype=False)
        saved = load_peft_weights(str(folder), device="cpu")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(f"{folder}: the adapter does not fit its base model {base_of(folder)}: {text}") from error
    with _quiet():
        wanted = get_peft_model_state_dict(adapted)
    wrong = sorted(set(wanted) ^ set(saved))
    if wrong:
        raise ModelError(
            f"{folder}: {len(wrong)} adapter weights are missing or unknown, first {wrong[0]}, so it would do nothing or "
            f"only a part. Is its base really {base_of(folder)}?"
        )
    set_peft_model_state_dict(adapted, saved)
    return adapted.eval()


def merge(model: nn.Module) -> nn.Module:
    """The base with the adapter's update added to its weights; a model without an adapter as it is.

    Raises `ModelError` where the update belongs to one of several layers that share their weights.
    """
    if not isinstance(model, PeftModel):
        return model
    tied = _tied_layer(model)
    if tied is not None:
        raise ModelError(
            f"This adapter changes `{tied}`, which shares its weights with another layer, so it cannot be merged into "
            "its base. Use it as it is, or tune the base itself."
        )
    return model.merge_and_unload()
