"""Errors: the documented exit codes, and hints that hit."""

from __future__ import annotations

import pytest

from tunesmith import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.TunesmithError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.RecipeError("r.yaml", ["a: b"]), 2),
        (errors.MissingExtra("serving", "fastapi", "serve"), 2),
        (errors.DataError("x"), 3),
        (errors.RowError("reason", "x"), 3),
        (errors.ModelError("x"), 4),
        (errors.CheckpointError("x"), 4),
        (errors.TrainingError("x"), 4),
        (errors.ResourceError("x"), 5),
        (errors.GateFailed("x"), 6),
        (errors.Interrupted("x", 2), 130),
        (errors.Interrupted("x", 15), 143),
    ],
)
def test_every_error_ends_with_its_documented_exit_code(error, code):
    assert error.exit_code == code
    assert isinstance(error, errors.TunesmithError)


def test_a_recipe_tells_all_its_problems_at_once():
    text = str(errors.RecipeError("r.yaml", ["a: wrong.", "b: wrong too."]))
    assert text == "r.yaml: 2 problems\n  a: wrong.\n  b: wrong too."
    assert str(errors.RecipeError("r.yaml", ["a: wrong."])).startswith("r.yaml: a: wrong.")


def test_a_missing_package_is_the_line_that_installs_it():
    assert str(errors.MissingExtra("Serving", "fastapi", "serve")).endswith("pip install 'tunesmith[serve]'")


def test_a_row_error_begins_with_its_place():
    assert str(errors.RowError("no_answer", "No answer.", "a.jsonl:7")) == "a.jsonl:7: No answer."


@pytest.mark.parametrize(("word", "hint"), [("learnin_rate", " Did you mean `learning_rate`?"), ("zzz", "")])
def test_did_you_mean_hits_near_names_only(word, hint):
    assert errors.did_you_mean(word, ["learning_rate", "seed"]) == hint
