"""How far a run is: all that is remembered of it beside the weights, and the lines that are told of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.recipe import TrainSection
from tunesmith.training.optim import Optimizers
from tunesmith.training.order import Order
from tunesmith.training.passes import Pass
from tunesmith.training.validation import Validation


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


def out_of_patience(state: TrainState, section: TrainSection) -> bool:
    """Whether the measurements have not become better for as long as the recipe waits."""
    patience = section.early_stopping_patience
    return patience is not None and state.num_validations_without_gain >= patience


def add_to_window(state: TrainState, found: Pass, seconds: float, *, counts: bool) -> None:
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


def close_window(state: TrainState, order: Order, optimizer: Optimizers, grad_norm: float) -> dict[str, Any]:
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


def note_score(score: float | None, state: TrainState) -> bool:
    """Remember the best score, and whether this was it; an undefined one is no gain."""
    gained = score is not None and math.isfinite(score) and (state.best_score is None or score > state.best_score)
    if gained:
        state.best_step, state.best_score = state.step, score
    state.num_validations_without_gain = 0 if gained else state.num_validations_without_gain + 1
    return gained


def validation_line(result: Validation, state: TrainState) -> dict[str, Any]:
    """What is told of a validation in metrics.jsonl."""
    line = {"step": state.step, "validation_loss": result.loss, "num_supervised_tokens": result.num_supervised_tokens}
    return line | _told_by_task(result.tasks)


def note_validation(result: Validation, state: TrainState, by_score: bool) -> bool:
    """Remember the best validation loss, and whether this was it. ``by_score``: it decides nothing."""
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
