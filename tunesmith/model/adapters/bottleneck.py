"""Bottleneck adapter layers: Houlsby et al. 2019 and Pfeiffer et al. 2021, on blocks built like GPT-2's, Llama's and T5's.

An adapter maps the width d of the model down to m and up again: U·act(D·h + a) + b, 2·m·d + m + d weights. U and b begin at
zero, D as Houlsby's at a normal of deviation 0.01 cut off at two of them, so a fresh adapter adds exactly nothing.

    houlsby   s ← s + adapter(s)       behind self-attention and behind the feed-forward layer, before the residual is added;
                                       the norms of the block are trained too
    pfeiffer  s ← s + adapter(s + x)   behind the feed-forward layer, where x is the residual

Pfeiffer et al. feed the adapter with the sum that the next norm of their post-norm model reads; in a pre-norm block
there is no norm at that place. A decoder's cross-attention has no adapter, as it has none in the papers' encoders.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tunesmith.errors import ModelError
from tunesmith.model.adapters.saved import CONFIG_FILE, WEIGHTS_FILE, read_config
from tunesmith.recipe import BottleneckSection

PEFT_TYPE = "BOTTLENECK"
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "tanh": torch.tanh,
}
SETTINGS = ("variant", "bottleneck_size", "activation")


@dataclass(frozen=True)
class Layout:
    """How a family builds its blocks: names of self-attention, feed-forward layer and norms within one.

    ``before`` is the norm whose input is the residual of the feed-forward layer. A block is one that has all of these and no
    norm besides, so that a family with others (behind its layers, say) is not taken for one of these.
    """

    attention: str
    feed_forward: str
    before: str
    norms: tuple[str, ...]


LAYOUTS = (
    Layout("attn", "mlp", "ln_2", ("ln_1", "ln_2")),  # GPT-2
    Layout("self_attn", "mlp", "post_attention_layernorm", ("input_layernorm", "post_attention_layernorm")),  # Llama
    Layout("layer.0.SelfAttention", "layer.1.DenseReluDense", "layer.1.layer_norm",
           ("layer.0.layer_norm", "layer.1.layer_norm")),  # T5's encoder
    Layout("layer.0.SelfAttention", "layer.2.DenseReluDense", "layer.2.layer_norm",
           ("layer.0.layer_norm", "layer.1.layer_norm", "layer.2.layer_norm")),  # T5's decoder
)  # fmt: skip


class Bottleneck(nn.Module):
    """Down to the bottleneck, and up to the width of the model: what is added to a hidden state."""

    def __init__(self, width: int, size: int, activation: str):
        super().__init__()
        self.down, self.up = nn.Linear(width, size), nn.Linear(size, width)
        self.activation = ACTIVATIONS[activation]
        nn.init.trunc_normal_(self.down.weight, std=0.01, a=-0.02, b=0.02)
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, width) → (…, width)."""
        return self.up(self.activation(self.down(hidden)))


class BottleneckModel(nn.Module):
    """A model with adapters in its blocks, which work by hooks: the base and the names of its weights stay as they are.

    What is not the adapters' is the base's: its config, ``generate`` and all else. ``adapters`` may hold several by name, of
    which the ``active`` one works, or none.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.base_model = model.requires_grad_(False)
        self.adapters = nn.ModuleDict()
        self.settings: dict[str, dict[str, Any]] = {}
        self.active: str | None = None
        self._residuals: dict[str, torch.Tensor] = {}
        for path, layout in _blocks(model):
            self._hook_block(model.get_submodule(path), path, layout)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "base_model":  # not there yet
                raise
            return getattr(self.base_model, name)

    def forward(self, *args, **inputs) -> Any:
        """As the base's."""
        return self.base_model(*args, **inputs)

    def get_base_model(self) -> nn.Module:
        """The model inside."""
        return self.base_model

    def add(self, name: str, settings: dict[str, Any]) -> None:
        """Put a fresh adapter into every block, and let it work."""
        parts = nn.ModuleDict()
        for path, layout in _blocks(self.base_model):
            block = self.base_model.get_submodule(path)
            places = [layout.feed_forward]
            if settings["variant"] == "houlsby":
                places.append(layout.attention)
                for norm in layout.norms:
                    parts[_key(f"{path}.{norm}")] = _own_copy(block.get_submodule(norm))
            for place in places:
                adapter = Bottleneck(self.config.hidden_size, settings["bottleneck_size"], settings["activation"])
                parts[_key(f"{path}.{place}")] = adapter.to(self.device)
        self.adapters[name], self.settings[name], self.active = parts.train(self.training), settings, name

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the active adapter, as peft writes others: adapter_config.json and adapter_model.safetensors."""
        config = {"peft_type": PEFT_TYPE, "base_model_name_or_path": self.base_model.name_or_path}
        config |= self.settings[self.active]
        (Path(folder) / CONFIG_FILE).write_text(json.dumps(config), "utf-8")
        save_file(self._state(self.active), Path(folder) / WEIGHTS_FILE, metadata={"format": "pt"})

    def load(self, folder: Path, name: str) -> None:
        """Add a saved adapter under a name, and let it work.

        Raises:
            ModelError: a weight is missing, unknown or of another shape.
        """
        config = read_config(folder)
        saved = load_file(folder / WEIGHTS_FILE)
        self.add(name, {setting: config[setting] for setting in SETTINGS})
        wanted = self._state(name)
        wrong = sorted(key for key in {*wanted, *saved} if _shape(wanted, key) != _shape(saved, key))
        if wrong:
            raise ModelError(f"{len(wrong)} weights are missing, unknown or of another shape, first {wrong[0]}")
        with torch.no_grad():
            for key, tensor in wanted.items():
                tensor.copy_(saved[key])

    def _state(self, name: str) -> dict[str, torch.Tensor]:
        """The weights of an adapter, named by the layer they stand behind."""
        return {_name(key): tensor for key, tensor in self.adapters[name].state_dict().items()}

    def _part(self, key: str) -> nn.Module | None:
        """What the active adapter has at a place."""
        parts = self.adapters[self.active] if self.active is not None else {}
        return parts[key] if key in parts else None  # noqa: SIM401  (a ModuleDict has no get)

    def _hook_block(self, block: nn.Module, path: str, layout: Layout) -> None:
        def remember_residual(_module, args):
            self._residuals[path] = args[0]

        def after_attention(_module, _args, output):
            return _with_first(output, lambda hidden: self._added(_key(f"{path}.{layout.attention}"), hidden, hidden))

        def after_feed_forward(_module, _args, output):
            residual = self._residuals.pop(path)
            return _with_first(output, lambda hidden: self._after_feed_forward(path, layout, hidden, residual))

        def instead_of_norm(norm):
            key = _key(f"{path}.{norm}")
            return lambda _module, args, output: output if self._part(key) is None else self._part(key)(*args)

        block.get_submodule(layout.before).register_forward_pre_hook(remember_residual)
        block.get_submodule(layout.attention).register_forward_hook(after_attention)
        block.get_submodule(layout.feed_forward).register_forward_hook(after_feed_forward)
        for norm in layout.norms:
            block.get_submodule(norm).register_forward_hook(instead_of_norm(norm))

    def _after_feed_forward(self, path: str, layout: Layout, hidden: torch.Tensor, residual: torch.Tensor):
        is_pfeiffer = self.active is not None and self.settings[self.active]["variant"] == "pfeiffer"
        read = hidden + residual if is_pfeiffer else hidden
        return self._added(_key(f"{path}.{layout.feed_forward}"), hidden, read)

    def _added(self, key: str, hidden: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        adapter = self._part(key)
        return hidden if adapter is None else hidden + adapter(read)


def _own_copy(norm: nn.Module) -> nn.Module:
    """A norm that begins as the base's, and is trained."""
    copied = copy.deepcopy(norm).requires_grad_(True)
    copied._forward_hooks.clear()
    copied._forward_pre_hooks.clear()
    return copied


def attach(model: nn.Module, section: BottleneckSection) -> BottleneckModel:
    """The model with a fresh adapter in every block.

    Raises:
        ModelError: its blocks are built in none of the known ways.
    """
    adapted = wrap(model)
    size = section.bottleneck_size or max(1, int(model.config.hidden_size / section.reduction_factor))
    adapted.add("default", {"variant": section.variant, "bottleneck_size": size, "activation": section.activation})
    return adapted


def wrap(model: nn.Module) -> BottleneckModel:
    """The model with room for adapters in its blocks. Raises `ModelError` where it has none that are known."""
    if not _blocks(model):
        raise ModelError(
            f"adapter.method: bottleneck knows the blocks of GPT-2-, Llama- and T5-like models, and {type(model).__name__} is "
            "built otherwise. Set adapter.method: lora."
        )
    return BottleneckModel(model)


def _blocks(model: nn.Module) -> list[tuple[str, Layout]]:
    """Path and layout of every block; none where a layer of the stack is not understood."""
    found = []
    for path, stack in model.named_modules():
        if not isinstance(stack, nn.ModuleList) or not any(
            _has(block, "mlp") or _has(block, "layer") for block in stack
        ):
            continue
        layouts = [next((layout for layout in LAYOUTS if _is_built_so(block, layout)), None) for block in stack]
        if None in layouts:
            return []
        found += [(f"{path}.{number}", layout) for number, layout in enumerate(layouts)]
    return found


def _is_built_so(block: nn.Module, layout: Layout) -> bool:
    names = (layout.attention, layout.feed_forward, *layout.norms)
    norms = [name for name, module in block.named_modules() if _is_norm(module) and not _is_within(name, names)]
    return all(_has(block, name) for name in names) and not norms


def _is_within(name: str, names: tuple[str, ...]) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in names)


def _is_norm(module: nn.Module) -> bool:
    return type(module).__name__.endswith("Norm")


def _has(block: nn.Module, name: str) -> bool:
    try:
        return isinstance(block.get_submodule(name), nn.Module)
    except AttributeError:
        return False


def _key(path: str) -> str:
    return path.replace(".", "/")  # a ModuleDict takes no dots


def _name(key: str) -> str:
    return key.replace("/", ".")


def _shape(tensors: dict[str, torch.Tensor], key: str) -> torch.Size | None:
    return tensors[key].shape if key in tensors else None


def _with_first(output: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The output with its first tensor changed: attention gives back a tuple in most models."""
    return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)
