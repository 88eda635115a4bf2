"""The one training loop: it knows no method, no architecture and no objective by name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tunesmith.errors import CheckpointError, Interrupted, TrainingError
from tunesmith.progress import Progress
from tunesmith.recipe import TrainSection
from tunesmith.training.allocator import keep_freed_memory
from tunesmith.training.checkpoint import (
    Checkpoint,
    generator_tensors,
    load_checkpoint,
    newest_checkpoint,
    restore_generators,
    save_checkpoint,
    seed_generators,
)
from tunesmith.training.noise import noisy_embeddings
from tunesmith.training.objectives import Objective
from tunesmith.training.optim import Optimizers, load_optimizer_tensors, optimizer_of, optimizer_tensors
from tunesmith.training.order import Order, by_length, order_of
from tunesmith.training.passes import Fitting, Pass, Rows, accumulate
from tunesmith.training.precision import Weights
from tunesmith.training.schedule import learning_rate_factor
from tunesmith.training.validation import Validation, validate

MAX_BAD_STEPS = 3
"""Steps in a row whose gradient may be infinite or undefined before the run stops."""


@dataclass(frozen=True)
class Place:
    """Where a run keeps what the loop writes: its checkpoints, and its metrics one line at a time."""

    checkpoints: Path
    append_metrics: Callable[[dict[str, Any]], None]
    truncate_metrics: Callable[[int, int], None]
    sync_metrics: Callable[[], None] = lambda: None


@dataclass
class TrainState:
    """What has happened so far, beside the weights: all of it is in every checkpoint."""

    step: int = 0
    num_skipped_steps: int = 0
    num_bad_in_a_row: int = 0
    best_step: int | None = None
    best_validation_loss: float | None = None
    best_score: float | None = None
    num_validations_without_gain: int = 0
    validated_step: int = 0
    last_loss: float | None = None
    seconds: float = 0.0
    num_tokens: int = 0
    max_batch_tokens: int | None = None
    window: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("loss", "counted", "supervised", "tokens", "seconds"), 0.0)
    )
    task_window: dict[str, list[float]] = field(default_factory=dict)


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
    best_score: float | None
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
    on_step: Callable[[int, nn.Module], float | None] | None = None,
    on_step_every: int = 1,
) -> TrainResult:
    """Train the weights of ``forward`` that require gradients, in place.

    Every step draws its rows from (seed, step), sums each term of the objective over all its micro-batches and divides it
    once by its count, clips, and updates; a step whose gradient is not finite is skipped and counted. Checkpoints hold
    everything the next step depends on, so that a resumed run ends in the same bytes (same machine, threads, versions).

    Args:
        fingerprint: what must not have changed between start and resume, as ``{recipe key: value}``.
        should_stop: asked after every step; a signal number ends the run after a complete checkpoint.
        on_step: called after every ``on_step_every`` steps and the last, for measurements during training, with the weights
            that would be kept; must leave weights and generators alone. It gives a score, higher is better, where
            ``metric_for_best_model`` is set: then that decides which weights are best, and not the validation loss.

    Raises:
        TrainingError: the gradient was not finite in `MAX_BAD_STEPS` steps in a row.
        CheckpointError: a checkpoint belongs to another recipe, or none is whole.
        Interrupted: the run was asked to stop, and can be resumed.
    """
    seed_generators(section.seed)
    device = next(forward.parameters()).device
    order = order_of(train_rows.lengths, section, device=device, is_flat=getattr(forward, "flattens", False))
    num_steps = num_steps_of(section, order.steps_per_epoch)
    save_every = section.save_steps or order.steps_per_epoch
    validate_every = section.eval_steps or order.steps_per_epoch
    weights = Weights(forward.model, section.precision)
    keep_freed_memory()
    optimizer = optimizer_of(weights, section)
    base_rates = [group["lr"] for group in optimizer.param_groups]
    position = {"num_steps": num_steps, "steps_per_epoch": order.steps_per_epoch, "seed": section.seed}
    state = _resume(place, weights, optimizer, fingerprint, position, progress) if resume else TrainState()
    fitting = Fitting(weights, progress, state.max_batch_tokens)
    validation_batches = list(
        by_length(range(len(validation_rows)), validation_rows.lengths, section.per_device_train_batch_size)
    )
    keeps_best, by_score = section.early_stopping_patience is not None, section.metric_for_best_model is not None
    forward.train()

    def is_validation_due() -> bool:
        at_step = state.step % validate_every == 0 or state.step == num_steps
        return bool(validation_batches) and at_step and state.validated_step < state.step

    def learn(micro_batches: list[list[int]]) -> Pass:
        batches = [train_rows.collate(rows).to(device) for rows in micro_batches]
        return accumulate(forward, objective, batches, weights, train_rows.tasks)

    def measure(micro_batches: list[list[int]]) -> Validation | None:
        batches = [lambda rows=rows: validation_rows.collate(rows).to(device) for rows in micro_batches]
        with weights.standing_at(optimizer.averaged if optimizer.has_average else None):
            return validate(forward, objective, batches, should_stop, validation_rows.tasks)

    with noisy_embeddings(forward, section.neftune_noise_alpha), progress.bar("Training", num_steps, "step") as bar:
        bar.advance(state.step)
        if is_validation_due():  # the one the run was stopped before or in
            _note_validation(fitting.take(measure, validation_batches, validation_rows.lengths), state, place, by_score)
            _stop_if_asked(should_stop(), state, num_steps)
        while state.step < num_steps and not _out_of_patience(state, section):
            started = time.perf_counter()
            factor = learning_rate_factor(
                state.step, num_steps=num_steps, warmup_ratio=section.warmup_ratio, shape=section.lr_scheduler_type
            )
            for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
                group["lr"] = rate * factor

            found = fitting.take(learn, order.micro_batches(state.step), train_rows.lengths)
            grad_norm = _clip(weights, section.max_grad_norm)
            is_finite = math.isfinite(grad_norm) and math.isfinite(found.loss)
            if is_finite:
                optimizer.step()
                weights.publish()
                state.num_bad_in_a_row = 0
            else:
                _count_bad_step(state, found, progress)
            optimizer.zero_grad()

            state.step, state.max_batch_tokens = state.step + 1, fitting.max_tokens
            _add_to_window(state, found, time.perf_counter() - started, counts=is_finite)
            bar.advance(1)
            if state.step % section.logging_steps == 0 or state.step == num_steps:
                line = _close_window(state, order, optimizer, grad_norm)
                place.append_metrics(line)
                bar.update(loss=line["loss"], tokens_per_second=line["tokens_per_second"])
            gained = False
            if on_step is not None and (state.step % on_step_every == 0 or state.step == num_steps):
                with weights.standing_at(optimizer.averaged if optimizer.has_average else None):
                    score = on_step(state.step, forward)
                gained = by_score and _note_score(score, state)
            signal_number = should_stop()
            if signal_number is None and is_validation_due():
                result = fitting.take(measure, validation_batches, validation_rows.lengths)
                gained = _note_validation(result, state, place, by_score) or gained
                signal_number = should_stop()
            last = state.step == num_steps or _out_of_patience(state, section) or signal_number is not None
            if state.step % save_every == 0 or last or (gained and keeps_best):
                _save(place, weights, optimizer, state, fingerprint, position, keep_best=keeps_best)
            if state.step < num_steps:
                _stop_if_asked(signal_number, state, num_steps)

    if keeps_best and state.best_step not in (None, state.step):
        _restore(load_checkpoint(place.checkpoints, state.best_step), weights, optimizer)
    if optimizer.has_average:
        weights.move_to(optimizer.averaged)
    forward.eval()
    return _result(state, order, section)


def _stop_if_asked(signal_number: int | None, state: TrainState, num_steps: int) -> None:
    if signal_number is not None:
        raise Interrupted(f"Stopped after step {state.step} of {num_steps}; continue with --resume.", signal_number)


def _out_of_patience(state: TrainState, section: TrainSection) -> bool:
    patience = section.early_stopping_patience
    return patience is not None and state.num_validations_without_gain >= patience


def _clip(weights: Weights, max_grad_norm: float) -> float:
    """Norm of the step's gradient before it is scaled down to ``max_grad_norm`` (0: it is left as it is)."""
    masters = [weight for weight in weights.masters.values() if weight.grad is not None]
    return torch.nn.utils.clip_grad_norm_(masters, max_grad_norm or math.inf).item()


def _count_bad_step(state: TrainState, found: Pass, progress: Progress) -> None:
    bad = [batch for batch, loss in zip(found.batches, found.losses, strict=True) if not math.isfinite(loss)]
    ids = [record_id for batch in bad or found.batches for record_id in batch.record_ids]
    shown = ", ".join(ids[:8]) + (" …" if len(ids) > 8 else "")
    state.num_skipped_steps += 1
    state.num_bad_in_a_row += 1
    if state.num_bad_in_a_row >= MAX_BAD_STEPS:
        raise TrainingError(
            f"The loss or its gradient was not finite in {MAX_BAD_STEPS} steps in a row, last in step {state.step + 1} "
            f"(records {shown}). Lower train.learning_rate, or set train.precision: fp32."
        )
    progress.warn(f"Step {state.step + 1} skipped: its loss or gradient was not finite (records {shown}).")


def _add_to_window(state: TrainState, found: Pass, seconds: float, *, counts: bool) -> None:
    """Add a step to what the next line tells; a skipped one ``counts`` for nothing but its tokens and its time."""
    num_supervised = sum(batch.num_supervised for batch in found.batches)
    num_tokens = sum(batch.num_tokens for batch in found.batches)
    added = {"supervised": num_supervised, "tokens": num_tokens, "seconds": seconds}
    added |= {"loss": found.loss * found.count, "counted": found.count} if counts else {}
    for name, value in added.items():
        state.window[name] += value
    for task, (loss, count) in found.tasks.items() if counts else ():
        total = state.task_window.setdefault(task, [0.0, 0])
        total[0], total[1] = total[0] + loss, total[1] + count
    state.seconds += seconds
    state.num_tokens += num_tokens


def _close_window(state: TrainState, order: Order, optimizer: Optimizers, grad_norm: float) -> dict[str, Any]:
    """The line for metrics.jsonl: means since the last one, each token counting the same."""
    window, state.window = state.window, dict.fromkeys(state.window, 0.0)
    tasks, state.task_window = state.task_window, {}
    state.last_loss = window["loss"] / window["counted"] if window["counted"] else None
    line = {
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
    return line | _told_by_task(tasks)


def _told_by_task(tasks: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The mean loss of each task, for a line; nothing where tasks are not told apart."""
    return {"task_losses": {task: loss / count for task, (loss, count) in sorted(tasks.items())}} if tasks else {}


def _note_score(score: float | None, state: TrainState) -> bool:
    """Remember the best score, and whether this was it; an undefined one is no gain."""
    gained = score is not None and math.isfinite(score) and (state.best_score is None or score > state.best_score)
    if gained:
        state.best_step, state.best_score = state.step, score
    state.num_validations_without_gain = 0 if gained else state.num_validations_without_gain + 1
    return gained


def _note_validation(result: Validation | None, state: TrainState, place: Place, by_score: bool) -> bool:
    """Append the validation loss, remember the best; whether this was it. None (asked to stop) is left for the resumed run.

    ``by_score``: it is told, and decides nothing.
    """
    if result is None:
        return False
    line = {"step": state.step, "validation_loss": result.loss, "num_supervised_tokens": result.num_supervised_tokens}
    place.append_metrics(line | _told_by_task(result.tasks))
    best = state.best_validation_loss
    gained = result.loss is not None and math.isfinite(result.loss) and (best is None or result.loss < best)
    state.validated_step = state.step
    if gained:
        state.best_validation_loss = result.loss
    if by_score:
        return False
    state.best_step = state.step if gained else state.best_step
    state.num_validations_without_gain = 0 if gained else state.num_validations_without_gain + 1
    return gained


def _save(
    place: Place, weights: Weights, optimizer: Optimizers, state: TrainState, fingerprint, position, *, keep_best: bool
) -> None:
    epoch, index = divmod(state.step, position["steps_per_epoch"])
    checkpoint = Checkpoint(
        state.step,
        weights.masters,
        optimizer_tensors(optimizer, weights.masters),
        generator_tensors(),
        {
            "train": asdict(state),
            "optimizer": optimizer.counters(),
            "fingerprint": fingerprint,
            "position": {**position, "epoch": epoch, "index": index},
        },
    )
    place.sync_metrics()
    save_checkpoint(place.checkpoints, checkpoint, also_keep=state.best_step if keep_best else None)


def _resume(
    place: Place,
    weights: Weights,
    optimizer: Optimizers,
    fingerprint: dict[str, Any],
    position: dict[str, int],
    progress: Progress,
) -> TrainState:
    """The state of the newest whole checkpoint, put into weights, optimizer and generators; a fresh one where there is none."""
    checkpoint = newest_checkpoint(place.checkpoints, on_damage=progress.warn)
    if checkpoint is None:
        place.truncate_metrics(0, 0)
        return TrainState()
    _check_fingerprint(checkpoint, fingerprint, place.checkpoints, progress)
    _check_length(checkpoint, position["num_steps"], place.checkpoints, progress)
    state = TrainState(**checkpoint.state["train"])
    place.truncate_metrics(checkpoint.step, state.validated_step)
    _restore(checkpoint, weights, optimizer)
    restore_generators(checkpoint.generators)
    progress.say(f"Continuing after step {checkpoint.step}.")
    return state


def _restore(checkpoint: Checkpoint, weights: Weights, optimizer: Optimizers) -> None:
    weights.load(checkpoint.weights)
    load_optimizer_tensors(optimizer, weights.masters, checkpoint.optimizer)
    optimizer.load_counters(checkpoint.state["optimizer"])


def _check_length(checkpoint: Checkpoint, num_steps: int, folder: Path, progress: Progress) -> None:
    """A run may be made longer, and shorter as far as it has not gone yet; the schedule of the learning rate follows."""
    then = checkpoint.state["position"]["num_steps"]
    if checkpoint.step > num_steps:
        raise CheckpointError(
            f"{folder}: {checkpoint.step} steps are done, and the recipe now asks for {num_steps}. Raise train.max_steps or "
            "train.num_train_epochs, or choose another --output-dir."
        )
    if then != num_steps:
        progress.notice(
            f"{then} steps were planned, now {num_steps}: the learning rate follows the new plan from here on."
        )


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
    measured = section.metric_for_best_model or "validation loss"
    times = "validations" if section.metric_for_best_model is None else "evaluations"
    reason = f"no better {measured} in {section.early_stopping_patience} {times}"
    return TrainResult(
        num_steps=state.step,
        num_epochs=round(state.step / order.steps_per_epoch, 4),
        seconds=round(state.seconds, 3),
        tokens_per_second=round(state.num_tokens / state.seconds, 1) if state.seconds else None,
        final_train_loss=state.last_loss,
        best_step=state.best_step,
        best_validation_loss=state.best_validation_loss,
        best_score=state.best_score,
        num_skipped_steps=state.num_skipped_steps,
        stopped_early=stopped_early,
        stop_reason=reason if stopped_early else "finished",
    )
