"""Examples made of records: nothing of one split gets into another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.recipes import recipe, write_rows
from tunesmith.model.load import load_tokenizer
from tunesmith.progress import SilentProgress
from tunesmith.rendering.templates import load_template
from tunesmith.workflows import prepare
from tunesmith.workflows.prepare import make_examples, read_data, recipe_inputs


def test_worked_examples_in_training_come_from_the_training_records_alone(model_folders, tmp_path, monkeypatch):
    made = recipe(model_folders["llama"], write_rows(tmp_path / "rows.jsonl"), template={"num_shots": 1})
    data = read_data(made, SilentProgress())
    tokenizer, _ = load_tokenizer(made.model)
    pools, original = [], prepare.prepare_examples

    def spy(*args, shot_pool, **options):
        pools.append(shot_pool)
        return original(*args, shot_pool=shot_pool, **options)

    monkeypatch.setattr(prepare, "prepare_examples", spy)
    make_examples(made, data, tokenizer, load_template("plain", tokenizer=tokenizer), "causal", 256)
    train = {record.id for record in data.train}
    assert len(pools) == 2
    assert all({record.id for record in pool} <= train for pool in pools)


@pytest.mark.parametrize("change", ["input_ids", "supervised"])
def test_the_hash_of_the_examples_changes_with_every_id_and_flag(model_folders, tmp_path, change):
    made = recipe(model_folders["llama"], write_rows(tmp_path / "rows.jsonl"))
    tokenizer, _ = load_tokenizer(made.model)
    template = load_template("plain", tokenizer=tokenizer)
    data = read_data(made, SilentProgress())
    one, other = (make_examples(made, data, tokenizer, template, "causal", 256)[0] for _ in range(2))
    assert one.sha256() == other.sha256()
    values = getattr(other.train[0], change)
    values[-1] = not values[-1] if change == "supervised" else values[-1] + 1
    assert one.sha256() != other.sha256()


def test_every_file_the_recipe_reads_is_an_input_also_one_that_a_pattern_names(tmp_path):
    names = ("rows-1.jsonl", "rows-2.jsonl", "general.txt", "own.jinja", "against.jsonl")
    files = {name: str(tmp_path / name) for name in names}
    for file in files.values():
        Path(file).write_text("")
    made = recipe(
        "no/model",
        tmp_path / "rows-*.jsonl",
        template={"name": files["own.jinja"]},
        evaluate={"general": files["general.txt"]},
    )
    made = made.model_copy(update={"curate": ({"use": "decontaminate", "against": [files["against.jsonl"]]},)})
    assert sorted(recipe_inputs(made)) == sorted(files.values())
