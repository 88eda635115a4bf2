"""Training a loaded model on examples into a run folder, or one step of it in memory."""

from __future__ import annotations

import math
import platform
import resource
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from tunesmith import __version__
from tunesmith.errors import TrainingError
from tunesmith.files import write_json
from tunesmith.model import adapters
from tunesmith.model.forward import Forward, base_model
from tunesmith.model.fused import fuse
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import LoadedModel, save_model
from tunesmith.model.quantize import compute_in
from tunesmith.model.support import check_gradient_checkpointing
from tunesmith.progress import Progress
from tunesmith.provenance import package_version
from tunesmith.recipe import Recipe, TrainSection
from tunesmith.rendering.collate import Batch, Packed, collate
from tunesmith.rendering.pack import best_fit
from tunesmith.rendering.tokenize import Encoded
from tunesmith.run import FREE_ON_RESUME, Run
from tunesmith.training.checkpoint import ENVIRONMENT, require_space
from tunesmith.training.layers import freeze, recompute_layers
from tunesmith.training.loop import Place, Rows, TrainResult, accumulate, num_steps_of, train
from tunesmith.training.memory import held_bytes
from tunesmith.training.objectives import OBJECTIVES
from tunesmith.training.optim import optimizer_of
from tunesmith.training.order import by_tokens, order_of
from tunesmith.training.precision import Weights
from tunesmith.training.threads import choose_num_threads, recorded_num_threads
from tunesmith.training.validation import validate
from tunesmith.workflows.during import DuringTraining
from tunesmith.workflows.opening import explained_memory, model_sha256, num_parameters
from tunesmith.workflows.prepare import Examples, check_weights
from tunesmith.workflows.saving import written_whole
from tunesmith.workflows.signals import StopRequest

PROBED_TOKENS = 512
"""About so many tokens the pass has on which the number of threads is chosen."""
MAX_TASKS = 24
"""So many tasks have their losses told apart: thousands would make the lines of metrics.jsonl long, and the page too."""


def forward_to_train(opened: LocalModel, recipe: Recipe, tell: Callable[[str], None] = lambda note: None) -> Forward:
    """The model as it is trained: with the recipe's method attached, layers frozen and computed again as it says.

    ``tell`` is given what could not be made faster.
    """
    if recipe.train.gradient_checkpointing:
        check_gradient_checkpointing(recipe.adapter, opened.loaded)
    torch.manual_seed(recipe.train.seed)
    model = adapters.attach(opened.loaded.model, recipe.adapter, new_token_ids=opened.loaded.new_token_ids)
    compute_in(model, torch.bfloat16 if recipe.train.precision == "bf16" else torch.float32)
    freeze(model, recipe.train.freeze)
    if recipe.train.gradient_checkpointing:
        recompute_layers(model)
    for note in fuse(model):
        tell(note)
    return Forward(model, head=opened.capabilities.head, flattens=opened.capabilities.flattens)


def attach_adapter(opened: LocalModel, recipe: Recipe, console: Progress) -> Forward:
    """`forward_to_train`, told in one line."""
    forward = forward_to_train(opened, recipe, console.notice)
    total, trainable = num_parameters(forward.model)
    size = held_bytes(forward.model, recipe.train).total / 2**20
    console.say(
        f"{type(base_model(forward.model)).__name__}: {total:,} parameters, {trainable:,} trained ({recipe.adapter.method}); "
        f"{size:,.0f} MiB for weights, gradients and optimizer, activations come on top"
    )
    return forward


def tune(
    opened: LocalModel,
    examples: Examples,
    recipe: Recipe,
    run: Run,
    *,
    resume: bool,
    console: Progress,
    stop: StopRequest,
    during: DuringTraining | None = None,
) -> None:
    """Train, and write ``model/``, ``training.json``, checkpoints and metrics into the run folder.

    ``during`` is asked every ``evaluate.every_steps`` steps.
    """
    forward = attach_adapter(opened, recipe, console)
    train_rows, validation_rows = both_rows(opened, examples, recipe, console)
    order = order_of(train_rows.lengths, recipe.train, forward)
    console.say(
        f"{num_steps_of(recipe.train, order.steps_per_epoch):,} steps of {order.rows_per_step} rows, {order.steps_per_epoch:,} an epoch"
    )
    total, trainable = num_parameters(forward.model)
    require_space(run.checkpoints_dir, checkpoint_bytes(forward.model, recipe.train))
    with explained_memory():
        _choose_threads(forward, train_rows, recipe, run if resume else None, console)
    with explained_memory(), stop.patiently():
        result = train(
            forward,
            OBJECTIVES[recipe.train.objective].of(recipe.train),
            train_rows,
            validation_rows,
            recipe.train,
            Place(run.checkpoints_dir, run.append_metrics, run.truncate_metrics, run.sync_metrics),
            progress=console,
            fingerprint=_fingerprint(opened, examples, recipe),
            resume=resume,
            should_stop=stop.requested,
            on_step=during,
            on_step_every=recipe.evaluate.every_steps or 1,
        )
    _save_result(opened, forward, run)
    write_json(run.training_file, _facts(opened, recipe, result, total, trainable))


def _choose_threads(forward: Forward, rows: Rows, recipe: Recipe, resumed: Run | None, console: Progress) -> None:
    """Settle with how many threads a CPU computes; weights, gradients and generators stay as they are."""
    if next(forward.parameters()).is_cuda:
        return
    batch = rows.collate(next(by_tokens(range(len(rows)), rows.lengths, PROBED_TOKENS)))
    forward.train()

    def run_pass() -> None:
        with torch.random.fork_rng(devices=[]):
            (-forward(batch).sum()).backward()
        forward.zero_grad(set_to_none=True)

    recorded = None if resumed is None else recorded_num_threads(resumed.checkpoints_dir)
    total, _ = num_parameters(forward.model)
    chosen, why = choose_num_threads(run_pass, num_weights=total, asked=recipe.train.num_threads, recorded=recorded)
    console.say(f"{chosen} thread{'s' if chosen > 1 else ''} ({why})")


def try_one_step(opened: LocalModel, examples: Examples, recipe: Recipe, console: Progress) -> float:
    """Take the first training step and one validation batch in memory, as training would; returns the step's loss."""
    forward = attach_adapter(opened, recipe, console)
    rows, validation_rows = both_rows(opened, examples, recipe, console)
    objective = OBJECTIVES[recipe.train.objective].of(recipe.train)
    with explained_memory():
        weights = Weights(forward.model, recipe.train.precision)
        optimizer = optimizer_of(weights, recipe.train)
        forward.train()
        first = order_of(rows.lengths, recipe.train, forward).micro_batches(0)
        batches = [rows.collate(chosen).to(forward.device) for chosen in first]
        loss = accumulate(forward, objective, batches, weights).loss
        optimizer.step()
        weights.publish()
        if len(validation_rows):
            validate(forward, objective, [lambda: validation_rows.collate([0]).to(forward.device)])
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss of the first step is {loss}. Set train.precision: fp32, or check the model's weights."
        )
    forward.eval()
    return loss


def checkpoint_bytes(model: nn.Module, section: TrainSection) -> int:
    """What a checkpoint takes on the disk: masters, what the optimizer remembers, and an average of the weights."""
    _, trainable = num_parameters(model)
    return 4 * trainable + held_bytes(model, section).optimizer


def both_rows(opened: LocalModel, examples: Examples, recipe: Recipe, console: Progress) -> tuple[Rows, Rows]:
    """Rows to train on and rows to validate on.

    Raises `TrainingError` when the run is to stop by a validation loss it cannot have, or weighs a task there is not.
    """
    by_loss = recipe.train.metric_for_best_model is None
    if recipe.train.early_stopping_patience is not None and by_loss and not examples.validation:
        raise TrainingError(
            "train.early_stopping_patience: there are no validation records to stop by. Set data.validation_fraction "
            "above 0, or leave it out."
        )
    may_pack = recipe.train.packing and opened.capabilities.can_pack
    if recipe.train.packing and not may_pack:
        console.notice(
            f"train.packing: {recipe.adapter.method} tuning of this model cannot keep packed documents apart, so rows of like "
            "length share a batch instead."
        )
    limits = (recipe.train.max_length, opened.loaded.context_length)
    capacity = min(limit for limit in limits if limit is not None) if may_pack else None
    tasks = _tasks_told(examples.train, recipe.train.task_weights)
    both = (examples.train, examples.validation)
    train_rows, validation_rows = (_rows(opened.loaded, split, capacity, tasks) for split in both)
    return train_rows, validation_rows


def _tasks_told(examples: Sequence[Encoded], weights: Mapping[str, float]) -> list[str]:
    """The tasks whose losses are told apart, where there are several: those that are weighed, then the largest."""
    counts = Counter(example.task for example in examples)
    check_weights(weights, counts)  # its records may all have been too long
    ordered = sorted(counts, key=lambda task: (task not in weights, -counts[task], task))
    return sorted(ordered[:MAX_TASKS]) if len(ordered) > 1 else []


def _rows(loaded: LoadedModel, examples: Sequence[Encoded], capacity: int | None, tasks: Sequence[str]) -> Rows:
    """The rows of a split: as many examples as fit into ``capacity`` tokens, or one each where it is None."""
    groups: list[Packed] = [(example,) for example in examples]
    if capacity is not None:
        fitted = best_fit([example.num_tokens for example in examples], capacity)
        groups = [tuple(examples[i] for i in group) for group in fitted]

    def batch_of(chosen: Sequence[int]) -> Batch:
        rows = [groups[i] for i in chosen]
        return collate(rows, pad_token_id=loaded.pad_token_id, decoder_start_token_id=loaded.decoder_start_token_id)

    return Rows([sum(example.num_tokens for example in group) for group in groups], batch_of, tasks)


def _fingerprint(opened: LocalModel, examples: Examples, recipe: Recipe) -> dict[str, Any]:
    """What must be the same when a run goes on; the environment is told when it differs, as it may change the last bits."""
    fields = {"adapter": recipe.adapter.model_dump(mode="json"), "train": recipe.train.model_dump(mode="json")}
    settings = {f"{section}.{key}": value for section, values in fields.items() for key, value in values.items()}
    environment = {
        "threads": torch.get_num_threads(),
        "tunesmith": __version__,
        "python": platform.python_version(),
        **{package: package_version(package) for package in ("torch", "transformers", "peft", "numpy")},
        "machine": platform.machine(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }
    return {
        "model": model_sha256(recipe.model),
        "examples": examples.sha256(),
        **{key: value for key, value in settings.items() if not key.startswith(FREE_ON_RESUME)},
        **{f"{ENVIRONMENT}{key}": value for key, value in environment.items()},
    }


def _save_result(opened: LocalModel, forward: Forward, run: Run) -> None:
    """Write ``model/``; a model tuned on top of a merged adapter is written in full."""
    loaded = opened.loaded
    loaded.tokenizer.chat_template = opened.template.source
    model = adapters.merge(forward.model) if loaded.is_stacked else forward.model
    with written_whole(run.model_dir, "Free space, then go on with --resume.", replace=True) as staging:
        save_model(model, loaded.tokenizer, staging, stop_token_ids=opened.stop_token_ids())
        run.mark_unfinished()


def _facts(opened: LocalModel, recipe: Recipe, result: TrainResult, total: int, trainable: int) -> dict[str, Any]:
    """The content of ``training.json``."""
    return {
        "method": recipe.adapter.method,
        "num_parameters": total,
        "num_trainable_parameters": trainable,
        "kind": opened.loaded.kind,
        "architecture": type(base_model(opened.loaded.model)).__name__,
        "precision": recipe.train.precision,
        "head": opened.capabilities.head,
        "context_length": opened.loaded.context_length,
        "num_threads": torch.get_num_threads(),
        **asdict(result),
        "peak_memory_bytes": _peak_memory_bytes(),
    }


def _peak_memory_bytes() -> int:
    """Most memory the process ever held, model loading included; on a GPU the most the device did."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
