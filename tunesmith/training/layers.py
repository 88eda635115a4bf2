"""What a recipe does to the layers of a model before it learns: freeze some, compute them a second time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from tunesmith.errors import TrainingError, did_you_mean
from tunesmith.model.forward import base_model


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Let the weights stay as they are that a pattern names.

    A pattern stands for parts of a weight's name between dots, one after another: ``layers.0`` for all of
    ``model.layers.0.mlp.up_proj.weight`` and its like, ``layers.[0-5]``, ``*norm*``. A weight that two layers share is frozen
    by either name.

    Raises `TrainingError` where a pattern names no weight, or nothing is left to train.
    """
    named = list(model.named_parameters(remove_duplicate=False))
    for pattern in patterns:
        found = [parameter for name, parameter in named if _names(pattern, name)]
        if not found:
            raise TrainingError(
                f"train.freeze: no weight of this model is called `{pattern}`.{_nearest(pattern, model)} It has "
                f"{', '.join(_parts(model)[:12])} …"
            )
        for parameter in found:
            parameter.requires_grad_(False)
    if patterns and not any(parameter.requires_grad for _, parameter in named):
        raise TrainingError("train.freeze: freezes every weight that would be trained. Leave some out of it.")


def _names(pattern: str, name: str) -> bool:
    return fnmatchcase(f".{name}.", f"*.{pattern}.*")


def _parts(model: nn.Module) -> list[str]:
    """The last part of the name of each layer, without numbers, in order."""
    parts = [name.rsplit(".", 1)[-1] for name, _ in model.named_modules()]
    return list(dict.fromkeys(part for part in parts if part and not part.isdigit()))


def _nearest(pattern: str, model: nn.Module) -> str:
    paths = [name.split(".") for name, _ in model.named_modules()]
    size = pattern.count(".") + 1
    runs = {".".join(path[start : start + size]) for path in paths for start in range(len(path) - size + 1)}
    return did_you_mean(pattern, sorted(runs))


def recompute_layers(model: nn.Module) -> None:
    """Keep of each layer what goes into it, and compute the rest a second time for the gradient (Chen et al. 2016).

    Raises `TrainingError` where the model's maker has not provided for it.
    """
    base = base_model(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            base.gradient_checkpointing_enable({"use_reentrant": False})
    except ValueError as error:
        raise TrainingError(
            f"train.gradient_checkpointing: {type(base).__name__} has no layers that can be computed again. Leave it out."
        ) from error
