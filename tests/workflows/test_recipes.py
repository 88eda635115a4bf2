"""The recipes that come with the project: each loads, and a dry run of it on a small model takes its step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.recipes import write_rows
from tunesmith.recipe import load_recipe
from tunesmith.workflows.run import run_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
REAL = {"dolly-lora": "dolly_5k.jsonl", "alpaca-full": "alpaca_15k.jsonl", "flan-t5": "t0_mixture.jsonl"}


def test_the_recipes_are_there():
    assert {path.stem for path in RECIPES} == set(REAL)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_takes_its_first_step_on_a_small_model(path, model_folders, tmp_path):
    model = model_folders["t5" if path.stem == "flan-t5" else "llama"]
    rows = write_rows(tmp_path / "rows.jsonl")
    made = load_recipe(path, [f"model.name_or_path={model}", f"data.sources=[{rows}]"])
    result = run_recipe(made, tmp_path / "run", dry_run=True)
    assert result["ready"]
    assert result["ledger"]["train"]["stop_token_supervised"]
    assert list(tmp_path.iterdir()) == [rows]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_takes_its_first_step_on_its_real_data(path, shared, model_folders, tmp_path):
    model = model_folders["t5"] if path.stem == "flan-t5" else shared / "models/stories260K"
    data = shared / "data/instructions" / REAL[path.stem]
    changes = [f"model.name_or_path={model}", f"data.sources=[{data}]", "data.max_records=400", "train.max_length=512"]
    result = run_recipe(load_recipe(path, changes), tmp_path / "run", dry_run=True)
    assert result["ready"]
    assert result["ledger"]["train"]["num_examples"] > 100
