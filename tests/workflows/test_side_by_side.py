"""Comparing runs, evaluate's folders, answer files and models: same samples, unique names, nothing left out silently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluation.test_summary import labels, write_answers
from tests.run_folder import write_run
from tunesmith.errors import DataError, UsageError
from tunesmith.workflows.side_by_side import compare_seeds, compare_systems, unique_names

NUM = 60


class Said:
    """A console that remembers its warnings."""

    def __init__(self):
        self.warnings = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def questions(tmp_path) -> Path:
    rows = [{"id": f"k{k}", "instruction": f"Is {k} odd?", "output": "yes" if k % 2 else "no"} for k in range(NUM)]
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def predictions(path: Path, num_right: int, **other) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [("yes" if k % 2 else "no") if k < num_right else "perhaps" for k in range(NUM)]
    rows = [{"id": f"k{k}", "prediction": text} for k, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row | other) + "\n" for row in rows))
    return str(path)


def evaluated(folder: Path, system: str, num_right: int, n: int = NUM) -> str:
    """What `evaluate` leaves of a system."""
    write_answers(folder / "eval", system, "judge", *labels(num_right, n))
    (folder / "eval" / system / "system.json").write_text("{}")
    return str(folder)


def overall(summary, b):
    key = (b, "overall", "accuracy")
    [row] = [row for row in summary["comparisons"] if (row["b"], row["task"], row["metric"]) == key]
    return row


def test_two_files_of_answers_are_compared_on_the_questions(tmp_path, questions):
    a, b = predictions(tmp_path / "a.jsonl", 20), predictions(tmp_path / "b.jsonl", 45)
    summary = compare_systems([a, b], tasks=[questions], predictions=True, output_dir=tmp_path / "out")
    assert summary["systems"] == ["a", "b"] and overall(summary, "b")["verdict"] == "better"
    assert overall(summary, "b")["delta"] == pytest.approx(25 / 60)
    assert summary["verdict"]["b"].startswith("b is better than a: accuracy 0.750 against 0.333")
    assert (tmp_path / "out" / "eval" / "a" / "odd.jsonl").is_file() and summary["left_out"] == {"a": 0, "b": 0}
    again = compare_systems([a, b], tasks=[questions], predictions=True)
    assert again["output"] is None and again["comparisons"] == summary["comparisons"]


def test_equal_answers_are_no_difference_in_words(tmp_path, questions):
    a, b = predictions(tmp_path / "a.jsonl", 20), predictions(tmp_path / "b.jsonl", 20)
    summary = compare_systems([a, b], tasks=[questions], predictions=True)
    assert summary["verdict"]["b"].startswith("No difference between b and a could be shown: accuracy 0.333")
    assert "would often go unseen" in summary["verdict"]["b"]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path, questions):
    a, b = predictions(tmp_path / "x" / "p.jsonl", 20), predictions(tmp_path / "y" / "p.jsonl", 45)
    assert compare_systems([a, b], tasks=[questions], predictions=True)["systems"] == ["x_p", "y_p"]


def test_names_are_unique_and_short(tmp_path):
    assert unique_names(["runs/a", "runs/b"]) == ["a", "b"]
    assert unique_names(["one/a", "two/a", "runs/b"]) == ["one_a", "two_a", "b"]
    assert unique_names(["one/a", "one/a"]) == ["a", "a_2"]
    assert unique_names(["base/out/a.jsonl", "tuned/out/a.jsonl"]) == ["base_a", "tuned_a"]
    assert unique_names(["x/y/a", "x/z/a", "w/y/a"]) == ["x_y_a", "z_a", "w_a"]
    assert unique_names(["/a", "/b/a"]) == ["a", "b_a"]
    assert unique_names(["openai:gpt@http://localhost/v1", "some/gpt2"]) == ["gpt", "gpt2"]


def test_folders_of_evaluate_are_compared_on_what_both_answered(tmp_path):
    console = Said()
    a, b = evaluated(tmp_path / "a", "model", 20), evaluated(tmp_path / "b", "model", 35, n=40)
    summary = compare_systems([a, b], console=console)
    assert summary["systems"] == ["a", "b"] and overall(summary, "b")["n"] == 40
    assert summary["left_out"] == {"a": 20, "b": 0}
    assert console.warnings == ["a: 20 of its 60 samples are left out, for another did not answer them."]


def test_a_run_is_its_tuned_model_and_a_system_s_folder_is_that_system(tmp_path):
    run = write_run(tmp_path / "run", tasks=["open_qa", "closed_qa"])
    summary = compare_systems([str(run / "eval" / "base"), str(run)])
    assert len(summary["systems"]) == 2 and summary["systems"][1] == "run"
    assert all(row["a"] == summary["systems"][0] for row in summary["comparisons"])


def test_without_a_sample_in_common_it_says_so(tmp_path):
    a, b = evaluated(tmp_path / "a", "model", 20), tmp_path / "b"
    write_answers(b / "eval", "model", "judge", ["x"] * 20, [["other"]] * 20)
    with pytest.raises(DataError, match="a and b: no sample in common. Ask them the same questions: --tasks FILE."):
        compare_systems([a, str(b)])


def test_a_model_is_asked_the_questions_and_its_answers_are_kept(tmp_path, questions):
    asked = []

    def ask_models(models, wish, output_dir, console):
        asked.append((models, list(wish.tasks)))
        for name in models:
            write_answers(output_dir / "eval", name, "judge", *labels(20 if name == "small" else 45, NUM))
        how = {"template": "plain", "template_sha256": "", "stop": [], "num_shots": 0}
        (output_dir / "eval" / "summary.json").write_text(json.dumps({"asked": dict.fromkeys(models, how)}))

    out = tmp_path / "out"
    summary = compare_systems(["org/small", "org/large"], tasks=[questions], output_dir=out, ask=ask_models)
    assert summary["systems"] == ["small", "large"] and overall(summary, "large")["verdict"] == "better"
    assert asked == [({"small": "org/small", "large": "org/large"}, [questions])]
    assert (out / "asked" / "eval" / "small").is_dir() and summary["asked"]["large"]["template"] == "plain"
    with pytest.raises(UsageError, match="org/small: has to be asked, and its answers need a folder: --output DIR."):
        compare_systems(["org/small", "org/large"], tasks=[questions])


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path, questions):
    a = evaluated(tmp_path / "a", "model", 20)
    with pytest.raises(UsageError, match="Give at least two to compare"):
        compare_systems([a])
    with pytest.raises(UsageError, match="--predictions A B needs the questions they answer: --tasks FILE."):
        compare_systems(["a.jsonl", "b.jsonl"], predictions=True)
    with pytest.raises(DataError, match="nowhere"):
        compare_systems([a, str(tmp_path / "nowhere")])
    with pytest.raises(UsageError, match="gpt2: holds no answers, so it has to be asked. Give the questions: --tasks"):
        compare_systems([a, "gpt2"])
    with pytest.raises(UsageError, match="--metric: no such metric `acuracy`. Did you mean `accuracy`"):
        compare_systems([a, a], metric="acuracy")
    evaluated(tmp_path / "a", "other", 20)
    with pytest.raises(UsageError, match="holds the answers of several systems. Name one of them: .*eval/model, "):
        compare_systems([a, a])


def test_answers_are_never_written_over_what_they_are_read_from(tmp_path):
    evaluated(tmp_path / "a", "x", 20), evaluated(tmp_path / "a", "y", 30)
    folders = [str(tmp_path / "a" / "eval" / name) for name in ("x", "y")]
    before = (tmp_path / "a" / "eval" / "x" / "judge.jsonl").read_bytes()
    with pytest.raises(UsageError, match="would overwrite it"):
        compare_systems(folders, output_dir=tmp_path / "a")
    assert (tmp_path / "a" / "eval" / "x" / "judge.jsonl").read_bytes() == before


def test_runs_over_seeds_share_a_recipe_but_the_seed(tmp_path):
    runs = [write_run(tmp_path / f"run{k}", tasks=["open_qa"]) for k in range(3)]
    for k, run in enumerate(runs):
        recipe = run / "recipe.yaml"
        recipe.write_text(recipe.read_text().replace("seed: 0", f"seed: {k}") if k else recipe.read_text())
    summary = compare_seeds([str(run) for run in runs])
    assert summary["runs"] == ["run0", "run1", "run2"] and summary["consistency"]["same_answer"] == 1.0
    with pytest.raises(UsageError, match="Give at least two runs of one recipe"):
        compare_seeds([str(runs[0])])
    recipe.write_text(recipe.read_text().replace("learning_rate: 0.0002", "learning_rate: 0.001"))
    with pytest.raises(
        UsageError, match="differ in more than the seed: train.learning_rate: 0.0002 and 0.001. Compare"
    ):
        compare_seeds([str(run) for run in runs])
