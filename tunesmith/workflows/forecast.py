"""What a run will take, before its model is loaded: parameters, memory, time, and what to change where it does not fit.

Nothing about a method, an optimizer or an architecture is written down here. Two random copies of the model with few layers
take real steps on the recipe's own rows, and what they took is carried on, in a straight line, to all the layers.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
)

from tunesmith import hardware
from tunesmith.model import adapters
from tunesmith.model.adapters.tokens import grow
from tunesmith.model.footprint import Footprint
from tunesmith.model.forward import Forward
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import kind_of, load_tokenizer, locate
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import ModelSection, Recipe
from tunesmith.recipe_files import make_recipe
from tunesmith.rendering.collate import Batch
from tunesmith.training.allocator import give_back_freed_memory
from tunesmith.training.loop import num_steps_of
from tunesmith.training.objectives import OBJECTIVES
from tunesmith.training.optim import optimizer_of, optimizer_tensors
from tunesmith.training.order import order_of
from tunesmith.training.passes import accumulate
from tunesmith.training.precision import Weights
from tunesmith.workflows.opening import explained_memory, num_parameters, open_model
from tunesmith.workflows.prepare import Examples, examples_without_weights
from tunesmith.workflows.tune import both_rows, forward_to_train

NUM_TIMES = 5
"""How often a pass is timed; the middle one counts. The least foretold up to 1.4 times the speed measured."""
NUM_STEPS_LOOKED_AT = 200
"""So many steps of the run decide which micro-batch is the heaviest and which a typical one."""
DEPTH_SHARE = 6
"""The deeper of the two copies has this part of the layers; the shallower has one."""
ALLOCATED = {"cpu": 1.2, "cuda": 1.0}
"""Bytes of the device's allocator and kernels for each byte of tensors: measured at 135 M on a CPU (LOG.md), on a GPU not yet."""
WEIGHINGS: tuple[Callable[[Batch], float], ...] = (
    lambda batch: batch.num_tokens,
    lambda batch: batch.input_ids.numel() + batch.targets.numel(),
    lambda batch: batch.attention_mask.sum(1).square().sum().item(),
    lambda batch: batch.num_supervised,
)
"""What may make a micro-batch the heaviest: tokens, tokens with the padding, attention, logits."""
SPARE = 0.9
"""Share of the free memory that a run may be planned to take."""
ALTERNATIVES: tuple[tuple[str, ...], ...] = (
    ("train.precision=bf16",),
    ("train.precision=bf16", "train.gradient_checkpointing=true"),
    ("train.precision=bf16", "adapter.method=lora"),
    ("train.precision=bf16", "train.gradient_checkpointing=true", "adapter.method=lora"),
    ("train.precision=bf16", "train.gradient_checkpointing=true", "adapter.method=qlora"),
)
"""What to change where a run does not fit, the least change first."""


@dataclass(frozen=True)
class Taken:
    """What training takes at some depth: counts of weights, bytes, seconds.

    ``weights_bytes`` are the model and its masters, ``optimizer_bytes`` what the optimizer remembers, ``peak_bytes`` the most
    at once. ``seconds_per_token`` is forward and backward, ``seconds_per_update`` an update of all weights.
    """

    num_parameters: float
    num_trainable: float
    weights_bytes: float
    optimizer_bytes: float
    peak_bytes: float
    seconds_per_token: float
    seconds_per_update: float

    def carried_on(self, other: Taken, share: float) -> Taken:
        """The point of the line from this one (share 0) through the other (share 1)."""
        pairs = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return Taken(*(one + share * (two - one) for one, two in pairs))


@dataclass(frozen=True)
class Plan:
    """What is to be done: steps, tokens over all of them, micro-batches that may be the heaviest, and a typical one."""

    num_steps: int
    num_tokens: int
    heavy: list[Batch]
    typical: Batch


@dataclass(frozen=True)
class Forecast:
    """What a recipe's training will take on this machine, in bytes and seconds.

    ``process_bytes`` is what Python, the data and every library that training needs hold, measured after the trials with
    their models gone. ``changes`` are settings that would make a run fit which does not: none are needed (empty), or none
    of those known are enough (None).
    """

    architecture: str
    method: str
    num_parameters: int
    num_trainable_parameters: int
    weights_bytes: int
    optimizer_bytes: int
    gradients_and_activations_bytes: int
    process_bytes: int
    peak_bytes: int
    free_bytes: int
    num_steps: int
    num_tokens: int
    seconds: float
    tokens_per_second: float
    fits: bool
    changes: tuple[str, ...] | None


def forecast(recipe: Recipe, *, console: Progress = SilentProgress()) -> Forecast:
    """Read the recipe's data, try its training on two shallow copies of its model, and carry the result on.

    Takes as long as a few steps of a model with a sixth of the layers, and no more memory. Raises `ResourceError` where even
    that is too much.
    """
    if recipe.train.freeze:
        console.notice("train.freeze: left out here, so the run will take less than is foretold.")
        recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"freeze": ()})})
    examples, config, *_ = examples_without_weights(recipe, console)
    free_bytes = _free_bytes()
    console.say("Trying a few steps on two shallow random copies of the model")
    taken, plan = _taken(config, examples, recipe)
    give_back_freed_memory()
    process_bytes = hardware.held_memory_bytes()  # with every library that training needs
    seconds = plan.num_tokens * taken.seconds_per_token + plan.num_steps * taken.seconds_per_update
    fits = taken.peak_bytes <= SPARE * free_bytes
    return Forecast(
        architecture=(config.architectures or [config.model_type])[0],
        method=recipe.adapter.method,
        num_parameters=round(taken.num_parameters),
        num_trainable_parameters=round(taken.num_trainable),
        weights_bytes=round(taken.weights_bytes),
        optimizer_bytes=round(taken.optimizer_bytes),
        gradients_and_activations_bytes=round(taken.peak_bytes - taken.weights_bytes - taken.optimizer_bytes),
        process_bytes=process_bytes,
        peak_bytes=process_bytes + round(taken.peak_bytes),
        free_bytes=free_bytes,
        num_steps=plan.num_steps,
        num_tokens=plan.num_tokens,
        seconds=seconds,
        tokens_per_second=plan.num_tokens / seconds,
        fits=fits,
        changes=() if fits else _changes_that_fit(config, examples, recipe, SPARE * free_bytes),
    )


def random_copy(config: PreTrainedConfig, depth: int) -> PreTrainedModel:
    """A model of this architecture with random weights and only ``depth`` layers (of each stack)."""
    config = copy.deepcopy(config)
    full = num_layers(config)
    for name in ("num_hidden_layers", "num_decoder_layers"):
        if getattr(config, name, None):
            setattr(config, name, max(1, round(getattr(config, name) * depth / full)))
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:depth]
    auto = AutoModelForSeq2SeqLM if kind_of(config) == "seq2seq" else AutoModelForCausalLM
    return auto.from_config(config, dtype=torch.float32)


def num_layers(config: PreTrainedConfig) -> int:
    """Layers of the (first) stack."""
    return config.num_hidden_layers


def _taken(config: PreTrainedConfig, examples: Examples, recipe: Recipe) -> tuple[Taken, Plan]:
    """What training takes at full depth, and what is to be done."""
    full = num_layers(config)
    deeper = min(full, 1 + max(1, full // DEPTH_SHARE))
    with explained_memory(), TemporaryDirectory() as folder:
        deep, plan = _tried(_save_copy(config, deeper, recipe.model, Path(folder) / "deep"), examples, recipe)
        if deeper == 1:
            return deep, plan
        one, _ = _tried(_save_copy(config, 1, recipe.model, Path(folder) / "one"), examples, recipe, plan)
    return one.carried_on(deep, (full - 1) / (deeper - 1)), plan


def _save_copy(config: PreTrainedConfig, depth: int, section: ModelSection, folder: Path) -> ModelSection:
    """Write a `random_copy` and the model's tokenizer, and return what stands in a recipe for them.

    The tokens that the recipe adds are added again when the copy is opened, so that their rows are new there too.
    """
    tokenizer, _ = load_tokenizer(section.model_copy(update={"add_tokens": ()}))
    model = random_copy(config, depth)
    if adapters.is_adapter(locate(section.name_or_path)):  # its tokenizer has what was added with it
        grow(model, len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ModelSection(name_or_path=str(folder), add_tokens=section.add_tokens)


def _tried(copied: ModelSection, examples: Examples, recipe: Recipe, plan: Plan | None = None) -> tuple[Taken, Plan]:
    """What training took on that model, opened and trained as a run does it; the plan is made where there is none yet."""
    section, objective = recipe.train, OBJECTIVES[recipe.train.objective].of(recipe.train)
    opened = open_model(copied, recipe.template.name, console=SilentProgress(), to_tune=recipe.adapter)
    forward = forward_to_train(opened, recipe).train()
    plan = plan or _plan(opened, forward, examples, recipe)
    with Footprint((*forward.model.parameters(), *forward.model.buffers())) as footprint:
        weights = Weights(forward.model, section.precision)
        optimizer = optimizer_of(weights, section)

        def update() -> None:
            optimizer.step()
            weights.publish()

        weights_bytes = footprint.live_bytes
        for batch in (plan.typical, *plan.heavy):  # after the first, what the optimizer remembers is there
            accumulate(forward, objective, [batch], weights)
            update()
            optimizer.zero_grad()
    pass_s = median(_timed(lambda: accumulate(forward, objective, [plan.typical], weights)) for _ in range(NUM_TIMES))
    update_s = median(_timed(update) for _ in range(NUM_TIMES))
    peak_bytes = ALLOCATED[next(forward.parameters()).device.type] * footprint.peak_bytes
    remembered = sum(tensor.nbytes for tensor in optimizer_tensors(optimizer, weights.masters).values())
    total, trainable = num_parameters(forward.model)
    per_token = pass_s / plan.typical.num_tokens
    return Taken(total, trainable, weights_bytes, remembered, peak_bytes, per_token, update_s), plan


def _plan(opened: LocalModel, forward: Forward, examples: Examples, recipe: Recipe) -> Plan:
    rows, _ = both_rows(opened, examples, recipe, SilentProgress())
    order = order_of(rows.lengths, recipe.train, forward)
    num_steps = num_steps_of(recipe.train, order.steps_per_epoch)
    looked_at = [order.micro_batches(step) for step in range(min(num_steps, NUM_STEPS_LOOKED_AT))]
    batches = [rows.collate(chosen).to(forward.device) for step in looked_at for chosen in step]
    batches.sort(key=lambda batch: batch.num_tokens)
    heavy = {max(range(len(batches)), key=lambda i: weigh(batches[i])) for weigh in WEIGHINGS}
    num_tokens = sum(batch.num_tokens for batch in batches) / len(looked_at) * num_steps
    return Plan(num_steps, round(num_tokens), [batches[i] for i in sorted(heavy)], batches[len(batches) // 2])


def _timed(work: Callable[[], object]) -> float:
    """Seconds that the work took, on whatever device."""
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _free_bytes() -> int:
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else hardware.free_memory_bytes()


def _changes_that_fit(
    config: PreTrainedConfig, examples: Examples, recipe: Recipe, most_bytes: float
) -> tuple[str, ...] | None:
    """The first of `ALTERNATIVES` that changes something and takes no more memory than that."""
    for changes in ALTERNATIVES:
        other = _changed(recipe, changes)
        if other != recipe and _taken(config, examples, other)[0].peak_bytes <= most_bytes:
            return changes
    return None


def _changed(recipe: Recipe, changes: tuple[str, ...]) -> Recipe:
    values = recipe.model_dump(mode="json")
    if any(change.startswith("adapter.") for change in changes):
        values["adapter"] = {}
    return make_recipe(values, changes)
