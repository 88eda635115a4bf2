"""A fair comparison: the same samples, the same stops, as many shots, and never a test record among them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workflows.recipes import recipe, write_rows
from tunesmith.errors import UsageError
from tunesmith.files import file_sha256, read_json, read_jsonl
from tunesmith.progress import SilentProgress
from tunesmith.workflows import compare
from tunesmith.workflows.evaluate import evaluate_model
from tunesmith.workflows.run import run_recipe

SYSTEMS = ("base", "base_2_shot", "tuned")


@pytest.fixture(scope="module")
def made(model_folders, tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    data = write_rows(root / "rows.jsonl")
    return recipe(
        model_folders["llama"], data,
        template={"name": "alpaca", "num_shots": 1}, train={"max_steps": 2, "max_length": 400},
        evaluate={"base_num_shots": [0, 2], "max_samples": 4, "max_new_tokens": 4},
    )  # fmt: skip


@pytest.fixture(scope="module")
def asked(made, tmp_path_factory):
    """A finished run, and the pools that worked examples were chosen from while it was evaluated."""
    folder, pools = tmp_path_factory.mktemp("asked") / "run", []
    choose = compare.choose_shots

    def spy(record, pool, k, *, seed):
        pools.append((pool, k))
        return choose(record, pool, k, seed=seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "choose_shots", spy)
        run_recipe(made, folder, console=SilentProgress())
    return folder, pools


def system(folder: Path, name: str):
    return read_json(folder / f"eval/{name}/system.json")


def test_worked_examples_come_from_the_training_records_alone(asked):
    folder, pools = asked
    train = {row["id"] for row in read_jsonl(folder / "data/train.jsonl")}
    assert {k for _, k in pools} == {1, 2}
    assert {record.id for pool, _ in pools for record in pool.records} <= train


def test_every_system_stops_at_the_same_strings_and_answers_the_same_samples(asked):
    folder, _ = asked
    [sampling] = {str(system(folder, name)["sampling"]) for name in SYSTEMS}
    assert "### Instruction" in sampling
    rows = {name: read_jsonl(folder / f"eval/{name}/color.jsonl") for name in SYSTEMS}
    asked_of = [[(row["id"], row["prompt"]) for row in rows[name]] for name in SYSTEMS]
    assert asked_of[0] == asked_of[1] == asked_of[2]


def test_base_and_tuned_see_as_many_examples_as_the_tuned_model_was_trained_with(asked):
    folder, _ = asked
    shots = {name: system(folder, name)["identity"].split(", ")[1] for name in ("base", "tuned")}
    assert shots == {"base": "1 shots", "tuned": "1 shots"}


def test_each_system_is_the_one_it_is_called(asked, model_folders):
    """Its identity begins with the hash of its weights, so answers of other weights are never kept."""
    folder, _ = asked
    base, tuned = (system(folder, name)["identity"].split(", ")[0] for name in ("base", "tuned"))
    assert base == file_sha256(model_folders["llama"] / "model.safetensors")
    assert tuned == file_sha256(folder / "model/adapter_model.safetensors")


def test_the_weights_asked_are_the_weights_named(asked, made, monkeypatch, tmp_path):
    folder = Path(shutil.copytree(asked[0], tmp_path / "run"))
    shutil.rmtree(folder / "eval")
    original, names = compare.open_model, []

    def spy(section, *args, **options):
        names.append(section.name_or_path)
        return original(section, *args, **options)

    monkeypatch.setattr(compare, "open_model", spy)
    run_recipe(made, folder, resume=True, console=SilentProgress())
    assert names == [made.model.name_or_path, str(folder / "model")]


def test_two_files_that_would_make_one_task_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.jsonl").write_text('{"question": "Is it late?", "answer": "No"}\n')
    with pytest.raises(UsageError, match="b/mine.jsonl: gives a task the same name as .*a/mine.jsonl does. Rename one"):
        compare.task_records([tmp_path / "a/mine.jsonl", tmp_path / "b/mine.jsonl"], SilentProgress())


def test_given_answers_to_a_file_with_columns_of_its_own_are_scored(tmp_path):
    labels = ["positive", "negative"] * 12
    rows = "".join(f'{{"id": {k}, "text": "film {k}", "label": "{label}"}}\n' for k, label in enumerate(labels))
    (tmp_path / "reviews.jsonl").write_text(rows)
    given = "".join(f'{{"id": {k}, "prediction": "{label if k else "negative"}"}}\n' for k, label in enumerate(labels))
    (tmp_path / "given.jsonl").write_text(given)
    summary = evaluate_model(
        None,
        tasks=[tmp_path / "reviews.jsonl"],
        output_dir=tmp_path / "out",
        predictions=tmp_path / "given.jsonl",
        max_samples=5,
        columns={"input": "Is this positive or negative? {text}", "output": "label"},
    )
    assert summary["tasks"]["reviews"]["metrics"]["accuracy"]["predictions"]["value"] == pytest.approx(23 / 24)
    [first, *_] = read_jsonl(tmp_path / "out/eval/predictions/reviews.jsonl")
    assert first["prompt"][0]["content"] == "Is this positive or negative? film 0"
