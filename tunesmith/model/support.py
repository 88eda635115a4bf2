"""What each tuning method can do on each architecture: one table, asked when a model is opened and nowhere else.

What one model cannot do is found out by the probe; the two together are its `Capabilities`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from transformers import PreTrainedConfig

from tunesmith.errors import ModelError
from tunesmith.model.load import LoadedModel, context_length
from tunesmith.model.probe import Capabilities, has_windowed_layers
from tunesmith.recipe import AdapterSection, PrefixSection, PromptSection

Architecture = Literal["decoder", "windowed decoder", "encoder-decoder"]
"""A windowed decoder has layers that see a window only, or keep a state instead of keys and values."""

Answer = Literal["yes", "bucketed", "refused"]
"""``bucketed``: rows or prompts of like length go together instead."""


@dataclass(frozen=True)
class Support:
    """Whether the method works at all, whether documents may share a row, activations may be computed anew instead of kept,
    and prompts of several lengths may be answered together.
    """

    training: Answer = "yes"
    packing: Answer = "yes"
    gradient_checkpointing: Answer = "yes"
    batched_generation: Answer = "yes"


BUCKETED = Support(packing="bucketed")
IN_THE_MODEL = {"decoder": Support(), "windowed decoder": BUCKETED, "encoder-decoder": BUCKETED}
"""Of methods that change what the layers compute, and neither the length of a row nor its cache."""

TABLE: dict[str, dict[Architecture, Support]] = {
    "full": IN_THE_MODEL,
    "lora": IN_THE_MODEL,
    "qlora": IN_THE_MODEL,
    "lora-8bit": IN_THE_MODEL,
    "bottleneck": IN_THE_MODEL,
    # The prefix is a cache, which checkpointing drops, and each packed document would need one of its own.
    "prefix": {
        "decoder": Support(packing="bucketed", gradient_checkpointing="refused"),
        "windowed decoder": Support(training="refused"),
        "encoder-decoder": Support(packing="bucketed", gradient_checkpointing="refused"),
    },
    # Padding on the left would come between the prompt and the text it belongs to.
    "prompt": {
        "decoder": Support(packing="bucketed", batched_generation="bucketed"),
        "windowed decoder": Support(packing="bucketed", batched_generation="bucketed"),
        "encoder-decoder": BUCKETED,
    },
}


def architecture_of(loaded: LoadedModel) -> Architecture:
    """Which column of the table a model belongs to."""
    if loaded.kind == "seq2seq":
        return "encoder-decoder"
    return "windowed decoder" if has_windowed_layers(loaded.config) else "decoder"


def capabilities_with(section: AdapterSection, loaded: LoadedModel, found: Capabilities) -> Capabilities:
    """What the model can do once the method is attached to it. Raises `ModelError` where it cannot be."""
    architecture = architecture_of(loaded)
    support = TABLE[section.method][architecture]
    if support.training == "refused":
        raise ModelError(
            f"adapter.method: {section.method} does not work on a {architecture} such as {type(loaded.model).__name__}. "
            "Set adapter.method: lora."
        )
    can_pack = found.can_pack and support.packing == "yes"
    can_batch = found.can_batch_prompts and support.batched_generation == "yes"
    return replace(found, can_pack=can_pack, can_batch_prompts=can_batch, flattens=found.flattens and can_pack)


def room_for_text(section: AdapterSection, config: PreTrainedConfig, name: str) -> int | None:
    """Most tokens of a text that the model called ``name`` takes beside what the method puts in front of every row, or None
    where it has no limit. Raises `ModelError` where no room is left."""
    length, num = context_length(config), _num_in_front(section)
    if length is None:
        return None
    if num >= length:
        raise ModelError(
            f"adapter.num_virtual_tokens: {num} leave no room for text in the {length} tokens of {name}. Lower it."
        )
    return length - num


def reserving(section: AdapterSection, loaded: LoadedModel) -> LoadedModel:
    """The model with that room kept (see `room_for_text`)."""
    room_for_text(section, loaded.config, loaded.name_or_path)
    return replace(loaded, num_reserved_tokens=_num_in_front(section))


def _num_in_front(section: AdapterSection) -> int:
    return section.num_virtual_tokens if isinstance(section, (PrefixSection, PromptSection)) else 0


def check_gradient_checkpointing(section: AdapterSection, loaded: LoadedModel) -> None:
    """Raises `ModelError` where the method cannot do without the activations."""
    if TABLE[section.method][architecture_of(loaded)].gradient_checkpointing == "refused":
        raise ModelError(
            f"train.gradient_checkpointing: {section.method} tuning works through a cache, which checkpointing drops. "
            "Leave it out, or set adapter.method: prompt."
        )
