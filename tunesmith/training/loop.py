"""The one training loop: it knows no method, no architecture and no objective by name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tunesmith.errors import CheckpointError, Interrupted, TrainingError
from tunesmith.model.forward import Forward
from tunesmith.progress import Bar, Progress
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
from tunesmith.training.optim import load_optimizer_tensors, optimizer_of, optimizer_tensors
from tunesmith.training.order import Order, by_length, order_of
from tunesmith.training.passes import Fitting, Pass, Rows, accumulate
from tunesmith.training.precision import Weights
from tunesmith.training.schedule import learning_rate_factor
from tunesmith.training.state import (
    TrainState,
    add_to_window,
    close_window,
    note_score,
    note_validation,
    out_of_patience,
    validation_line,
)
from tunesmith.training.validation import Validation, validate

MAX_BAD_STEPS = 3
"""Steps in a row whose gradient may be infinite or undefined before the run stops."""
OnStep = Callable[[int, nn.Module], float | None]
"""Called with the number of a step and the forward; may give a score."""


@dataclass(frozen=True)
class Place:
    """Where a run keeps what the loop writes: its checkpoints, and its metrics one line at a time."""

    checkpoints: Path
    append_metrics: Callable[[dict[str, Any]], None]
    truncate_metrics: Callable[[int, int], None]
    sync_metrics: Callable[[], None] = lambda: None


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
    forward: Forward,
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
    on_step: OnStep | None = None,
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
    loop = Loop(
        forward, objective, train_rows, validation_rows, section, place, progress, fingerprint, should_stop, on_step,
        on_step_every,
    )  # fmt: skip
    if resume:
        loop.resume()
    forward.train()
    with (
        noisy_embeddings(forward, section.neftune_noise_alpha),
        progress.bar("Training", loop.num_steps, "step") as bar,
    ):
        loop.take_all_steps(bar)
    loop.keep_the_best()
    forward.eval()
    return _result(loop.state, loop.order, section)


@dataclass(eq=False)
class Loop:
    """A run under way: what it learns from, how far it is, and the parts of a step. The fields are those of `train`."""

    forward: Forward
    objective: Objective
    train_rows: Rows
    validation_rows: Rows
    section: TrainSection
    place: Place
    progress: Progress
    fingerprint: dict[str, Any]
    should_stop: Callable[[], int | None]
    on_step: OnStep | None
    on_step_every: int

    def __post_init__(self) -> None:
        section, validation_lengths = self.section, self.validation_rows.lengths
        self.order = order_of(self.train_rows.lengths, section, self.forward)
        self.num_steps = num_steps_of(section, self.order.steps_per_epoch)
        self.save_every = section.save_steps or self.order.steps_per_epoch
        self.validate_every = section.eval_steps or self.order.steps_per_epoch
        self.keeps_best = section.early_stopping_patience is not None
        self.by_score = section.metric_for_best_model is not None
        self.weights = Weights(self.forward.model, section.precision)
        keep_freed_memory()
        self.optimizer = optimizer_of(self.weights, section)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.fitting = Fitting(self.weights, self.progress)
        self.state = TrainState()
        self.validation_batches = list(
            by_length(range(len(validation_lengths)), validation_lengths, section.per_device_train_batch_size)
        )

    def resume(self) -> None:
        """Go on from the newest whole checkpoint, or from nothing where there is none."""
        checkpoint = newest_checkpoint(self.place.checkpoints, on_damage=self.progress.warn)
        if checkpoint is None:
            self.place.truncate_metrics(0, 0)
            return
        _check_fingerprint(checkpoint, self.fingerprint, self.place.checkpoints, self.progress)
        _check_length(checkpoint, self.num_steps, self.place.checkpoints, self.progress)
        self.state = TrainState(**checkpoint.state["train"])
        self.fitting.max_tokens = self.state.max_batch_tokens
        self.place.truncate_metrics(checkpoint.step, self.state.validated_step)
        self._restore(checkpoint)
        restore_generators(checkpoint.generators)
        self.progress.say(f"Continuing after step {checkpoint.step}.")

    def take_all_steps(self, bar: Bar) -> None:
        """Every step that is left, with the measurements and checkpoints that are due after it."""
        bar.advance(self.state.step)
        if self.is_validation_due():  # the one the run was stopped before or in
            self.validate()
            self._stop_if_asked(self.should_stop())
        while not self.is_over():
            self.take_step(bar)
            gained = self.measure()
            signal_number = self.should_stop()
            if signal_number is None and self.is_validation_due():
                gained = self.validate() or gained
                signal_number = self.should_stop()
            is_due = self.state.step % self.save_every == 0 or (gained and self.keeps_best)
            if is_due or self.is_over() or signal_number is not None:
                self.save()
            if self.state.step < self.num_steps:
                self._stop_if_asked(signal_number)

    def is_over(self) -> bool:
        """Whether all steps are taken, or there is no patience left."""
        return self.state.step >= self.num_steps or out_of_patience(self.state, self.section)

    def take_step(self, bar: Bar) -> None:
        """One update of the weights, or none where its gradient is not finite; logged where that is due."""
        state, started = self.state, time.perf_counter()
        self._set_learning_rate()
        found = self.fitting.take(self._learn, self.order.micro_batches(state.step), self.train_rows.lengths)
        grad_norm = _clip(self.weights, self.section.max_grad_norm)
        is_finite = math.isfinite(grad_norm) and math.isfinite(found.loss)
        if is_finite:
            self.optimizer.step()
            self.weights.publish()
            state.num_bad_in_a_row = 0
        else:
            _count_bad_step(state, found, self.progress)
        self.optimizer.zero_grad()

        state.step, state.max_batch_tokens = state.step + 1, self.fitting.max_tokens
        add_to_window(state, found, time.perf_counter() - started, counts=is_finite)
        if self._is_due(self.section.logging_steps):
            line = close_window(state, self.order, self.optimizer, grad_norm)
            self.place.append_metrics(line)
            bar.update(loss=line["loss"], tokens_per_second=line["tokens_per_second"])
        bar.advance(1)

    def measure(self) -> bool:
        """Ask ``on_step`` where it is due; whether its score is the best so far, and is what decides."""
        if self.on_step is None or not self._is_due(self.on_step_every):
            return False
        with self._standing_where_kept():
            score = self.on_step(self.state.step, self.forward)
        return self.by_score and note_score(score, self.state)

    def is_validation_due(self) -> bool:
        """Whether the validation loss is to be measured now, and was not yet."""
        has_rows, is_new = bool(self.validation_batches), self.state.validated_step < self.state.step
        return has_rows and is_new and self._is_due(self.validate_every)

    def validate(self) -> bool:
        """Measure the validation loss and tell it; whether it is the best so far, and is what decides."""
        result = self.fitting.take(self._look, self.validation_batches, self.validation_rows.lengths)
        if result is None:  # asked to stop: left for the resumed run
            return False
        self.place.append_metrics(validation_line(result, self.state))
        return note_validation(result, self.state, self.by_score)

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        step, weights, optimizer = self.state.step, self.weights, self.optimizer
        epoch, index = divmod(step, self.order.steps_per_epoch)
        position = {
            "num_steps": self.num_steps, "steps_per_epoch": self.order.steps_per_epoch, "seed": self.section.seed,
            "epoch": epoch, "index": index,
        }  # fmt: skip
        state = {
            "train": asdict(self.state),
            "optimizer": optimizer.counters(),
            "fingerprint": self.fingerprint,
            "position": position,
        }
        tensors = weights.masters, optimizer_tensors(optimizer, weights.masters), generator_tensors()
        self.place.sync_metrics()
        best = self.state.best_step if self.keeps_best else None
        save_checkpoint(self.place.checkpoints, Checkpoint(step, *tensors, state), also_keep=best)

    def keep_the_best(self) -> None:
        """Go back to the best weights where those are to be kept, and to the average where there is one."""
        if self.keeps_best and self.state.best_step not in (None, self.state.step):
            self._restore(load_checkpoint(self.place.checkpoints, self.state.best_step))
        if self.optimizer.has_average:
            self.weights.move_to(self.optimizer.averaged)

    def _is_due(self, every: int) -> bool:
        return self.state.step % every == 0 or self.state.step == self.num_steps

    def _set_learning_rate(self) -> None:
        warmup, shape = self.section.warmup_ratio, self.section.lr_scheduler_type
        factor = learning_rate_factor(self.state.step, num_steps=self.num_steps, warmup_ratio=warmup, shape=shape)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor

    def _learn(self, micro_batches: list[list[int]]) -> Pass:
        batches = [self.train_rows.collate(rows).to(self.forward.device) for rows in micro_batches]
        return accumulate(self.forward, self.objective, batches, self.weights, self.train_rows.tasks)

    def _look(self, micro_batches: list[list[int]]) -> Validation | None:
        rows = self.validation_rows
        batches = [lambda chosen=chosen: rows.collate(chosen).to(self.forward.device) for chosen in micro_batches]
        with self._standing_where_kept():
            return validate(self.forward, self.objective, batches, self.should_stop, rows.tasks)

    def _standing_where_kept(self) -> AbstractContextManager[None]:
        """While it lasts the weights are those that would be kept: the average, where there is one."""
        return self.weights.standing_at(self.optimizer.averaged if self.optimizer.has_average else None)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.weights.load(checkpoint.weights)
        load_optimizer_tensors(self.optimizer, self.weights.masters, checkpoint.optimizer)
        self.optimizer.load_counters(checkpoint.state["optimizer"])

    def _stop_if_asked(self, signal_number: int | None) -> None:
        if signal_number is not None:
            raise Interrupted(
                f"Stopped after step {self.state.step} of {self.num_steps}; continue with --resume.", signal_number
            )


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
    stopped_early = out_of_patience(state, section)
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
