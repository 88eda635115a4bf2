"""The loop: what it trains, what it leaves alone, how it stops and how it goes on."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch

from tests.training.rows import forward_of, load, random_examples, rows_of
from tunesmith.errors import CheckpointError, Interrupted, TrainingError
from tunesmith.model import adapters
from tunesmith.progress import SilentProgress
from tunesmith.recipe import FullSection, LoraSection, TrainSection
from tunesmith.training.loop import MAX_BAD_STEPS, Place, num_steps_of, train
from tunesmith.training.objectives import Sft
from tunesmith.training.order import Order
from tunesmith.training.schedule import learning_rate_factor


class Folder:
    """A place to train in, with metrics kept in a list."""

    def __init__(self, path: Path):
        self.path, self.metrics = path, []

    @property
    def place(self) -> Place:
        return Place(self.path / "checkpoints", self.metrics.append, self._cut)

    def _cut(self, step: int) -> None:
        self.metrics[:] = [line for line in self.metrics if line["step"] <= step]


class Listening(SilentProgress):
    """Remembers what was said."""

    def __init__(self):
        self.heard: list[str] = []

    def say(self, text):
        self.heard.append(text)

    def warn(self, text):
        self.heard.append(text)


def section(**changes) -> TrainSection:
    values = dict(
        num_train_epochs=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        learning_rate=1e-2,
        logging_steps=1,
        save_steps=1,
        lr_scheduler_type="constant",
        warmup_ratio=0.0,
    )
    return TrainSection(**values | changes)


def run(folder: Folder, model_folder: Path, method=FullSection(), *, resume=False, progress=None, validation=(), prepare=None, **kwargs):
    """Train a fresh copy of the model; returns (the trained weights by name, the result, the model)."""
    loaded = load(model_folder)
    torch.manual_seed(5)
    model = adapters.attach(loaded.model, method)
    if prepare is not None:
        prepare(model)
    options = {key: kwargs.pop(key) for key in ("should_stop", "on_step", "fingerprint") if key in kwargs}
    forward = forward_of(loaded)
    forward.model = model
    rows, held_out = (rows_of(loaded, random_examples(loaded.kind, seed=seed)) for seed in (0, 9))
    result = train(
        forward,
        Sft(),
        rows,
        held_out if validation else rows_of(loaded, []),
        section(**kwargs),
        folder.place,
        progress=progress or SilentProgress(),
        fingerprint=options.pop("fingerprint", {}),
        resume=resume,
        **options,
    )
    return {name: p.detach().clone() for name, p in model.named_parameters()}, result, model


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", [FullSection(), LoraSection(method="lora", r=4)], ids=["full", "lora"])
def test_every_trainable_weight_moves_and_every_frozen_one_stays(model_folder, tmp_path, method):
    """P1."""
    before = {}
    after, _, model = run(
        Folder(tmp_path), model_folder, method, max_steps=3,
        prepare=lambda model: before.update({name: p.detach().clone() for name, p in model.named_parameters()}),
    )  # fmt: skip
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trainable
    assert all(not torch.equal(before[name], after[name]) for name in trainable)
    assert all(torch.equal(before[name], after[name]) for name in after.keys() - trainable)
    assert (len(trainable) < len(after)) == (method.method == "lora")


@pytest.mark.parametrize("method", [FullSection(), LoraSection(method="lora", r=4, lora_dropout=0.1)], ids=["full", "lora"])
def test_resumed_weights_equal_uninterrupted_ones_bitwise_at_every_step_of_an_epoch(model_folder, tmp_path, method):
    """D1: with dropout, so that a lost random state would show; 13 rows make 4 steps an epoch, so 5 crosses a boundary."""
    whole, _, _ = run(Folder(tmp_path / "whole"), model_folder, method, max_steps=6)
    for stop_at in (1, 2, 3, 4, 5):
        folder = Folder(tmp_path / f"stopped{stop_at}")
        with pytest.raises(Interrupted):
            run(folder, model_folder, method, max_steps=6, should_stop=Stops(stop_at))
        torch.manual_seed(1000 + stop_at)
        resumed, result, _ = run(folder, model_folder, method, max_steps=6, resume=True)
        assert same(whole, resumed)
        assert result.num_steps == 6
        assert [line["step"] for line in folder.metrics] == [1, 2, 3, 4, 5, 6]


class Stops:
    """Asks the loop to stop after so many steps."""

    def __init__(self, steps: int):
        self.left = steps

    def __call__(self) -> int | None:
        self.left -= 1
        return signal.SIGTERM if self.left <= 0 else None


def test_bf16_masters_resume_bitwise_too(model_folder, tmp_path):
    whole, _, _ = run(Folder(tmp_path / "a"), model_folder, max_steps=4, precision="bf16")
    with pytest.raises(Interrupted):
        run(Folder(tmp_path / "b"), model_folder, max_steps=4, precision="bf16", should_stop=Stops(2))
    resumed, _, _ = run(Folder(tmp_path / "b"), model_folder, max_steps=4, precision="bf16", resume=True)
    assert same(whole, resumed)
    assert {p.dtype for p in whole.values()} == {torch.bfloat16}


def test_bf16_masters_collect_updates_too_small_for_bf16(model_folders, tmp_path):
    """At this rate most single updates round to nothing in bfloat16; the float32 masters keep them."""
    from tunesmith.training.checkpoint import newest_checkpoint

    _, _, model = run(Folder(tmp_path), model_folders["llama"], max_steps=5, precision="bf16", learning_rate=1e-6)
    masters = newest_checkpoint(tmp_path / "checkpoints", on_damage=print).weights
    start = {name: p.detach() for name, p in load(model_folders["llama"]).model.named_parameters()}
    moved = sum((masters[name] != start[name]).sum().item() for name in masters) / sum(p.numel() for p in start.values())
    moved_bf16 = sum((p.float() != start[name].bfloat16().float()).sum().item() for name, p in model.named_parameters())
    assert moved > 0.3
    assert moved_bf16 / sum(p.numel() for p in start.values()) < moved / 2


def test_validation_leaves_no_trace_in_the_training(model_folder, tmp_path):
    """P12: the same weights with and without it, and the model is back in training mode."""
    modes = []
    method = LoraSection(method="lora", r=4, lora_dropout=0.2)
    without, _, _ = run(Folder(tmp_path / "a"), model_folder, method, max_steps=6)
    folder = Folder(tmp_path / "b")
    with_validation, _, _ = run(
        folder, model_folder, method, max_steps=6, eval_steps=2, validation=True,
        on_step=lambda step, forward: modes.append(forward.training),
    )  # fmt: skip
    assert same(without, with_validation)
    assert modes == [True] * 6
    assert [line["step"] for line in folder.metrics if "validation_loss" in line] == [2, 4, 6]


def test_the_loss_falls_on_what_is_trained(model_folder, tmp_path):
    folder = Folder(tmp_path)
    run(folder, model_folder, num_train_epochs=15)
    assert folder.metrics[-1]["loss"] < 0.8 * folder.metrics[0]["loss"]


def test_early_stopping_keeps_the_best_weights(model_folders, tmp_path):
    folder = Folder(tmp_path)
    weights, result, _ = run(
        folder, model_folders["llama"], max_steps=60, learning_rate=0.05, eval_steps=1, early_stopping_patience=2, validation=True
    )
    losses = {line["step"]: line["validation_loss"] for line in folder.metrics if "validation_loss" in line}
    assert result.stopped_early
    assert result.num_steps < 60
    assert result.best_step == min(losses, key=losses.get)
    assert result.best_validation_loss == losses[result.best_step]
    best, _, _ = run(Folder(tmp_path / "short"), model_folders["llama"], max_steps=result.best_step, learning_rate=0.05)
    assert same(weights, best)


def test_a_resumed_early_stopped_run_stays_stopped(model_folders, tmp_path):
    options = dict(max_steps=60, learning_rate=0.05, eval_steps=1, early_stopping_patience=2, validation=True)
    weights, result, _ = run(Folder(tmp_path), model_folders["llama"], **options)
    again, again_result, _ = run(Folder(tmp_path), model_folders["llama"], resume=True, **options)
    assert same(weights, again)
    assert again_result.num_steps == result.num_steps


def test_a_step_whose_gradient_is_not_finite_is_skipped_and_its_records_named(model_folders, tmp_path):
    class BadOnce(Sft):
        calls = 0

        def losses(self, forward, batch):
            BadOnce.calls += 1
            terms = super().losses(forward, batch)
            return {"loss": terms["loss"] * (float("inf") if BadOnce.calls == 1 else 1.0)}

    loaded = load(model_folders["llama"])
    adapters.attach(loaded.model, FullSection())
    heard, folder = Listening(), Folder(tmp_path)
    before = {name: p.detach().clone() for name, p in loaded.model.named_parameters()}
    seen = []
    result = train(
        forward_of(loaded), BadOnce(), rows_of(loaded, random_examples("causal")), rows_of(loaded, []), section(max_steps=2),
        folder.place, progress=heard, fingerprint={},
        on_step=lambda step, forward: seen.append({n: p.detach().clone() for n, p in loaded.model.named_parameters()}),
    )  # fmt: skip
    assert same(before, seen[0])
    assert not same(before, seen[1])
    assert result.num_skipped_steps == 1
    assert "Step 1 skipped" in heard.heard[0]
    assert "records r" in heard.heard[0]
    assert folder.metrics[0]["grad_norm"] is None


def test_training_stops_when_no_gradient_is_finite(model_folders, tmp_path):
    class Bad(Sft):
        def losses(self, forward, batch):
            return {"loss": super().losses(forward, batch)["loss"] * float("nan")}

    loaded = load(model_folders["llama"])
    rows = rows_of(loaded, random_examples("causal"))
    with pytest.raises(TrainingError, match=rf"not finite in {MAX_BAD_STEPS} steps in a row.*learning_rate"):
        train(forward_of(loaded), Bad(), rows, rows_of(loaded, []), section(), Folder(tmp_path).place, progress=SilentProgress(), fingerprint={})


def test_a_checkpoint_of_another_recipe_is_refused(model_folders, tmp_path):
    run(Folder(tmp_path), model_folders["llama"], max_steps=2, fingerprint={"data": "one"})
    with pytest.raises(CheckpointError, match=r"another recipe \(data was 'one', now 'two'\)"):
        run(Folder(tmp_path), model_folders["llama"], max_steps=4, resume=True, fingerprint={"data": "two"})


def test_another_environment_is_told_but_not_refused(model_folders, tmp_path):
    run(Folder(tmp_path), model_folders["llama"], max_steps=1, fingerprint={"environment.threads": 1})
    heard = Listening()
    run(Folder(tmp_path), model_folders["llama"], max_steps=2, resume=True, fingerprint={"environment.threads": 2}, progress=heard)
    assert any("threads 1 → 2" in line for line in heard.heard)


def test_resume_falls_back_to_the_checkpoint_before_a_damaged_one(model_folders, tmp_path):
    whole, _, _ = run(Folder(tmp_path / "whole"), model_folders["llama"], max_steps=4)
    folder = Folder(tmp_path / "damaged")
    with pytest.raises(Interrupted):
        run(folder, model_folders["llama"], max_steps=4, should_stop=Stops(3))
    newest = tmp_path / "damaged/checkpoints/step-000003/weights.safetensors"
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes(content)
    heard = Listening()
    resumed, _, _ = run(folder, model_folders["llama"], max_steps=4, resume=True, progress=heard)
    assert same(whole, resumed)
    assert "step-000003/weights.safetensors: changed since it was written" in heard.heard[0]
    assert (tmp_path / "damaged/checkpoints/step-000003.damaged").is_dir()
    assert [line["step"] for line in folder.metrics] == [1, 2, 3, 4]


def test_metrics_lines_can_be_written_as_json_and_count_every_token(model_folder, tmp_path):
    folder = Folder(tmp_path)
    run(folder, model_folder, num_train_epochs=1)
    loaded = load(model_folder)
    examples = random_examples(loaded.kind)
    json.dumps(folder.metrics, allow_nan=False)
    supervised = sum(sum(e.supervised[1:]) if loaded.kind == "causal" else len(e.target_ids) for e in examples)
    assert sum(line["num_supervised_tokens"] for line in folder.metrics) == supervised
    assert {"step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second"} <= folder.metrics[0].keys()


# -- order and schedule ------------------------------------------------------------------------------------------------


def test_every_row_is_seen_once_an_epoch_in_an_order_that_only_the_seed_decides():
    order = Order(lengths=[i % 7 for i in range(50)], rows_per_batch=4, batches_per_step=3, seed=1)
    assert order.steps_per_epoch == 5
    epochs = [[row for step in range(5) for batch in order.micro_batches(e * 5 + step) for row in batch] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(50))
    assert epochs[0] != epochs[1]
    other = Order(order.lengths, 4, 3, seed=2)
    assert order.micro_batches(3) == Order(order.lengths, 4, 3, seed=1).micro_batches(3) != other.micro_batches(3)
    assert [len(batch) for batch in order.micro_batches(4)] == [2]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        ("cosine", [0.5, 1, 1, 0.96194, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.03806]),
    ],
)
def test_learning_rate_warms_up_and_follows_its_shape(shape, expected):
    factors = [learning_rate_factor(step, num_steps=10, warmup_ratio=0.2, shape=shape) for step in range(10)]
    assert factors == pytest.approx(expected, abs=1e-5)


def test_learning_rate_equals_transformers_schedules():
    from transformers import get_cosine_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 0, 40)
    for step in range(40):
        ours = learning_rate_factor(step, num_steps=40, warmup_ratio=0.0, shape="cosine")
        assert ours == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_max_steps_wins_over_epochs():
    assert num_steps_of(section(num_train_epochs=1.5), 5) == 8
    assert num_steps_of(section(num_train_epochs=1.5, max_steps=3), 5) == 3
