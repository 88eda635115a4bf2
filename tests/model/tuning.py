"""Every tuning method on tiny models: sections to parametrize tests with, and a few steps of training."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tests.training.rows import batch_of, random_examples
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.load import LoadedModel, load_model
from tunesmith.recipe import (
    AdapterSection,
    BottleneckSection,
    FullSection,
    Lora8bitSection,
    LoraSection,
    ModelSection,
    PrefixSection,
    PromptSection,
    QloraSection,
)

METHODS: dict[str, AdapterSection] = {
    "full": FullSection(),
    "lora": LoraSection(method="lora", r=4),
    "rslora": LoraSection(method="lora", r=4, use_rslora=True),
    "dora": LoraSection(method="lora", r=4, use_dora=True),
    "qlora": QloraSection(method="qlora", r=4),
    "qdora": QloraSection(method="qlora", r=4, use_dora=True),
    "lora-8bit": Lora8bitSection(method="lora-8bit", r=4),
    "prefix": PrefixSection(method="prefix", num_virtual_tokens=5),
    "prompt": PromptSection(method="prompt", num_virtual_tokens=5),
    "pfeiffer": BottleneckSection(method="bottleneck", reduction_factor=4),
    "houlsby": BottleneckSection(method="bottleneck", variant="houlsby", bottleneck_size=3),
}
MAIN = tuple(name for name in METHODS if name not in ("rslora", "qdora"))  # which are a factor, and two others in one
VIRTUAL = ("prefix", "prompt")
LOW_RANK = ("lora", "rslora", "dora", "qlora", "qdora", "lora-8bit")
IN_PEFT = (*LOW_RANK, *VIRTUAL)


def open_for(folder: Path, method: str) -> LoadedModel:
    """The base of a method, held as the method needs it."""
    return load_model(ModelSection(name_or_path=str(folder)), quantization=METHODS[method].quantization)


def attached(loaded: LoadedModel, method: str, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return adapters.attach(loaded.model, METHODS[method])


def logits(loaded: LoadedModel, model: nn.Module | None = None) -> torch.Tensor:
    """At the supervised positions of a padded batch."""
    with torch.no_grad():
        return Forward(model or loaded.model).supervised_logits(batch_of(loaded, random_examples(loaded.kind)))


def train_steps(loaded: LoadedModel, model: nn.Module, num_steps: int = 3) -> list[dict[str, torch.Tensor | None]]:
    """Take AdamW steps; the gradient of every trainable weight at each of them. The model is left in eval mode."""
    batch, forward = batch_of(loaded, random_examples(loaded.kind)), Forward(model)
    weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-2, weight_decay=0.0)
    gradients = []
    forward.train()
    for _ in range(num_steps):
        optimizer.zero_grad()
        (-forward(batch).mean()).backward()
        gradients.append({name: None if p.grad is None else p.grad.clone() for name, p in weights.items()})
        optimizer.step()
    forward.eval()
    return gradients


def trained(folder: Path, method: str) -> tuple[LoadedModel, nn.Module]:
    """A base and a model whose adapter does something."""
    loaded = open_for(folder, method)
    model = attached(loaded, method)
    train_steps(loaded, model)
    return loaded, model
