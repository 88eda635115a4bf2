"""The loop: what it trains, what it leaves alone, how it stops and how it goes on."""

from __future__ import annotations

import itertools
import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.training.rows import forward_of, load, random_examples, rows_of
from tests.training.runs import Folder, Listening, same, train_section
from tunesmith.errors import Interrupted, TrainingError
from tunesmith.model import adapters
from tunesmith.progress import SilentBar, SilentProgress
from tunesmith.recipe import FullSection, TrainSection
from tunesmith.training import loop
from tunesmith.training.loop import Rows, _clip, accumulate, num_steps_of, train
from tunesmith.training.objectives import Sft
from tunesmith.training.order import Order, by_length
from tunesmith.training.precision import Weights
from tunesmith.training.schedule import learning_rate_factor
from tunesmith.training.validation import Validation


def section(**changes) -> TrainSection:
    """Steps of two micro-batches."""
    return train_section(**{"gradient_accumulation_steps": 2} | changes)


def run(
    folder: Folder,
    model_folder: Path,
    method=FullSection(),
    *,
    resume=False,
    progress=None,
    validation=(),
    prepare=None,
    **kwargs,
):
    """Train a fresh copy of the model; returns (the trained weights by name, the result, the model)."""
    loaded = load(model_folder)
    torch.manual_seed(5)
    model = adapters.attach(loaded.model, method)
    if prepare is not None:
        prepare(model)
    options = {key: kwargs.pop(key) for key in ("should_stop", "on_step", "fingerprint") if key in kwargs}
    objective = kwargs.pop("objective", Sft())
    forward = forward_of(loaded)
    forward.model = model
    rows, held_out = (rows_of(loaded, random_examples(loaded.kind, seed=seed)) for seed in (0, 9))
    result = train(
        forward,
        objective,
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


class Watched(SilentProgress, SilentBar):
    """Remembers the loss that stands beside each count of steps."""

    def __init__(self):
        self.loss, self.seen = None, []

    def bar(self, description, total=None, unit=""):
        return self

    def update(self, **fields):
        self.loss = fields["loss"]

    def advance(self, n=1):
        self.seen.append(self.loss)


def test_what_is_seen_on_the_way_is_the_loss_of_the_step_that_is_counted(model_folders, tmp_path):
    """It was that of the step before, wherever a line is printed at every step."""
    folder, watched = Folder(tmp_path), Watched()
    run(folder, model_folders["llama"], progress=watched)
    assert watched.seen == [None, *(line["loss"] for line in folder.metrics)]


class Stops:
    """Asks the loop to stop after so many steps."""

    def __init__(self, steps: int):
        self.left = steps

    def __call__(self) -> int | None:
        self.left -= 1
        return signal.SIGTERM if self.left <= 0 else None


def test_the_loss_falls_on_what_is_trained(model_folder, tmp_path):
    folder = Folder(tmp_path)
    run(folder, model_folder, num_train_epochs=15)
    assert folder.metrics[-1]["loss"] < 0.8 * folder.metrics[0]["loss"]


def test_early_stopping_keeps_the_best_weights(model_folders, tmp_path):
    folder = Folder(tmp_path)
    weights, result, _ = run(
        folder,
        model_folders["llama"],
        max_steps=60,
        learning_rate=0.05,
        eval_steps=1,
        early_stopping_patience=2,
        validation=True,
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


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_every_step_has_the_rate_the_schedule_says(model_folders, tmp_path, shape):
    folder = Folder(tmp_path)
    run(folder, model_folders["llama"], max_steps=8, lr_scheduler_type=shape, warmup_ratio=0.5)
    expected = [0.01 * learning_rate_factor(step, num_steps=8, warmup_ratio=0.5, shape=shape) for step in range(8)]
    assert [line["learning_rate"] for line in folder.metrics] == pytest.approx(expected)
    assert expected[0] == 0.0025


def test_gradients_are_clipped_to_the_norm_of_the_recipe_and_0_leaves_them(model_folders, tmp_path):
    def clipped(name, **changes):
        return run(Folder(tmp_path / name), model_folders["llama"], max_steps=3, **changes)[0]

    free = clipped("free", max_grad_norm=0)
    assert same(free, clipped("loose", max_grad_norm=1e9))
    assert not same(free, clipped("tight", max_grad_norm=1e-6))


def test_a_clipped_gradient_has_the_norm_and_the_line_has_the_one_before():
    weights = Weights(torch.nn.Linear(3, 2), "fp32")
    for weight in weights.masters.values():
        weight.grad = torch.ones_like(weight)
    assert _clip(weights, 0.5) == pytest.approx(8**0.5)
    assert sum(weight.grad.square().sum() for weight in weights.masters.values()) ** 0.5 == pytest.approx(0.5, rel=1e-4)


def test_patience_counts_validations_in_a_row(model_folders, tmp_path, monkeypatch):
    """A better loss starts the count anew; an equal one, or one that is not a number, is none."""
    losses = iter([5.0, 4.0, 4.5, 4.5, 3.0, 3.0, float("nan"), 3.1, 1.0])
    monkeypatch.setattr(loop, "validate", lambda *_: Validation(next(losses), 1))
    options = dict(eval_steps=1, early_stopping_patience=3, validation=True)
    _, result, _ = run(Folder(tmp_path), model_folders["llama"], max_steps=20, **options)
    assert (result.best_step, result.best_validation_loss) == (5, 3.0)
    assert (result.num_steps, result.stopped_early) == (8, True)
    assert result.stop_reason == "no better validation loss in 3 validations"


def test_the_best_weights_are_kept_between_checkpoints_too(model_folders, tmp_path):
    """Checkpoints far apart: the best one is written when it is found, and survives the newer ones."""
    folder = Folder(tmp_path)
    options = dict(learning_rate=0.05, eval_steps=1, early_stopping_patience=4, validation=True)
    weights, result, _ = run(folder, model_folders["llama"], max_steps=60, save_steps=1000, **options)
    best, _, _ = run(Folder(tmp_path / "short"), model_folders["llama"], max_steps=result.best_step, learning_rate=0.05)
    assert result.best_step < result.num_steps
    assert same(weights, best)


def test_the_last_step_has_a_checkpoint_and_so_has_the_one_that_was_stopped(model_folders, tmp_path):
    run(Folder(tmp_path / "whole"), model_folders["llama"], max_steps=3, save_steps=100)
    with pytest.raises(Interrupted):
        run(Folder(tmp_path / "stopped"), model_folders["llama"], max_steps=3, save_steps=100, should_stop=Stops(2))
    assert [path.name for path in (tmp_path / "whole/checkpoints").iterdir()] == ["step-000003"]
    assert [path.name for path in (tmp_path / "stopped/checkpoints").iterdir()] == ["step-000002"]


def test_a_stop_that_comes_with_the_last_step_finds_the_training_done(model_folders, tmp_path):
    _, result, _ = run(Folder(tmp_path), model_folders["llama"], max_steps=2, should_stop=Stops(2))
    assert result.num_steps == 2


def test_a_resumed_run_writes_the_lines_an_uninterrupted_one_writes(model_folders, tmp_path, monkeypatch):
    """D1: also where a line is the mean of steps before and after the stop, and for the time that has passed."""
    lines = {}
    for name, stop_at in (("whole", None), ("stopped", 4)):
        monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=itertools.count().__next__))
        folder = Folder(tmp_path / name)
        if stop_at is not None:
            with pytest.raises(Interrupted):
                run(folder, model_folders["llama"], max_steps=6, logging_steps=3, should_stop=Stops(stop_at))
        result = run(folder, model_folders["llama"], max_steps=6, logging_steps=3, resume=stop_at is not None)[1]
        lines[name] = [*folder.metrics, result]
    assert lines["whole"] == lines["stopped"]
    assert [line["step"] for line in lines["whole"][:-1]] == [3, 6]


def test_a_validation_made_up_on_resume_is_told_once_though_the_run_is_stopped_right_after_it(model_folders, tmp_path):
    folder, options = Folder(tmp_path), {"max_steps": 4, "eval_steps": 2, "save_steps": 2, "validation": True}

    def told() -> list[int]:
        return [line["step"] for line in folder.metrics if "validation_loss" in line]

    with pytest.raises(Interrupted):
        run(folder, model_folders["llama"], should_stop=Stops(2), **options)
    assert told() == []
    with pytest.raises(Interrupted):
        run(
            folder,
            model_folders["llama"],
            should_stop=lambda: signal.SIGTERM if told() else None,
            resume=True,
            **options,
        )
    assert told() == [2]
    run(folder, model_folders["llama"], resume=True, **options)
    assert told() == [2, 4]


def test_a_run_killed_before_its_first_checkpoint_starts_with_an_empty_log(model_folders, tmp_path):
    folder = Folder(tmp_path)
    folder.metrics.append({"step": 1, "loss": 9.0})
    run(folder, model_folders["llama"], max_steps=2, resume=True)
    assert [line["step"] for line in folder.metrics] == [1, 2]
    assert folder.metrics[0]["loss"] != 9.0


class BadAt(Sft):
    """Not finite at these calls, counted from 1; with one micro-batch a step a call is a step."""

    def __init__(self, *bad: int):
        super().__init__()
        self.bad, self.calls = bad, 0

    def losses(self, forward, batch):
        self.calls += 1
        return {"loss": super().losses(forward, batch)["loss"] * (float("nan") if self.calls in self.bad else 1.0)}


def test_bad_steps_end_the_run_only_in_a_row(model_folders, tmp_path):
    loaded = load(model_folders["llama"])
    rows = rows_of(loaded, random_examples("causal"))
    result = train(
        forward_of(loaded), BadAt(1, 2, 4, 5, 7), rows, rows_of(loaded, []), section(max_steps=8, gradient_accumulation_steps=1),
        Folder(tmp_path).place, progress=SilentProgress(), fingerprint={},
    )  # fmt: skip
    assert result.num_skipped_steps == 5


def test_skipped_steps_are_remembered_over_a_resume(model_folders, tmp_path):
    """Two bad steps before the stop and one after it are three in a row."""
    options = dict(progress=SilentProgress(), fingerprint={})
    for resume, objective, stop, error in (
        (False, BadAt(1, 2), Stops(2), Interrupted),
        (True, BadAt(1), lambda: None, TrainingError),
    ):
        loaded = load(model_folders["llama"])
        rows = rows_of(loaded, random_examples("causal"))
        with pytest.raises(error):
            train(
                forward_of(loaded), objective, rows, rows_of(loaded, []), section(max_steps=8, gradient_accumulation_steps=1),
                Folder(tmp_path).place, resume=resume, should_stop=stop, **options,
            )  # fmt: skip


# -- order and schedule ------------------------------------------------------------------------------------------------


def test_every_row_is_seen_once_an_epoch_in_an_order_that_only_the_seed_decides():
    order = Order(lengths=[i % 7 for i in range(50)], rows_per_batch=4, batches_per_step=3, seed=1)
    assert order.steps_per_epoch == 5
    epochs = [
        [row for step in range(5) for batch in order.micro_batches(e * 5 + step) for row in batch] for e in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(50))
    assert epochs[0] != epochs[1]
    other = Order(order.lengths, 4, 3, seed=2)
    assert order.micro_batches(3) == Order(order.lengths, 4, 3, seed=1).micro_batches(3) != other.micro_batches(3)
    assert [len(batch) for batch in order.micro_batches(4)] == [2]


def test_rows_are_cut_into_more_batches_where_that_saves_more_padding_than_a_pass_costs():
    lengths = [80, 30, 79, 31, 80, 30]
    for rows_per_batch, tokens_per_pass, expected in (
        (4, None, [[0, 4, 2, 3], [1, 5]]),  # full batches, the longest rows first
        (4, 200, [[0, 4, 2], [3, 1, 5]]),  # two it must be
        (6, 200, [[0, 4, 2, 3, 1, 5]]),
        (6, 40, [[0, 4, 2], [3, 1, 5]]),
        (6, 0, [[0, 4], [2], [3], [1, 5]]),
    ):
        assert list(by_length(range(6), lengths, rows_per_batch, tokens_per_pass)) == expected
    assert list(by_length([], [], 4, 40)) == list(by_length([], [], 4)) == []


def test_the_cut_is_the_cheapest_of_all():
    """Against every way to cut eight rows."""
    lengths, tokens_per_pass = [3, 50, 8, 44, 9, 41, 30, 5], 20
    ordered = sorted(lengths, reverse=True)

    def cost(sizes):
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        return sum(size * ordered[start] + tokens_per_pass for size, start in zip(sizes, starts))

    every = [
        tuple(b - a for a, b in itertools.pairwise((0, *cuts, 8)))
        for count in range(8)
        for cuts in itertools.combinations(range(1, 8), count)
    ]
    batches = list(by_length(range(8), lengths, 4, tokens_per_pass))
    assert cost([len(batch) for batch in batches]) == min(cost(sizes) for sizes in every if max(sizes) <= 4)


def test_how_a_step_is_cut_makes_no_difference_to_the_gradient(model_folder):
    """Rows of like length apart on a CPU, full batches elsewhere."""
    loaded = load(model_folder)
    loaded.model.requires_grad_(True)
    examples = random_examples(loaded.kind)
    rows, gradients = rows_of(loaded, examples), []
    for tokens_per_pass in (None, 0):
        order = Order(rows.lengths, len(examples), 1, seed=0, tokens_per_pass=tokens_per_pass)
        batches = [rows.collate(chosen) for chosen in order.micro_batches(0)]
        assert (len(batches) > 1) == (tokens_per_pass == 0)
        loaded.model.zero_grad()
        loss = accumulate(forward_of(loaded), Sft(), batches, Weights(loaded.model, "fp32")).loss
        gradients.append((loss, torch.cat([p.grad.flatten() for p in loaded.model.parameters()])))
    assert gradients[0][0] == pytest.approx(gradients[1][0], abs=1e-5)
    assert torch.allclose(gradients[0][1], gradients[1][1], atol=1e-5)


def test_training_on_a_cpu_cuts_long_steps_by_length(model_folders, tmp_path):
    sizes = []
    loaded = load(model_folders["llama"])
    rows = rows_of(loaded, random_examples("causal", (100,) * 4 + (10,) * 4))
    counted = Rows(rows.lengths, lambda chosen: sizes.append(len(chosen)) or rows.collate(chosen))
    train(
        forward_of(loaded), Sft(), counted, rows_of(loaded, []), section(max_steps=1, per_device_train_batch_size=8),
        Folder(tmp_path).place, progress=SilentProgress(), fingerprint={},
    )  # fmt: skip
    assert sizes == [4, 4]


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
