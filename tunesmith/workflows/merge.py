"""Merging an adapter into its base, and measuring what that changes."""

from __future__ import annotations

import gc
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tunesmith.errors import UsageError
from tunesmith.files import read_json
from tunesmith.model import adapters
from tunesmith.model.load import LoadedModel, adapter_folder, load_model, save_model
from tunesmith.model.probe import probe_logits
from tunesmith.model.quantize import quantized_as
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import ModelSection
from tunesmith.workflows.opening import explained_memory, num_parameters
from tunesmith.workflows.saving import written_whole


@dataclass(frozen=True)
class Merged:
    """What was written, and how its logits differ from those of the adapter on its base.

    Attributes:
        model: the folder.
        num_parameters: of the merged model.
        max_difference: largest difference of a logit.
        share_of_effect: size (root of the sum of squares) of the differences, as a share of what the adapter changes.
        requantized: how the weights were quantized once more, and the same two figures after it.
    """

    model: str
    num_parameters: int
    max_difference: float
    share_of_effect: float
    requantized: str | None = None
    requantized_max_difference: float | None = None
    requantized_share_of_effect: float | None = None


def merge_adapter(
    target: str, output: Path, *, requantize: bool = False, console: Progress = SilentProgress()
) -> dict[str, Any]:
    """Write the base of an adapter (or of a run) with the adapter's update in its weights, as a whole model.

    The weights of a quantized base are kept in floating point: ``requantize`` quantizes them again as they were, which
    rounds most of a small update away.

    Raises:
        UsageError: there is no adapter to merge, nothing to quantize again, or something in the output folder.
        ModelError: there is no model, an adapter of this kind cannot be merged, or it does not fit.
        ResourceError: the output cannot be written.
    """
    folder = adapter_folder(target)
    if folder is None:
        raise UsageError(f"{target}: no adapter, but a whole model already. Use it as it is.")
    quantization = adapters.base_of(folder).quantization
    if requantize and quantization is None:
        raise UsageError("--requantize: the base of this adapter is not quantized. Leave it out.")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output}: already there, and not overwritten. Name another folder.")
    console.say(f"Loading {target}")
    with explained_memory():
        return asdict(_merge(target, folder, output, requantize, console))


def _merge(target: str, folder: Path, output: Path, requantize: bool, console: Progress) -> Merged:
    loaded = load_model(ModelSection(name_or_path=target))
    quantization = quantized_as(loaded.model)
    live = probe_logits(loaded)
    base = probe_logits(loaded, model=adapters.without(loaded.model))
    adapters.use(loaded.model, adapters.names(loaded.model)[0])
    merged = LoadedModel(adapters.merge(loaded.model), loaded.tokenizer, loaded.kind, target)
    after, effect = probe_logits(merged), (live - base).norm().item()
    total = num_parameters(merged.model)[0]
    facts = {"max_difference": _largest(after - live), "share_of_effect": _share(after - live, effect)}
    with written_whole(output, "Free space, or name another folder.") as staging:
        save_model(merged.model, merged.tokenizer, staging, stop_token_ids=_stop_token_ids(folder))
        if requantize:
            console.say(f"Quantizing again ({quantization})")
            del merged, loaded
            gc.collect()
            again = load_model(ModelSection(name_or_path=str(staging)), quantization=quantization)
            lost = probe_logits(again) - live
            facts |= {"requantized": quantization, "requantized_max_difference": _largest(lost)}
            facts["requantized_share_of_effect"] = _share(lost, effect)
            shutil.rmtree(staging)
            save_model(again.model, again.tokenizer, staging, stop_token_ids=_stop_token_ids(folder))
    return Merged(str(output), total, **facts)


def _largest(difference: torch.Tensor) -> float:
    return difference.abs().max().item()


def _share(difference: torch.Tensor, effect: float) -> float:
    return difference.norm().item() / effect if effect else 0.0


def _stop_token_ids(folder: Path) -> list[int] | None:
    """What ends an answer, as it was saved with the adapter; None where another program saved it."""
    path = folder / "generation_config.json"
    ids = read_json(path).get("eos_token_id") if path.is_file() else None
    return [ids] if isinstance(ids, int) else ids
