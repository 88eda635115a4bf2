"""What a person reads from `compare` and `gate`, and the code they end with."""

from __future__ import annotations

import json

import pytest

from tests.cli.doubles import call
from tests.run_folder import Skill, write_run
from tests.workflows.test_side_by_side import evaluated, predictions, questions  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two families in the run's own split, and one the tuned model forgot in a test file."""
    lost = {"general/old": Skill(tuned=0.1, base=0.9)}
    folder = tmp_path_factory.mktemp("runs") / "mine"
    return write_run(folder, tasks=["open_qa", "closed_qa"], test_files={"general": ["old"]}, skills=lost)


def test_compare_prints_a_line_for_each_task_and_a_verdict(tmp_path, questions, capsys):  # noqa: F811
    files = [predictions(tmp_path / f"{name}.jsonl", num) for name, num in (("a", 20), ("b", 45), ("c", 21))]
    code, out, _ = call(capsys, "compare", "--predictions", *files, "--tasks", questions)
    lines = out.splitlines()
    assert code == 0 and lines[0] == "By accuracy:" and "detectable" in lines[1]
    assert lines[2].split()[:4] == ["odd", "60", "0.333", "b"] and "better" in lines[2] and "< 0.001" in lines[2]
    assert "no difference" in lines[3] and lines[4].startswith("b is better than a: accuracy 0.750 against 0.333")
    assert lines[5].startswith("No difference between c and a could be shown")


def test_compare_json_has_the_summary_the_words_and_what_was_left_out(tmp_path, questions, capsys):  # noqa: F811
    files = [predictions(tmp_path / f"{name}.jsonl", num) for name, num in (("a", 20), ("b", 45))]
    code, out, _ = call(capsys, "compare", "--predictions", *files, "--tasks", questions, "--json")
    found = json.loads(out)
    assert code == 0 and found["systems"] == ["a", "b"] and set(found["verdict"]) == {"b"}
    assert {"comparisons", "overall", "tasks", "left_out"} <= found.keys()


def test_compare_over_seeds_prints_mean_and_spread(tmp_path, capsys):
    folders = [evaluated(tmp_path / f"s{k}", "tuned", 40 + k) for k in range(3)]
    for folder in folders:
        evaluated(tmp_path / folder, "base", 20)
    code, out, _ = call(capsys, "compare", "--seeds", *folders)
    assert code == 0 and "mean ± sd" in out and "0.683 ± 0.017" in out
    assert out.splitlines()[-1].startswith("tuned is better than base (3 training runs): accuracy 0.683 on average")
    code, _, err = call(capsys, "compare", "--seeds", *folders, "--output", tmp_path)
    assert code == 2 and "so --output has no meaning beside it" in err


def test_a_gate_that_holds_ends_with_0(run, capsys):
    code, out, err = call(capsys, "gate", run, "--min", "exact_match@test>=0.4", "--no-regression", "test")
    assert (code, err) == (0, "") and out.count("holds") == 2
    assert "nothing significantly worse" in out and out.splitlines()[-1] == "Passed: all 2 conditions hold."


def test_a_gate_that_fails_ends_with_6_and_says_which(run, capsys):
    code, out, err = call(capsys, "gate", run, "--min", "exact_match@test>=0.4", "--no-regression", "general")
    assert code == 6 and "holds" in out and "fails" in out
    assert "1 of 2 conditions failed: no regression on general (worse: general/old by" in err
    code, out, _ = call(capsys, "gate", run, "--min", "exact_match>=0.99", "--max", "bleu<=1", "--json")
    found = json.loads(out)
    assert code == 6 and found["passed"] is False and [row["holds"] for row in found["conditions"]] == [False, False]
    assert set(found["conditions"][0]) == {"condition", "holds", "found", "low", "high", "n", "note"}


def test_a_gate_needs_something_to_judge_and_to_judge_by(run, tmp_path, capsys):
    assert call(capsys, "gate", run)[0::2] == (2, 'Nothing to judge by. Give a condition: --min "exact_match>=0.6" or --no-regression all.\n')  # fmt: skip
    code, _, err = call(capsys, "gate", run, "--min", "exact_mach>=0.5")
    assert code == 2 and "no such metric `exact_mach`. Did you mean `exact_match`?" in err
    code, _, err = call(capsys, "gate", run, "--no-regression", "generl")
    assert code == 2 and "Did you mean `general`?" in err
    code, _, err = call(capsys, "gate", tmp_path, "--no-regression", "all")
    assert code == 3 and "not evaluated (no eval/summary.json). Run `tunesmith evaluate" in err
    code, _, err = call(capsys, "gate", tmp_path / "nowhere", "--no-regression", "all")
    assert code == 3 and "nowhere" in err
