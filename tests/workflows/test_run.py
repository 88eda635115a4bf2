"""The main job, whole: every number can be traced to a file, and a run goes on where it stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tests.models import save_tiny
from tests.workflows.recipes import recipe, write_rows
from tunesmith.curation import division
from tunesmith.curation.chunks import Course
from tunesmith.errors import CheckpointError, DataError, Interrupted, UsageError
from tunesmith.files import read_json, read_jsonl
from tunesmith.model.load import load_model
from tunesmith.progress import SilentProgress
from tunesmith.recipe import ModelSection
from tunesmith.recipe_files import dump_recipe
from tunesmith.workflows.preview import preview
from tunesmith.workflows.run import run_recipe

SPLITS = ("train", "validation", "test")


def run(made, folder, **options):
    return run_recipe(made, folder, console=SilentProgress(), **options)


@pytest.fixture(scope="module")
def runs(model_folders, tmp_path_factory):
    """A finished run of each shape."""
    root = tmp_path_factory.mktemp("runs")
    data = write_rows(root / "rows.jsonl")
    for shape, folder in model_folders.items():
        run(recipe(folder, data), root / shape)
    return root


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_a_run_leaves_the_whole_folder(runs, shape):
    folder = runs / shape
    wanted = [
        "recipe.yaml", "provenance.json", "metrics.jsonl", "training.json", "report.html", "report.md", "data/card.md",
        "data/funnel.json", "data/ledger.json", "data/dropped.jsonl", "data/changes.jsonl", "eval/summary.json",
        "eval/base/color.jsonl", "eval/tuned/yes_no.jsonl", "eval/nearest_example/color.jsonl", "model/adapter_config.json",
        "model/chat_template.jinja", "model/tokenizer.json", "checkpoints/step-000004/manifest.json",
    ]  # fmt: skip
    assert [name for name in wanted if not (folder / name).is_file()] == []
    assert not (folder / "run.lock").exists()


def test_a_run_that_is_stopped_while_data_is_made_ready_goes_on_from_there(model_folders, tmp_path, monkeypatch):
    made = recipe(model_folders["llama"], write_rows(tmp_path / "rows.jsonl"))
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(division, "split_records", interrupt)
        run(made, tmp_path / "run", until="train")
    assert (tmp_path / "run" / ".curation" / "00-read" / "journal.jsonl").is_file()
    with monkeypatch.context() as patch:
        patch.setattr(Course, "__call__", interrupt)  # nothing is read or cleaned again
        run(made, tmp_path / "run", until="train", resume=True)
    run(made, tmp_path / "straight", until="train")
    for name in (*SPLITS, "dropped", "changes"):
        files = [tmp_path / folder / "data" / f"{name}.jsonl" for folder in ("run", "straight")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert not (tmp_path / "run" / ".curation").exists()


def interrupt(*args, **settings):
    raise Interrupted("Stopped; continue with --resume.", signal.SIGINT)


@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_every_number_of_the_funnel_is_a_number_of_lines(runs, shape):
    folder = runs / shape
    funnel = read_json(folder / "data/funnel.json")
    lines = {split: len(read_jsonl(folder / f"data/{split}.jsonl")) for split in SPLITS}
    dropped = len(read_jsonl(folder / "data/dropped.jsonl"))
    assert funnel[0]["num_in"] == 60 == sum(lines.values()) + dropped
    assert {split: funnel[-1][split] for split in SPLITS} == lines
    ledger = read_json(folder / "data/ledger.json")
    assert ledger["train"]["num_records"] == lines["train"]
    assert ledger["train"]["stop_token_supervised"]


@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_every_score_is_made_of_the_samples_beside_it(runs, shape):
    summary = read_json(runs / shape / "eval/summary.json")
    for task, found in summary["tasks"].items():
        for system in ("base", "tuned", "nearest_example"):
            rows = read_jsonl(runs / shape / f"eval/{system}/{task}.jsonl")
            mean = sum(row["scores"]["f1"] for row in rows) / len(rows)
            assert found["metrics"]["f1"][system]["value"] == pytest.approx(mean, abs=1e-9)
            assert found["n"] == len(rows)
    test_ids = {row["id"] for row in read_jsonl(runs / shape / "data/test.jsonl")}
    asked = {row["id"] for task in summary["tasks"] for row in read_jsonl(runs / shape / f"eval/tuned/{task}.jsonl")}
    assert asked == test_ids


def test_what_is_judged_is_not_what_was_trained_on(runs):
    prompts = {
        split: {json.dumps(row["messages"][:-1]) for row in read_jsonl(runs / f"llama/data/{split}.jsonl")}
        for split in SPLITS
    }
    assert not prompts["train"] & prompts["test"]
    assert not prompts["train"] & prompts["validation"]


def test_the_result_loads_with_plain_transformers_and_peft(runs, model_folders):
    base = AutoModelForCausalLM.from_pretrained(model_folders["llama"])
    model = PeftModel.from_pretrained(base, runs / "llama/model")
    tokenizer = AutoTokenizer.from_pretrained(runs / "llama/model")
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Is it red?"}], add_generation_prompt=True, return_tensors="pt"
    )
    ids = ids["input_ids"] if hasattr(ids, "keys") else ids
    ours = load_model(ModelSection(name_or_path=str(runs / "llama")))
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, ours.model(input_ids=ids).logits)
    assert GenerationConfig.from_pretrained(runs / "llama/model").eos_token_id == [tokenizer.eos_token_id]


def test_training_twice_gives_the_same_bytes(runs, model_folders, tmp_path):
    run(recipe(model_folders["gpt2"], runs / "rows.jsonl"), tmp_path / "again", until="train")
    one, two = (path / "model/adapter_model.safetensors" for path in (runs / "gpt2", tmp_path / "again"))
    assert one.read_bytes() == two.read_bytes()


def test_full_tuning_on_packed_rows_works_and_saves_a_whole_model(model_folders, tmp_path):
    made = recipe(
        model_folders["llama"], write_rows(tmp_path / "rows.jsonl"), adapter={"method": "full"}, train={"packing": True}
    )
    run(made, tmp_path / "run")
    training = read_json(tmp_path / "run/training.json")
    assert training["num_trainable_parameters"] == training["num_parameters"]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run/model")
    assert model.config.eos_token_id == model.generation_config.eos_token_id == [1]


def test_training_stopped_and_resumed_with_more_steps_equals_training_at_once(model_folders, tmp_path):
    """D1 through the whole run: 4 steps, then resumed to 7, at a constant rate."""
    data = write_rows(tmp_path / "rows.jsonl")
    steady = {"lr_scheduler_type": "constant", "warmup_ratio": 0.0}
    short, long = (recipe(model_folders["llama"], data, train={**steady, "max_steps": steps}) for steps in (4, 7))
    run(long, tmp_path / "once", until="train")
    run(short, tmp_path / "twice", until="train")
    run(long, tmp_path / "twice", until="train", resume=True)
    one, two = (load_file(tmp_path / name / "model/adapter_model.safetensors") for name in ("once", "twice"))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert [row["step"] for row in read_jsonl(tmp_path / "twice/metrics.jsonl") if "loss" in row] == list(range(1, 8))


def test_a_finished_run_is_not_trained_again_but_completed(runs, tmp_path, model_folders):
    folder = Path(shutil.copytree(runs / "llama", tmp_path / "run"))
    for name in ("report.html", "eval/summary.json", "eval/tuned/color.jsonl"):
        (folder / name).unlink()
    before = (folder / "model/adapter_model.safetensors").stat().st_mtime_ns
    run(recipe(model_folders["llama"], runs / "rows.jsonl"), folder, resume=True)
    assert (folder / "report.html").is_file()
    assert read_json(folder / "eval/summary.json") == read_json(runs / "llama/eval/summary.json")
    assert (folder / "model/adapter_model.safetensors").stat().st_mtime_ns == before


def test_a_run_of_a_run_is_tuned_further_with_its_own_template(runs, model_folders, tmp_path):
    """The first run's model is base and adapter; the second's is written in full, as nothing on disk is its base."""
    made = recipe(runs / "llama", runs / "rows.jsonl", train={"max_steps": 2})
    run(made, tmp_path / "second")
    config = read_json(tmp_path / "second/model/config.json")
    assert config["model_type"] == "llama"
    assert not (tmp_path / "second/model/adapter_config.json").exists()
    one, two = ((path / "model/chat_template.jinja").read_text() for path in (runs / "llama", tmp_path / "second"))
    assert one == two
    AutoModelForCausalLM.from_pretrained(tmp_path / "second/model")


def test_few_shot_training_and_a_few_shot_base_are_evaluated(model_folders, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl")
    made = recipe(
        model_folders["llama"], data, template={"num_shots": 1}, evaluate={"base_num_shots": [0, 2], "max_samples": 3},
        train={"max_length": 256, "max_steps": 1},
    )  # fmt: skip
    run(made, tmp_path / "run")
    systems = read_json(tmp_path / "run/eval/summary.json")["systems"]
    assert systems == ["base", "base_2_shot", "tuned", "majority_answer", "nearest_example"]


def test_a_file_of_ones_own_is_evaluated_beside_the_test_split(model_folders, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl")
    (tmp_path / "mine.jsonl").write_text('{"question": "Is it late?", "answer": "No"}\n' * 3)
    made = recipe(
        model_folders["llama"], data, train={"max_steps": 1}, evaluate={"tasks": [str(tmp_path / "mine.jsonl")]}
    )
    run(made, tmp_path / "run")
    assert set(read_json(tmp_path / "run/eval/summary.json")["tasks"]) == {"color", "yes_no", "mine"}


def test_without_a_test_split_there_is_a_report_and_no_verdict(model_folders, tmp_path):
    made = recipe(
        model_folders["llama"], write_rows(tmp_path / "rows.jsonl"), data={"test_fraction": 0.0}, train={"max_steps": 1}
    )
    result = run(made, tmp_path / "run")
    assert result["verdict"] is None
    assert Path(result["report"]).is_file()


def test_a_dry_run_takes_a_step_and_writes_nothing(model_folder, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl")
    result = run(recipe(model_folder, data), tmp_path / "run", dry_run=True)
    assert result["ready"]
    assert 0 < result["loss"] < 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]


def test_a_dry_run_finds_what_the_run_would_die_of(model_folders, tmp_path):
    made = recipe(model_folders["llama"], write_rows(tmp_path / "rows.jsonl"), train={"max_length": 8})
    with pytest.raises((DataError, Exception), match="nothing supervised|no records left"):
        run(made, tmp_path / "run", dry_run=True)


def test_a_resume_with_another_recipe_is_refused(runs, model_folders, tmp_path):
    folder = Path(shutil.copytree(runs / "llama", tmp_path / "run"))
    changed = recipe(model_folders["llama"], runs / "rows.jsonl", train={"learning_rate": 5e-3, "max_steps": 9})
    with pytest.raises((UsageError, CheckpointError), match="learning_rate"):
        run(changed, folder, resume=True)


def test_a_length_the_model_has_no_positions_for_is_cut_to_what_it_has(model_folders, tmp_path):
    class Heard(SilentProgress):
        notices: list[str] = []

        def notice(self, text):
            self.notices.append(text)

    made = recipe(model_folders["gpt2"], write_rows(tmp_path / "rows.jsonl"), train={"max_length": 2048})
    result = preview(made, limit=1, console=Heard())
    assert result["max_length"] == 512
    assert "train.max_length is 2,048, the model takes 512" in Heard.notices[0]


def test_records_too_long_are_dropped_counted_and_listed(model_folders, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl")
    with data.open("a") as file:
        file.write(
            json.dumps({"instruction": "Say it.", "context": "", "response": "word " * 300, "category": "long"}) + "\n"
        )
    made = recipe(
        model_folders["llama"], data, data={"test_fraction": 0.0, "validation_fraction": 0.0}, train={"max_steps": 1}
    )
    run(made, tmp_path / "run", until="train")
    [dropped] = read_jsonl(tmp_path / "run/data/dropped.jsonl")
    assert (dropped["source"], dropped["stage"]) == (f"{data}:61", "render")
    assert len(read_jsonl(tmp_path / "run/data/train.jsonl")) == 60


@pytest.mark.parametrize(
    ("shape", "number"),
    [("llama", signal.SIGTERM), ("gpt2", signal.SIGINT), ("t5", signal.SIGKILL)],
)
def test_a_stopped_process_can_be_resumed_to_the_same_bytes(model_folders, tmp_path, shape, number):
    """A real process, a real signal in the middle of training; what goes on is this process."""
    data = write_rows(tmp_path / "rows.jsonl")
    train = {"max_steps": 30, "save_steps": 1, "num_threads": 1}
    made = recipe(model_folders[shape], data, train=train, data={"test_fraction": 0.0})
    (tmp_path / "recipe.yaml").write_text(dump_recipe(made))
    run(made, tmp_path / "whole", until="train")
    command = [
        sys.executable,
        "-m",
        "tunesmith",
        "train",
        str(tmp_path / "recipe.yaml"),
        "--output-dir",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "run/checkpoints").glob("step-*[0-9]")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), errors.decode()
    assert b"Traceback" not in errors
    assert not (tmp_path / "run/model").exists()
    run(made, tmp_path / "run", until="train", resume=True)
    one, two = (tmp_path / name / "model/adapter_model.safetensors" for name in ("whole", "run"))
    assert one.read_bytes() == two.read_bytes()


def test_a_base_with_a_template_of_its_own_is_asked_with_it(runs, model_folders, tmp_path):
    """An instruct model under another template in the recipe: base and tuned are each prompted as they were trained."""
    made = recipe(
        runs / "llama",
        runs / "rows.jsonl",
        template={"name": "alpaca"},
        train={"max_steps": 1},
        evaluate={"max_samples": 2},
    )
    run(made, tmp_path / "run")
    own = (runs / "llama/model/chat_template.jinja").read_text()
    base, tuned = (read_json(tmp_path / f"run/eval/{system}/system.json")["identity"] for system in ("base", "tuned"))
    assert own in base
    assert own not in tuned
    assert "### Response" in tuned


def test_few_shot_training_that_lost_records_can_be_resumed(model_folders, tmp_path):
    """The worked examples come from the records that are left, which is what a resumed run has."""
    data = write_rows(tmp_path / "rows.jsonl")
    with data.open("a") as file:
        for number in range(8):
            long = {
                "instruction": f"Which color is number {number}?",
                "context": "",
                "response": "very " * (20 * number) + "red",
            }
            file.write(json.dumps(long | {"category": "color"}) + "\n")
    settings = {"template": {"num_shots": 2}, "evaluate": {"max_samples": 2}}
    short, more = (
        recipe(model_folders["llama"], data, train={"max_length": 200, "max_steps": n}, **settings) for n in (2, 4)
    )
    run(short, tmp_path / "run", until="train")
    assert {row["reason"] for row in read_jsonl(tmp_path / "run/data/dropped.jsonl")} == {"too_long"}
    ledger = read_json(tmp_path / "run/data/ledger.json")["train"]
    assert ledger["num_records"] == ledger["num_examples"] + ledger["num_dropped"]
    run(more, tmp_path / "run", until="train", resume=True)
    assert read_json(tmp_path / "run/training.json")["num_steps"] == 4


def test_equal_runs_give_equal_adapter_configs(runs):
    targets = read_json(runs / "llama/model/adapter_config.json")["target_modules"]
    assert targets == sorted(targets)


def test_another_base_under_the_same_name_is_not_gone_on_with(model_folders, tmp_path):
    base = Path(shutil.copytree(model_folders["llama"], tmp_path / "base"))
    data = write_rows(tmp_path / "rows.jsonl")
    run(recipe(base, data, train={"max_steps": 2}), tmp_path / "run", until="train")
    save_tiny("llama", base, seed=9)
    with pytest.raises(CheckpointError, match="another recipe \\(model was"):
        run(recipe(base, data, train={"max_steps": 4}), tmp_path / "run", until="train", resume=True)
