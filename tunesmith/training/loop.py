"""The one training loop: it knows no method, no architecture and no objective by name."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tunesmith.errors import CheckpointError, Interrupted, TrainingError
from tunesmith.progress import Progress
from tunesmith.recipe import TrainSection
from tunesmith.rendering.collate import Batch
from tunesmith.training.checkpoint import (
    Checkpoint,
    generator_tensors,
    load_checkpoint,
    newest_checkpoint,
    restore_generators,
    save_checkpoint,
)
from tunesmith.training.objectives import Objective
from tunesmith.training.optim import Optimizers, build_optimizer, load_optimizer_tensors, optimizer_tensors
from tunesmith.training.order import CPU_TOKENS_PER_PASS, Order, by_length
from tunesmith.training.precision import Weights
from tunesmith.training.schedule import learning_rate_factor
from tunesmith.training.validation import validate

MAX_BAD_STEPS = 3
"""Steps in a row whose gradient may be infinite or undefined before the run stops."""


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to measure on: how long each is, and how to make a batch of some of them."""

    lengths: Sequence[int]
    collate: Callable[[Sequence[int]], Batch]

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class Place:
    """Where a run keeps what the loop writes: its checkpoints, and its metrics one line at a time."""

    checkpoints: Path
    append_metrics: Callable[[dict[str, Any]], None]
    truncate_metrics: Callable[[int], None]


@dataclass
class TrainState:
    """What has happened so far, beside the weights: all of it is in every checkpoint."""

    step: int = 0
    num_skipped_steps: int = 0
    num_bad_in_a_row: int = 0
    best_step: int | None = None
    best_validation_loss: float | None = None
    num_validations_without_gain: int = 0
    last_loss: float | None = None
    seconds: float = 0.0
    num_tokens: int = 0
    window: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("loss", "supervised", "tokens", "seconds"), 0.0)
    )


@dataclass(frozen=True)
class TrainResult:
    """How training ended: what ``training.json`` says of it."""

    num_steps: int
    num_epochs: float
    seconds: float
    tokens_per_second: float | None
    final_train_loss: float | None
    best_step: int | None
    best_validation_loss: float | None
    num_skipped_steps: int
    stopped_early: bool
    stop_reason: str


def num_steps_of(section: TrainSection, steps_per_epoch: int) -> int:
    """Optimizer steps of the whole run."""
    steps = math.ceil(section.num_train_epochs * steps_per_epoch)
    return steps if section.max_steps is None else section.max_steps


def train(
    forward: nn.Module,
    objective: Objective,
    train_rows: Rows,
    validation_rows: Rows,
    section: TrainSection,
    place: Place,
    *,
    progress: Progress,
    fingerprint: dict[str, Any],
    resume: bool = False,
    should_stop: Callable[[], int | None] = lambda: None,
    on_step: Callable[[int, nn.Module], None] = lambda step, model: None,
) -> TrainResult:
    """Train the weights of ``forward`` that require gradients, in place.

    Every step draws its rows from (seed, step), sums each term of the objective over all its micro-batches and divides it
    once by its count, clips, and updates; a step whose gradient is not finite is skipped and counted. Checkpoints hold
    everything the next step depends on, so that a resumed run ends in the same bytes (same machine, threads, versions).

    Args:
        fingerprint: what must not have changed between start and resume, as ``{recipe key: value}``.
        should_stop: asked after every step; a signal number ends the run after a complete checkpoint.
        on_step: called after every step, for measurements during training; must leave weights and generators alone.

    Raises:
        TrainingError: the gradient was not finite in `MAX_BAD_STEPS` steps in a row.
        CheckpointError: a checkpoint belongs to another recipe, or none is whole.
        Interrupted: the run was asked to stop, and can be resumed.
    """
    torch.manual_seed(section.seed)
    device = next(forward.parameters()).device
    order = Order(
        train_rows.lengths,
        section.per_device_train_batch_size,
        section.gradient_accumulation_steps,
        section.seed,
        tokens_per_pass=CPU_TOKENS_PER_PASS if device.type == "cpu" else None,
    )
    num_steps = num_steps_of(section, order.steps_per_epoch)
    save_every = section.save_steps or order.steps_per_epoch
    validate_every = section.eval_steps or order.steps_per_epoch
    weights = Weights(forward.model, section.precision)
    optimizer = build_optimizer(
        weights,
        name=section.optimizer,
        learning_rate=section.learning_rate,
        weight_decay=section.weight_decay,
    )
    base_rates = [group["lr"] for group in optimizer.param_groups]
    state = _resume(place, weights, optimizer, fingerprint, progress) if resume else TrainState()
    validation_batches = _validation_batches(validation_rows, section.per_device_train_batch_size)
    keeps_best = section.early_stopping_patience is not None
    forward.train()

    with progress.bar("Training", num_steps, "step") as bar:
        bar.advance(state.step)
        while state.step < num_steps and not _out_of_patience(state, section):
            started = time.perf_counter()
            factor = learning_rate_factor(
                state.step, num_steps=num_steps, warmup_ratio=section.warmup_ratio, shape=section.lr_scheduler_type
            )
            for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
                group["lr"] = rate * factor

            batches = [train_rows.collate(rows).to(device) for rows in order.micro_batches(state.step)]
            step_loss = accumulate(forward, objective, batches, weights)
            grad_norm = _clip(weights, section.max_grad_norm)
            if math.isfinite(grad_norm) and math.isfinite(step_loss):
                optimizer.step()
                weights.publish()
                state.num_bad_in_a_row = 0
            else:
                _count_bad_step(state, batches, progress)
            optimizer.zero_grad()

            state.step += 1
            _add_to_window(state, step_loss, batches, time.perf_counter() - started)
            bar.advance(1)
            if state.step % section.logging_steps == 0 or state.step == num_steps:
                line = _close_window(state, order, optimizer, grad_norm)
                place.append_metrics(line)
                bar.update(loss=line["loss"], tokens_per_second=line["tokens_per_second"])
            on_step(state.step, forward)
            gained = False
            if validation_batches and (state.step % validate_every == 0 or state.step == num_steps):
                gained = _measure(forward, objective, validation_batches, state, place)
            signal_number = should_stop()
            last = state.step == num_steps or _out_of_patience(state, section) or signal_number is not None
            if state.step % save_every == 0 or last or (gained and keeps_best):
                _save(place, weights, optimizer, state, fingerprint, keep_best=keeps_best)
            if signal_number is not None and state.step < num_steps:
                raise Interrupted(
                    f"Stopped after step {state.step} of {num_steps}; continue with --resume.", signal_number
                )

    if keeps_best and state.best_step not in (None, state.step):
        weights.load(load_checkpoint(place.checkpoints, state.best_step).weights)
    forward.eval()
    return _result(state, order, section)


def accumulate(forward: nn.Module, objective: Objective, batches: Sequence[Batch], weights: Weights) -> float:
    """Add up the gradient of one step over its micro-batches, and return its loss.

    Each term is divided by its count over the whole step, so how the rows were cut makes no difference.
    """
    counts: Counter[str] = Counter()
    for batch in batches:
        counts.update(objective.counts(batch))
    step_loss = 0.0
    for batch in batches:
        terms = objective.losses(forward, batch)
        loss = sum(term / max(1, counts[name]) for name, term in terms.items())
        loss.backward()
        weights.collect_gradients()
        step_loss += loss.item()
    return step_loss


def _out_of_patience(state: TrainState, section: TrainSection) -> bool:
    patience = section.early_stopping_patience
    return patience is not None and state.num_validations_without_gain >= patience


def _clip(weights: Weights, max_grad_norm: float) -> float:
    """Norm of the step's gradient before it is scaled down to ``max_grad_norm`` (0: it is left as it is)."""
    masters = [weight for weight in weights.masters.values() if weight.grad is not None]
    return torch.nn.utils.clip_grad_norm_(masters, max_grad_norm or math.inf).item()


def _count_bad_step(state: TrainState, batches: Sequence[Batch], progress: Progress) -> None:
    ids = [record_id for batch in batches for record_id in batch.record_ids]
    shown = ", ".join(ids[:8]) + (" …" if len(ids) > 8 else "")
    state.num_skipped_steps += 1
    state.num_bad_in_a_row += 1
    if state.num_bad_in_a_row >= MAX_BAD_STEPS:
        raise TrainingError(
            f"The loss or its gradient was not finite in {MAX_BAD_STEPS} steps in a row, last in step {state.step + 1} "
            f"(records {shown}). Lower train.learning_rate, or set train.precision: fp32."
        )
    progress.warn(f"Step {state.step + 1} skipped: its loss or gradient was not finite (records {shown}).")


def _add_to_window(state: TrainState, step_loss: float, batches: Sequence[Batch], seconds: float) -> None:
    num_supervised = sum(batch.num_supervised for batch in batches)
    num_tokens = sum(batch.num_tokens for batch in batches)
    added = {"loss": step_loss * num_supervised, "supervised": num_supervised, "tokens": num_tokens, "seconds": seconds}
    state.window = {name: state.window[name] + value for name, value in added.items()}
    state.seconds += seconds
    state.num_tokens += num_tokens


def _close_window(state: TrainState, order: Order, optimizer: Optimizers, grad_norm: float) -> dict[str, Any]:
    """The line for metrics.jsonl: means since the last one, each token counting the same."""
    window, state.window = state.window, dict.fromkeys(state.window, 0.0)
    loss = window["loss"] / window["supervised"] if window["supervised"] else None
    state.last_loss = loss if loss is None or math.isfinite(loss) else None
    return {
        "step": state.step,
        "epoch": round(state.step / order.steps_per_epoch, 4),
        "loss": state.last_loss,
        "learning_rate": optimizer.param_groups[0]["lr"],
        "grad_norm": grad_norm if math.isfinite(grad_norm) else None,
        "num_supervised_tokens": int(window["supervised"]),
        "num_tokens": int(window["tokens"]),
        "tokens_per_second": round(window["tokens"] / window["seconds"], 1) if window["seconds"] else None,
        "seconds": round(state.seconds, 3),
    }


def _validation_batches(rows: Rows, rows_per_batch: int) -> list[Callable[[], Batch]]:
    batches = by_length(range(len(rows)), rows.lengths, rows_per_batch)
    return [lambda chosen=chosen: rows.collate(chosen) for chosen in batches]


def _measure(forward, objective, batches, state: TrainState, place: Place) -> bool:
    """Append the validation loss, remember the best; whether this was it."""
    device = next(forward.parameters()).device
    result = validate(forward, objective, [lambda make=make: make().to(device) for make in batches])
    place.append_metrics(
        {"step": state.step, "validation_loss": result.loss, "num_supervised_tokens": result.num_supervised_tokens}
    )
    best = state.best_validation_loss
    gained = result.loss is not None and math.isfinite(result.loss) and (best is None or result.loss < best)
    if gained:
        state.best_step, state.best_validation_loss = state.step, result.loss
    state.num_validations_without_gain = 0 if gained else state.num_validations_without_gain + 1
    return gained


def _save(
    place: Place, weights: Weights, optimizer: Optimizers, state: TrainState, fingerprint, *, keep_best: bool
) -> None:
    checkpoint = Checkpoint(
        state.step,
        weights.masters,
        optimizer_tensors(optimizer, weights.masters),
        generator_tensors(),
        {"train": asdict(state), "fingerprint": fingerprint},
    )
    save_checkpoint(place.checkpoints, checkpoint, also_keep=state.best_step if keep_best else None)


def _resume(
    place: Place, weights: Weights, optimizer: Optimizers, fingerprint: dict[str, Any], progress: Progress
) -> TrainState:
    """The state of the newest whole checkpoint, put into weights, optimizer and generators; a fresh one where there is none."""
    checkpoint = newest_checkpoint(place.checkpoints, on_damage=progress.warn)
    if checkpoint is None:
        place.truncate_metrics(0)
        return TrainState()
    _check_fingerprint(checkpoint, fingerprint, place.checkpoints, progress)
    place.truncate_metrics(checkpoint.step)
    weights.load(checkpoint.weights)
    load_optimizer_tensors(optimizer, weights.masters, checkpoint.optimizer)
    restore_generators(checkpoint.generators)
    progress.say(f"Continuing after step {checkpoint.step}.")
    return TrainState(**checkpoint.state["train"])


def _check_fingerprint(checkpoint: Checkpoint, fingerprint: dict[str, Any], folder: Path, progress: Progress) -> None:
    then = checkpoint.state["fingerprint"]
    changed = [key for key in sorted({*then, *fingerprint}) if then.get(key) != fingerprint.get(key)]
    environment = [key for key in changed if key.startswith("environment.")]
    if environment:
        told = ", ".join(f"{key[12:]} {then.get(key)} → {fingerprint.get(key)}" for key in environment)
        progress.warn(f"Resumed on another set-up ({told}): the result may differ in the last bits.")
    changed = [key for key in changed if key not in environment]
    if changed:
        told = "; ".join(f"{key} was {then.get(key)!r}, now {fingerprint.get(key)!r}" for key in changed[:3])
        raise CheckpointError(
            f"{folder}: the checkpoint belongs to another recipe ({told}). Undo that change, or start again with --overwrite."
        )


def _result(state: TrainState, order: Order, section: TrainSection) -> TrainResult:
    stopped_early = _out_of_patience(state, section)
    reason = f"no better validation loss in {section.early_stopping_patience} validations"
    return TrainResult(
        num_steps=state.step,
        num_epochs=round(state.step / order.steps_per_epoch, 4),
        seconds=round(state.seconds, 3),
        tokens_per_second=round(state.num_tokens / state.seconds, 1) if state.seconds else None,
        final_train_loss=state.last_loss,
        best_step=state.best_step,
        best_validation_loss=state.best_validation_loss,
        num_skipped_steps=state.num_skipped_steps,
        stopped_early=stopped_early,
        stop_reason=reason if stopped_early else "finished",
    )
