"""Tuning methods: the only place that knows them apart.

Everything else calls `attach` before training, and `save`, `load` and `merge` after it, and asks nothing about the method.
Several adapters of one base can be loaded together (`load`, then `add`), and `use` chooses the one that works.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peft import PeftModel, load_peft_weights
from peft.utils.save_and_load import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from torch import nn

from tunesmith.errors import ModelError, did_you_mean
from tunesmith.model.adapters import bottleneck, low_rank, virtual
from tunesmith.model.adapters.bottleneck import BottleneckModel
from tunesmith.model.adapters.quiet import quiet
from tunesmith.model.adapters.saved import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Base,
    base_of,
    check_base,
    is_adapter,
    read_config,
    write_notes,
)
from tunesmith.model.adapters.virtual import num_prepended_logits, num_virtual_tokens
from tunesmith.model.quantize import quantized_as, quantized_layers
from tunesmith.recipe import (
    AdapterSection,
    BottleneckSection,
    FullSection,
    LowRank,
    PrefixSection,
    PromptSection,
)

__all__ = [
    "CONFIG_FILE", "Base", "add", "attach", "base_of", "check_base", "is_adapter", "load", "merge", "names",
    "num_prepended_logits", "num_virtual_tokens", "rank", "save", "use", "without",
]  # fmt: skip

Adapted = PeftModel | BottleneckModel
BASE = "base"
"""What `use` calls the base without any adapter."""
MISFITS = (OSError, ValueError, KeyError, TypeError, RuntimeError, IndexError, SafetensorError, ModelError)
"""What peft, safetensors and we raise where a saved adapter and a base do not belong together."""


def attach(model: nn.Module, section: AdapterSection, *, new_token_ids: Sequence[int] = ()) -> nn.Module:
    """The model with what the method trains, and only that, set to require gradients.

    ``new_token_ids`` are rows that were appended to the embeddings, and are trained beside the method's own weights.

    Raises:
        ModelError: the method finds nothing to adapt, a layer it cannot, or cannot keep new tokens.
    """
    if isinstance(section, LowRank):
        return low_rank.attach(model, section, new_token_ids)
    if new_token_ids and not isinstance(section, FullSection):
        raise ModelError(
            f"model.add_tokens: {section.method} trains and saves no embeddings, so new tokens would mean nothing. "
            "Set adapter.method: lora or full."
        )
    if isinstance(section, PrefixSection):
        return virtual.attach_prefix(model, section)
    if isinstance(section, PromptSection):
        return virtual.attach_prompt(model, section)
    if isinstance(section, BottleneckSection):
        return bottleneck.attach(model, section)
    if quantized_layers(model):
        raise ModelError("adapter.method: full cannot train quantized weights. Set adapter.method: qlora.")
    return model.requires_grad_(True)


def save(model: Adapted, folder: Path) -> None:
    """Write the adapter that works, and which base it belongs to."""
    kept = {"save_embedding_layers": False} if isinstance(model, PeftModel) else {}
    with quiet():
        model.save_pretrained(folder, **kept)
    write_notes(folder, quantized_as(model))


def load(model: nn.Module, folder: Path, name: str = "default") -> Adapted:
    """Put a saved adapter on its base, strictly: a missing, unexpected or misshapen weight is a `ModelError`.

    peft itself only warns, and an adapter with the wrong names then does nothing at all.
    """
    try:
        with quiet():
            if read_config(folder).get("peft_type") == bottleneck.PEFT_TYPE:
                adapted: Adapted = bottleneck.wrap(model)
                adapted.load(folder, name)
            else:
                adapted = PeftModel.from_pretrained(model, str(folder), name, autocast_adapter_dtype=False)
                _check_weights(adapted, folder, name)
    except MISFITS as error:
        raise ModelError(_does_not_fit(folder, error)) from error
    return adapted.eval()


def _does_not_fit(folder: Path, error: Exception) -> str:
    if isinstance(error, SafetensorError) or not (folder / WEIGHTS_FILE).is_file():
        what = f"is damaged ({error})" if isinstance(error, SafetensorError) else "is missing"
        return f"{folder / WEIGHTS_FILE}: {what}. Copy the adapter again."
    return f"{folder}: the adapter does not fit its base model {base_of(folder).name_or_path}: {' '.join(str(error).split())[:200]}"


def _check_weights(model: PeftModel, folder: Path, name: str) -> None:
    """Compare names and shapes with what the adapter should have. Raises `ModelError`."""
    saved = load_peft_weights(str(folder), device="cpu")
    wanted = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
    embeddings = {
        key for key in set(saved) - set(wanted) if key in model.state_dict()
    }  # another program saves them whole
    wrong = sorted(key for key in {*wanted, *saved} - embeddings if _shape(wanted, key) != _shape(saved, key))
    if wrong:
        raise ModelError(
            f"{len(wrong)} adapter weights are missing or unknown, first {wrong[0]}, so it would do nothing or only a part"
        )
    set_peft_model_state_dict(model, saved, adapter_name=name)


def _shape(tensors, key: str):
    return tensors[key].shape if key in tensors else None


def add(model: Adapted, folder: Path, name: str) -> None:
    """Load another adapter of the same base under a name, and let it work.

    Raises:
        ModelError: the name is taken, the adapter is of another kind, or does not fit.
    """
    kind = read_config(folder).get("peft_type")
    here = bottleneck.PEFT_TYPE if isinstance(model, BottleneckModel) else model.active_peft_config.peft_type.value
    if name in (BASE, *names(model)):
        raise ModelError(f"{folder}: there is an adapter called `{name}` already. Choose another name.")
    if kind != here:
        raise ModelError(
            f"{folder}: {str(kind).lower()} and {here.lower()} adapters cannot share a base. Load it alone."
        )
    try:
        with quiet():
            if isinstance(model, BottleneckModel):
                model.load(folder, name)
            else:
                model.load_adapter(str(folder), name, autocast_adapter_dtype=False)
                _check_weights(model, folder, name)
    except MISFITS as error:
        raise ModelError(_does_not_fit(folder, error)) from error
    use(model, name)
    model.eval()


def names(model: nn.Module) -> list[str]:
    """Of the adapters that are loaded."""
    if isinstance(model, BottleneckModel):
        return list(model.adapters)
    return list(model.peft_config) if isinstance(model, PeftModel) else []


def rank(model: nn.Module) -> int | None:
    """Of the low-rank adapter that works; None where there is none, or one of another kind."""
    return getattr(model.active_peft_config, "r", None) if isinstance(model, PeftModel) else None


def use(model: nn.Module, name: str) -> None:
    """Let one of the loaded adapters work. Raises `ModelError` where none is called so."""
    if name not in names(model):
        raise ModelError(
            f"No adapter is called `{name}`.{did_you_mean(name, names(model))} There are: {', '.join(names(model)) or 'none'}."
        )
    if isinstance(model, BottleneckModel):
        model.active = name
    else:
        if not model.active_peft_config.is_prompt_learning:
            model.base_model.enable_adapter_layers()
        model.set_adapter(name, inference_mode=not model.training)


def without(model: Adapted) -> nn.Module:
    """The base as it answers without any adapter, until `use` lets one work again."""
    if isinstance(model, BottleneckModel):
        model.active = None
    elif not model.active_peft_config.is_prompt_learning:
        model.base_model.disable_adapter_layers()
    return model.get_base_model()


def merge(model: nn.Module) -> nn.Module:
    """The base with the adapter's update added to its weights; a model without an adapter as it is.

    Raises:
        ModelError: the method changes no weights that an update could be added to.
    """
    if isinstance(model, BottleneckModel):
        raise ModelError(
            "A bottleneck adapter cannot be merged: its activation makes another function than any matrix does. "
            "Use it as it is."
        )
    if not isinstance(model, PeftModel):
        return model
    if model.active_peft_config.is_prompt_learning:
        raise ModelError(
            "Prefix and prompt tuning cannot be merged: they stand beside the input and change no weight. Use them as they are."
        )
    return low_rank.merge(model)
