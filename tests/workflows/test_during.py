"""Asking during training: curves beside the loss, a stop by a metric, and a training that is the same to the last bit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from tests.workflows.recipes import recipe, write_rows
from tunesmith.errors import Interrupted, TrainingError
from tunesmith.files import file_sha256, read_json, read_jsonl
from tunesmith.progress import SilentProgress
from tunesmith.workflows.during import DuringTraining, is_higher_better
from tunesmith.workflows.run import run_recipe

EVERY = {"every_steps": 2, "during_samples": 4, "suites": ["own", "general"], "max_new_tokens": 3}


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("during") / "rows.jsonl")


def trained(model: Path, rows: Path, folder: Path, *, resume: bool = False, **sections) -> Path:
    sections = {"adapter": {"method": "lora", "r": 4, "lora_dropout": 0.2}} | sections
    made = recipe(model, rows, **sections)
    run_recipe(made, folder, resume=resume, until="train", console=SilentProgress())
    return folder


def told(folder: Path) -> dict[int, dict[str, float]]:
    lines = [line for line in read_jsonl(folder / "metrics.jsonl") if "eval_seconds" in line]
    return {
        line["step"]: {name: value for name, value in line.items() if name not in ("step", "eval_seconds")}
        for line in lines
    }


def weights(folder: Path) -> str:
    return file_sha256(folder / "model/adapter_model.safetensors")


def test_suites_are_asked_every_so_many_steps_and_change_nothing_in_the_training(model_folder, rows, tmp_path):
    train = {"max_steps": 5, "neftune_noise_alpha": 5.0}
    plain = trained(model_folder, rows, tmp_path / "plain", train=train)
    asked = trained(
        model_folder,
        rows,
        tmp_path / "asked",
        train=train,
        evaluate=EVERY | {"suites": ["own", "general", "consistency"]},
    )
    assert weights(plain) == weights(asked)
    found = told(asked)
    assert list(found) == [2, 4, 5]
    is_decoder = model_folder.name != "t5"
    for values in found.values():
        assert 0 <= values["eval_own_f1"] <= 1 and 0 <= values["eval_consistency_worst_of_k"] <= 1
        assert (
            values["eval_general_bits_per_byte"] is not None
            if is_decoder
            else values["eval_general_bits_per_byte"] is None
        )
    if is_decoder:
        bits = [values["eval_general_bits_per_byte"] for values in found.values()]
        assert len(set(bits)) == 3  # the weights that are asked are those being trained


def test_the_questions_are_of_the_validation_records_and_never_of_the_test(model_folders, rows, tmp_path, monkeypatch):
    seen = []
    original = DuringTraining.measure
    monkeypatch.setattr(
        DuringTraining, "measure", lambda self, model: (seen.append(self.questions), original(self, model))[1]
    )
    folder = trained(model_folders["llama"], rows, tmp_path / "run", train={"max_steps": 2}, evaluate=EVERY)
    asked = {sample.variant_of or sample.id for tasks in seen[0].values() for task in tasks.values() for sample in task}
    validation = {row["id"] for row in read_jsonl(folder / "data/validation.jsonl")}
    assert {name for name in asked if not name.startswith("general-")} <= validation


@pytest.mark.parametrize("averaged", [{}, {"ema_decay": 0.5}])
def test_a_run_that_was_killed_goes_on_to_the_same_bytes_and_curves(
    model_folders, rows, tmp_path, monkeypatch, averaged
):
    train = {
        "max_steps": 6,
        "save_steps": 3,
        "early_stopping_patience": 9,
        "metric_for_best_model": "own_f1",
    } | averaged
    options = {"train": train, "evaluate": EVERY}
    whole = trained(model_folders["llama"], rows, tmp_path / "whole", **options)
    original = DuringTraining.__call__

    def killed(self, step, forward):
        score = original(self, step, forward)
        if step == 4:
            raise Interrupted("Stopped", 2)
        return score

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(DuringTraining, "__call__", killed)
        trained(model_folders["llama"], rows, tmp_path / "twice", **options)
    assert list(told(tmp_path / "twice")) == [2, 4]
    twice = trained(model_folders["llama"], rows, tmp_path / "twice", resume=True, **options)
    assert told(twice) == told(whole) and list(told(whole)) == [2, 4, 6]
    assert weights(twice) == weights(whole)
    facts = [read_json(folder / "training.json") for folder in (whole, twice)]
    assert facts[0]["best_step"] == facts[1]["best_step"] and facts[0]["best_score"] == facts[1]["best_score"]


@pytest.mark.parametrize("metric", ["general_bits_per_byte", "eval_own_f1"])
def test_training_stops_when_the_metric_no_longer_gets_better_and_keeps_the_best_weights(
    model_folders, rows, tmp_path, metric
):
    train = {"max_steps": 40, "learning_rate": 0.05, "early_stopping_patience": 2, "metric_for_best_model": metric}
    folder = trained(model_folders["llama"], rows, tmp_path / "run", train=train, evaluate=EVERY)
    facts, found = read_json(folder / "training.json"), told(folder)
    key = metric if metric.startswith("eval_") else f"eval_{metric}"
    better = max if is_higher_better(key) else min
    assert facts["stopped_early"] and facts["num_steps"] < 40
    assert facts["stop_reason"] == f"no better {metric} in 2 evaluations"
    assert facts["best_step"] == better(found, key=lambda step: found[step][key])
    assert abs(facts["best_score"]) == pytest.approx(found[facts["best_step"]][key])
    assert (folder / f"checkpoints/step-{facts['best_step']:06d}").is_dir()


def test_a_metric_nobody_measures_is_told_before_the_first_step(model_folders, rows, tmp_path):
    train = {"max_steps": 4, "early_stopping_patience": 2, "metric_for_best_model": "own_exact_mach"}
    with pytest.raises(
        TrainingError,
        match=re.escape("own_exact_mach is not measured during training. Did you mean `own_exact_match`?"),
    ):
        trained(model_folders["llama"], rows, tmp_path / "run", train=train, evaluate=EVERY)


@pytest.mark.parametrize(
    ("train", "evaluate", "missing"),
    [
        ({"metric_for_best_model": "x", "early_stopping_patience": 2}, {}, "evaluate.every_steps"),
        ({"metric_for_best_model": "x"}, {"every_steps": 2}, "train.early_stopping_patience"),
    ],
)
def test_a_metric_to_keep_weights_by_needs_to_be_measured_and_patience(rows, train, evaluate, missing):
    with pytest.raises(ValidationError, match=f"Say {missing} too"):
        recipe("m", rows, train=train, evaluate=evaluate)


def test_every_module_is_in_its_own_mode_again(model_folders, rows, tmp_path, monkeypatch):
    modes = []
    original = DuringTraining.__call__

    def watched(self, step, forward):
        next(iter(forward.model.modules())).training = False  # one of them differs from the rest
        before = [module.training for module in forward.modules()], torch.get_rng_state().tolist()
        score = original(self, step, forward)
        modes.append(before == ([module.training for module in forward.modules()], torch.get_rng_state().tolist()))
        return score

    monkeypatch.setattr(DuringTraining, "__call__", watched)
    trained(model_folders["llama"], rows, tmp_path / "run", train={"max_steps": 2}, evaluate=EVERY)
    assert modes == [True]


def test_without_validation_records_nothing_of_ones_own_is_asked(model_folders, rows, tmp_path):
    folder = trained(
        model_folders["llama"], rows, tmp_path / "run",
        data={"validation_fraction": 0.0}, train={"max_steps": 2}, evaluate=EVERY | {"suites": ["own", "general"]},
    )  # fmt: skip
    assert [list(values) for values in told(folder).values()] == [["eval_general_bits_per_byte"]]
