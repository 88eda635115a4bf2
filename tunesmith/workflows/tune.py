"""Training a loaded model on examples into a run folder, or one step of it in memory."""

from __future__ import annotations

import math
import platform
import resource
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from tunesmith.errors import ResourceError, TrainingError
from tunesmith.files import write_json
from tunesmith.model import adapters
from tunesmith.model.forward import Forward, base_model
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import LoadedModel, save_model
from tunesmith.progress import Progress
from tunesmith.recipe import Recipe
from tunesmith.rendering.collate import Batch, Packed, collate
from tunesmith.rendering.pack import best_fit
from tunesmith.rendering.tokenize import Encoded
from tunesmith.run import Run
from tunesmith.training.loop import Place, Rows, TrainResult, accumulate, num_steps_of, train
from tunesmith.training.objectives import OBJECTIVES
from tunesmith.training.optim import build_optimizer
from tunesmith.training.order import Order
from tunesmith.training.precision import Weights
from tunesmith.training.validation import validate
from tunesmith.workflows.opening import explained_memory, model_sha256, num_parameters
from tunesmith.workflows.prepare import Examples
from tunesmith.workflows.signals import StopRequest


def attach_adapter(opened: LocalModel, recipe: Recipe, console: Progress) -> Forward:
    """The forward to train, with the recipe's method attached to the model."""
    torch.manual_seed(recipe.train.seed)
    model = adapters.attach(opened.loaded.model, recipe.adapter)
    total, trainable = num_parameters(model)
    size = memory_bytes(total, trainable, recipe.train.precision) / 2**20
    console.say(
        f"{type(base_model(model)).__name__}: {total:,} parameters, {trainable:,} trained ({recipe.adapter.method}); "
        f"{size:,.0f} MiB for weights, gradients and optimizer, activations come on top"
    )
    return Forward(model, head=opened.capabilities.head)


def tune(
    opened: LocalModel,
    examples: Examples,
    recipe: Recipe,
    run: Run,
    *,
    resume: bool,
    console: Progress,
    stop: StopRequest,
) -> None:
    """Train, and write ``model/``, ``training.json``, checkpoints and metrics into the run folder."""
    forward = attach_adapter(opened, recipe, console)
    train_rows, validation_rows = _both_rows(opened, examples, recipe, console)
    order = _order(train_rows, recipe)
    console.say(
        f"{num_steps_of(recipe.train, order.steps_per_epoch):,} steps of {order.rows_per_step} rows, {order.steps_per_epoch:,} an epoch"
    )
    total, trainable = num_parameters(forward.model)
    with explained_memory(), stop.patiently():
        result = train(
            forward,
            OBJECTIVES[recipe.train.objective](),
            train_rows,
            validation_rows,
            recipe.train,
            Place(run.checkpoints_dir, run.append_metrics, run.truncate_metrics),
            progress=console,
            fingerprint=_fingerprint(opened, examples, recipe),
            resume=resume,
            should_stop=stop.requested,
        )
    _save_result(opened, forward, run)
    write_json(run.training_file, _facts(opened, recipe, result, total, trainable))


def try_one_step(opened: LocalModel, examples: Examples, recipe: Recipe, console: Progress) -> float:
    """Take the first training step and one validation batch in memory, as training would; returns the step's loss."""
    forward = attach_adapter(opened, recipe, console)
    rows, validation_rows = _both_rows(opened, examples, recipe, console)
    objective = OBJECTIVES[recipe.train.objective]()
    with explained_memory():
        weights = Weights(forward.model, recipe.train.precision)
        optimizer = build_optimizer(
            weights,
            name=recipe.train.optimizer,
            learning_rate=recipe.train.learning_rate,
            weight_decay=recipe.train.weight_decay,
        )
        forward.train()
        device = next(forward.parameters()).device
        batches = [rows.collate(chosen).to(device) for chosen in _order(rows, recipe).micro_batches(0)]
        loss = accumulate(forward, objective, batches, weights)
        optimizer.step()
        weights.publish()
        if len(validation_rows):
            validate(forward, objective, [lambda: validation_rows.collate([0]).to(device)])
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss of the first step is {loss}. Set train.precision: fp32, or check the model's weights."
        )
    forward.eval()
    return loss


def memory_bytes(num_parameters: int, num_trainable: int, precision: str) -> int:
    """Memory for weights, gradients and optimizer state, without activations.

    Per trainable weight 4 bytes of gradient and 8 of AdamW's moments beside the weight itself; in bf16 each weight is held
    in 2 bytes and a trainable one in 4 more, as its master, while its micro-batch gradient takes another 2.
    """
    if precision == "fp32":
        return 4 * num_parameters + 12 * num_trainable
    return 2 * num_parameters + (4 + 4 + 8 + 2) * num_trainable


def _order(rows: Rows, recipe: Recipe) -> Order:
    section = recipe.train
    return Order(rows.lengths, section.per_device_train_batch_size, section.gradient_accumulation_steps, section.seed)


def _both_rows(opened: LocalModel, examples: Examples, recipe: Recipe, console: Progress) -> tuple[Rows, Rows]:
    """Rows to train on and rows to validate on.

    Raises `TrainingError` when the run is to stop by a validation loss it cannot have.
    """
    if recipe.train.early_stopping_patience is not None and not examples.validation:
        raise TrainingError(
            "train.early_stopping_patience: there are no validation records to stop by. Set data.validation_fraction "
            "above 0, or leave it out."
        )
    may_pack = recipe.train.packing and opened.capabilities.can_pack
    if recipe.train.packing and not may_pack:
        console.notice(
            "train.packing: this model cannot keep packed documents apart, so rows of like length share a batch instead."
        )
    limits = (recipe.train.max_length, opened.loaded.context_length)
    capacity = min(limit for limit in limits if limit is not None) if may_pack else None
    return _rows(opened.loaded, examples.train, capacity), _rows(opened.loaded, examples.validation, capacity)


def _rows(loaded: LoadedModel, examples: Sequence[Encoded], capacity: int | None) -> Rows:
    """The rows of a split: as many examples as fit into ``capacity`` tokens, or one each where it is None."""
    groups: list[Packed] = [(example,) for example in examples]
    if capacity is not None:
        fitted = best_fit([example.num_tokens for example in examples], capacity)
        groups = [tuple(examples[i] for i in group) for group in fitted]

    def batch_of(chosen: Sequence[int]) -> Batch:
        rows = [groups[i] for i in chosen]
        return collate(rows, pad_token_id=loaded.pad_token_id, decoder_start_token_id=loaded.decoder_start_token_id)

    return Rows([sum(example.num_tokens for example in group) for group in groups], batch_of)


def _fingerprint(opened: LocalModel, examples: Examples, recipe: Recipe) -> dict[str, Any]:
    """What must be the same when a run goes on; the environment is told when it differs, as it may change the last bits."""
    return {
        "model": model_sha256(recipe.model),
        "adapter": recipe.adapter.model_dump(mode="json"),
        "learning rate": recipe.train.learning_rate,
        "examples": examples.sha256(),
        "environment.threads": torch.get_num_threads(),
        "environment.torch": torch.__version__,
        "environment.transformers": transformers.__version__,
        "environment.machine": platform.machine(),
    }


def _save_result(opened: LocalModel, forward: Forward, run: Run) -> None:
    """Write ``model/`` whole or not at all; a model tuned on top of a merged adapter is written in full."""
    loaded = opened.loaded
    loaded.tokenizer.chat_template = opened.template.source
    model = adapters.merge(forward.model) if loaded.is_stacked else forward.model
    staging = run.model_dir.with_name("model.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        save_model(model, loaded.tokenizer, staging, stop_token_ids=opened.stop_token_ids())
    except Exception as error:
        shutil.rmtree(staging, ignore_errors=True)
        # tokenizers raises a bare Exception: "No space left on device (os error 28)"
        if isinstance(error, (OSError, SafetensorError)) or "os error" in str(error):
            raise ResourceError(
                f"{run.model_dir}: could not be written ({error}). Free space, then go on with --resume."
            ) from error
        raise
    shutil.rmtree(run.model_dir, ignore_errors=True)
    staging.rename(run.model_dir)


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
        **asdict(result),
        "peak_memory_bytes": _peak_memory_bytes(),
    }


def _peak_memory_bytes() -> int:
    """Most memory the process ever held, model loading included; on a GPU the most the device did."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
