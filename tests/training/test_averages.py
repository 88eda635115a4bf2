"""Every optimizer in the loop: resumed bitwise, skipped whole, measured and kept at the average where there is one."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch

from tests.training.rows import batch_of, forward_of, load, random_examples, rows_of
from tests.training.runs import Folder, Listening, same
from tests.training.test_loop import BadAt, Stops, run, section
from tunesmith.errors import Interrupted
from tunesmith.progress import SilentProgress
from tunesmith.recipe import FullSection, LoraSection, OptimizerName
from tunesmith.training.checkpoint import load_checkpoint
from tunesmith.training.loop import train
from tunesmith.training.objectives import Sft
from tunesmith.training.optim import build_optimizer, load_optimizer_tensors
from tunesmith.training.precision import Weights
from tunesmith.training.validation import validate

OPTIMIZERS = [{"optimizer": name} for name in get_args(OptimizerName)]
AVERAGING = [{"optimizer": "schedule_free"}, {"ema_decay": 0.8}]


def settings(options: dict, **changes) -> dict:
    """Of a short run; schedule-free wants a constant rate, the loop's tests have one anyway."""
    return dict(max_steps=5, learning_rate=5e-3, weight_decay=0.1, warmup_ratio=0.4) | options | changes


def named(options: dict) -> str:
    return "-".join(str(value) for value in options.values())


LORA = LoraSection(method="lora", r=4, lora_dropout=0.1)
CELLS = [
    ({"optimizer": "adamw"}, "gpt2", LORA, "fp32"),
    ({"optimizer": "adamw_8bit"}, "llama", FullSection(), "fp32"),
    ({"optimizer": "adafactor"}, "t5", FullSection(), "bf16"),
    ({"optimizer": "muon"}, "gpt2", LORA, "fp32"),
    ({"optimizer": "schedule_free"}, "llama", LORA, "fp32"),
    ({"optimizer": "schedule_free"}, "t5", FullSection(), "bf16"),
    ({"ema_decay": 0.8}, "gpt2", FullSection(), "fp32"),
    ({"ema_decay": 0.8}, "t5", LORA, "bf16"),
]


@pytest.mark.parametrize(("options", "shape", "method", "precision"), CELLS, ids=lambda part: str(part)[:30])
def test_a_resumed_run_ends_in_the_same_bytes(model_folders, tmp_path, options, shape, method, precision):
    """D1: the final weights, and all that the last checkpoint holds; with validations, which must leave no trace."""
    options = settings(options, precision=precision, eval_steps=2, validation=True)
    whole, stopped = Folder(tmp_path / "whole"), Folder(tmp_path / "stopped")
    expected, _, _ = run(whole, model_folders[shape], method, **options)
    with pytest.raises(Interrupted):
        run(stopped, model_folders[shape], method, should_stop=Stops(3), **options)
    torch.manual_seed(99)
    resumed, _, _ = run(stopped, model_folders[shape], method, resume=True, **options)
    assert same(expected, resumed)
    one, other = (load_checkpoint(folder.path / "checkpoints", 5) for folder in (whole, stopped))
    assert same(one.weights, other.weights)
    assert same(one.optimizer, other.optimizer)
    assert one.state["optimizer"] == other.state["optimizer"]
    losses = [[line.get("loss", line.get("validation_loss")) for line in folder.metrics] for folder in (whole, stopped)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("options", "precision"), zip(AVERAGING, ("fp32", "bf16")), ids=["schedule_free", "ema"])
def test_validation_leaves_no_trace_where_it_is_done_at_the_average(model_folders, tmp_path, options, precision):
    """P12: the trained weights are put back bit for bit."""
    found = []
    for name, validation in (("a", False), ("b", True)):
        options = settings(options, precision=precision)
        run(Folder(tmp_path / name), model_folders["llama"], eval_steps=1, validation=validation, **options)
        found.append(load_checkpoint(tmp_path / name / "checkpoints", 5))
    assert same(found[0].weights, found[1].weights)
    assert same(found[0].optimizer, found[1].optimizer)


@pytest.mark.parametrize("options", AVERAGING, ids=named)
def test_a_finished_run_resumed_gives_its_average_again(model_folders, tmp_path, options):
    options = settings(options)
    final, _, _ = run(Folder(tmp_path), model_folders["llama"], **options)
    assert same(final, run(Folder(tmp_path), model_folders["llama"], resume=True, **options)[0])


@pytest.mark.parametrize("options", AVERAGING, ids=named)
def test_the_average_is_what_is_measured_and_what_is_kept(model_folder, tmp_path, options):
    folder, options = Folder(tmp_path), settings(options)
    final, _, _ = run(folder, model_folder, eval_steps=5, validation=True, **options)
    checkpoint = load_checkpoint(tmp_path / "checkpoints", 5)
    loaded = load(model_folder)
    loaded.model.requires_grad_(True)
    weights = Weights(loaded.model, "fp32")
    weights.load(checkpoint.weights)
    optimizer = build_optimizer(
        weights, name=options.get("optimizer", "adamw"), learning_rate=1e-3, weight_decay=0.0,
        ema_decay=options.get("ema_decay"),
    )  # fmt: skip
    load_optimizer_tensors(optimizer, weights.masters, checkpoint.optimizer)
    trained = {name: master.detach().clone() for name, master in weights.masters.items()}
    weights.move_to(optimizer.averaged)
    average = dict(weights.masters)
    assert all(torch.equal(final[name], average[name]) for name in average)
    assert not same({name: w.detach() for name, w in average.items()}, trained)
    rows = [lambda: batch_of(loaded, random_examples(loaded.kind, seed=9))]
    measured = folder.metrics[-1]["validation_loss"]
    assert measured == pytest.approx(validate(forward_of(loaded), Sft(), rows).loss, abs=1e-5)


def test_the_best_average_is_kept_when_training_stops_early(model_folders, tmp_path):
    options = dict(max_steps=60, learning_rate=0.1, eval_steps=1, ema_decay=0.5, validation=True)
    weights, result, _ = run(Folder(tmp_path / "long"), model_folders["llama"], early_stopping_patience=2, **options)
    assert result.best_step < result.num_steps < 60
    best, _, _ = run(Folder(tmp_path / "short"), model_folders["llama"], **options | {"max_steps": result.best_step})
    assert same(weights, best)


@pytest.mark.parametrize("options", [*OPTIMIZERS, AVERAGING[1]], ids=named)
def test_a_step_that_is_skipped_leaves_nothing_behind(model_folders, tmp_path, options):
    """L24: weights, optimizer and average are bitwise what they were, and the next steps those of a run without it."""
    loaded = load(model_folders["llama"])
    loaded.model.requires_grad_(True)
    rows = rows_of(loaded, random_examples("causal"))
    train(
        forward_of(loaded), BadAt(3), rows, rows_of(loaded, []), section(**settings(options, max_steps=3), gradient_accumulation_steps=1),
        Folder(tmp_path).place, progress=SilentProgress(), fingerprint={},
    )  # fmt: skip
    before, after = (load_checkpoint(tmp_path / "checkpoints", step) for step in (2, 3))
    assert same(before.weights, after.weights)
    assert same(before.optimizer, after.optimizer)
    assert before.state["optimizer"] == after.state["optimizer"]
    assert after.state["train"]["num_skipped_steps"] == 1


def test_the_rows_of_the_micro_batch_that_went_wrong_are_named(model_folders, tmp_path):
    loaded, heard = load(model_folders["llama"]), Listening()
    rows = rows_of(loaded, random_examples("causal"))
    collated = []
    objective = BadAt(2)
    seen = objective.losses
    objective.losses = lambda forward, batch: collated.append(batch.record_ids) or seen(forward, batch)
    folder = Folder(tmp_path)
    train(
        forward_of(loaded), objective, rows, rows_of(loaded, []), section(max_steps=1, gradient_accumulation_steps=2),
        folder.place, progress=heard, fingerprint={},
    )  # fmt: skip
    assert len(collated) == 2
    assert f"(records {', '.join(collated[1])})" in heard.heard[0]
    assert folder.metrics[0]["loss"] is None
    assert folder.metrics[0]["num_tokens"] > 0


def test_a_skipped_step_does_not_hide_the_losses_of_the_others(model_folders, tmp_path):
    lines = []
    for bad in ((), (2,)):
        loaded = load(model_folders["llama"])
        rows, folder = rows_of(loaded, random_examples("causal")), Folder(tmp_path / str(bad))
        train(
            forward_of(loaded), BadAt(*bad), rows, rows_of(loaded, []),
            section(max_steps=4, gradient_accumulation_steps=1, logging_steps=4, learning_rate=1e-12),
            folder.place, progress=SilentProgress(), fingerprint={},
        )  # fmt: skip
        lines.append(folder.metrics[0])
    assert lines[1]["loss"] == pytest.approx(lines[0]["loss"], abs=0.5)
    assert lines[1]["loss"] != lines[0]["loss"]
    assert lines[1]["num_tokens"] == lines[0]["num_tokens"]


def test_tasks_are_told_apart_in_the_lines(model_folders, tmp_path):
    loaded = load(model_folders["llama"])
    tasks = ["qa" if number % 3 else "chat" for number in range(13)]
    examples = [replace(example, task=task) for example, task in zip(random_examples("causal"), tasks)]
    rows = replace(rows_of(loaded, examples), tasks=["chat", "qa"])
    folder = Folder(tmp_path)
    train(
        forward_of(loaded), Sft(), rows, rows, section(max_steps=8, logging_steps=4, learning_rate=1e-12, eval_steps=4),
        folder.place, progress=SilentProgress(), fingerprint={},
    )  # fmt: skip
    lines = (
        [line for line in folder.metrics if "loss" in line],
        [line for line in folder.metrics if "validation_loss" in line],
    )
    assert [len(found) for found in lines] == [2, 2]
    for line in folder.metrics:
        assert list(line["task_losses"]) == ["chat", "qa"]
    # an epoch has four steps, and hardly anything moves: what is trained on is what is measured
    assert lines[0][0]["task_losses"] == pytest.approx(lines[1][0]["task_losses"], abs=1e-5)


def test_what_is_known_of_tasks_so_far_is_in_the_checkpoint(model_folders, tmp_path):
    def lines(folder: Folder, **options) -> list:
        loaded = load(model_folders["llama"])
        examples = [replace(e, task="qa" if k % 3 else "chat") for k, e in enumerate(random_examples("causal"))]
        rows = replace(rows_of(loaded, examples), tasks=["chat", "qa"])
        train(
            forward_of(loaded), Sft(), rows, rows_of(loaded, []), section(max_steps=4, logging_steps=4), folder.place,
            progress=SilentProgress(), fingerprint={}, **options,
        )  # fmt: skip
        return [line["task_losses"] for line in folder.metrics]

    with pytest.raises(Interrupted):
        lines(Folder(tmp_path / "stopped"), should_stop=Stops(2))
    assert lines(Folder(tmp_path / "stopped"), resume=True) == lines(Folder(tmp_path / "whole"))


@pytest.mark.parametrize(
    "changes", [{"neftune_noise_alpha": 5.0}, {"label_smoothing_factor": 0.2}, {"task_weights": {"": 3}}], ids=str
)
def test_what_the_recipe_says_of_the_loss_moves_the_weights(model_folders, tmp_path, changes):
    """Weights that are all alike move nothing."""
    plain, _, _ = run(Folder(tmp_path / "plain"), model_folders["llama"], max_steps=2)
    one, other = (
        run(
            Folder(tmp_path / str(k)),
            model_folders["llama"],
            max_steps=2,
            objective=Sft.of(section(**changes)),
            **changes,
        )[0]
        for k in range(2)
    )
    assert same(one, other)
    assert same(plain, one) == ("task_weights" in changes)
