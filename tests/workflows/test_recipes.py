"""The recipes that come with the project: each loads, and a dry run of it on a small model takes its step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.recipes import write_rows
from tunesmith import builtin
from tunesmith.recipe_files import load_recipe, resolve_paths
from tunesmith.workflows.run import run_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
REAL = {"dolly-lora": "dolly_5k.jsonl", "alpaca-full": "alpaca_15k.jsonl", "flan-t5": "t0_mixture.jsonl"}
QUICKSTART = {"quickstart": "tiny-gpt", "quickstart-t5": "tiny-t5"}


def small_model(path: Path, model_folders) -> Path:
    return model_folders["t5" if path.stem.endswith("t5") else "llama"]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    """Where a recipe's paths begin."""
    monkeypatch.chdir(ROOT)


def test_the_recipes_are_there():
    assert {path.stem for path in RECIPES} == set(REAL) | set(QUICKSTART)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_takes_its_first_step_on_a_small_model(path, model_folders, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl")
    changes = [f"model.name_or_path={small_model(path, model_folders)}", f"data.sources=[{rows}]"]
    result = run_recipe(load_recipe(path, changes), tmp_path / "run", dry_run=True)
    assert result["ready"]
    assert result["ledger"]["train"]["stop_token_supervised"]
    assert list(tmp_path.iterdir()) == [rows]


@pytest.mark.parametrize("path", [path for path in RECIPES if path.stem in REAL], ids=lambda path: path.stem)
def test_a_recipe_takes_its_first_step_on_its_real_data(path, shared, model_folders, tmp_path):
    model = model_folders["t5"] if path.stem == "flan-t5" else shared / "models/stories260K"
    data = shared / "data/instructions" / REAL[path.stem]
    changes = [f"model.name_or_path={model}", f"data.sources=[{data}]", "data.max_records=400", "train.max_length=512"]
    result = run_recipe(load_recipe(path, changes), tmp_path / "run", dry_run=True)
    assert result["ready"]
    assert result["ledger"]["train"]["num_examples"] > 100


@pytest.mark.parametrize("name", QUICKSTART)
def test_a_quickstart_recipe_takes_its_first_step_on_its_own_rows_and_built_in_model(
    name, model_folders, tmp_path, monkeypatch
):
    """The model is another one under the built-in name; its tokens are shorter, so fewer records fit."""
    path = ROOT / "recipes" / f"{name}.yaml"
    (tmp_path / QUICKSTART[name]).symlink_to(small_model(path, model_folders))
    monkeypatch.setattr(builtin, "ROOT", tmp_path)
    made = resolve_paths(load_recipe(path, ["data.max_records=500"]), path)
    assert made.model.name_or_path == f"tunesmith/{QUICKSTART[name]}"
    result = run_recipe(made, tmp_path / "run", dry_run=True)
    assert result["ready"] and result["ledger"]["train"]["num_examples"] > 300


def test_both_quickstarts_are_trained_and_tested_on_the_same():
    one, other = (load_recipe(ROOT / "recipes" / f"{name}.yaml") for name in QUICKSTART)
    assert (one.data, one.curate, one.evaluate) == (other.data, other.curate, other.evaluate)
