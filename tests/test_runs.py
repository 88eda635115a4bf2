"""A list of runs says of each folder what it holds, and a damaged one hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunesmith.errors import DataError
from tunesmith.files import write_json
from tunesmith.recipe import Recipe
from tunesmith.run import Run
from tunesmith.runs import list_runs

RECIPE = Recipe.model_validate({"model": {"name_or_path": "gpt2"}, "data": {"sources": ["a.jsonl"]}})


def finished(path: Path, *, base=0.2, tuned=0.3, **summary) -> Run:
    with Run.create(path, RECIPE) as run:
        run.append_metrics({"step": 7, "loss": 1.0})
        write_json(run.training_file, {"num_steps": 8, "seconds": 65.0})
        interval = {"low": 0.0, "high": 1.0, "n": 9}
        scores = {"base": {"value": base, **interval}, "tuned": {"value": tuned, **interval}}
        comparison = {"a": "tuned", "b": "base", "task": "overall", "metric": "f1", "verdict": "better"}
        elsewhere = {**comparison, "task": "qa", "verdict": "worse"}
        content = {
            "systems": ["base", "tuned"],
            "tasks": {},
            "overall": {"bleu": scores, "f1": scores},
            "comparisons": [elsewhere, comparison],
        }
        write_json(run.summary_file, {**content, **summary})
        run.mark_finished()
    return run


def test_runs_are_listed_with_their_scores_and_state(tmp_path):
    finished(tmp_path / "a")
    run = Run.create(tmp_path / "sweep" / "b", RECIPE)
    run.append_metrics({"step": 3})
    run.release()
    (tmp_path / "no-run").mkdir()
    (tmp_path / "no-run" / "recipe.yaml").write_text("model: x")
    found = {run.path.name: run for run in list_runs(tmp_path)}
    assert set(found) == {"a", "b"}
    a, b = found["a"], found["b"]
    assert (a.state, a.model, a.method, a.step, a.seconds) == ("finished", "gpt2", "full", 8, 65.0)
    assert (a.metric, a.base, a.tuned, a.verdict) == ("f1", 0.2, 0.3, "better")
    assert (b.state, b.step, b.num_steps, b.metric, b.verdict) == ("interrupted", 3, None, None, None)
    assert [run.path.name for run in list_runs(tmp_path / "a")] == ["a"]


def test_the_metric_a_summary_names_as_primary_is_the_one_listed(tmp_path):
    finished(tmp_path / "a", primary_metric="bleu")
    (run,) = list_runs(tmp_path)
    assert run.metric == "bleu" and run.verdict is None


def test_a_score_that_is_undefined_stays_undefined(tmp_path):
    finished(tmp_path / "a", tuned=None)
    assert list_runs(tmp_path)[0].tuned is None


@pytest.mark.parametrize(
    "name, content",
    [("training.json", "{"), ("recipe.yaml", "- 1"), ("provenance.json", "[]"), ("metrics.jsonl", "x\n{}\n")],
)
def test_a_damaged_run_is_listed_with_what_is_wrong_and_hides_no_other(tmp_path, name, content):
    finished(tmp_path / "a")
    finished(tmp_path / "b")
    (tmp_path / "a" / name).write_text(content)
    found = {run.path.name: run for run in list_runs(tmp_path)}
    assert found["a"].problem and "\n" not in found["a"].problem and found["b"].problem is None


def test_a_list_of_runs_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        list_runs(tmp_path / "nosuch")
