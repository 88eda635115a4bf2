"""What worked examples give and cost: equal is said only where the interval says so."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.evaluation.scorers import with_scores
from tunesmith.evaluation.shot_curve import AS_GOOD, BETTER, UNDECIDED, WORSE, shot_system, summarize_curve
from tunesmith.files import write_jsonl


def write(eval_dir, name: str, right: np.ndarray, tokens: int | None) -> None:
    rows = [
        {"id": str(k), "task": "qa", "references": ["yes"], "prediction": "yes" if is_right else "no"}
        | ({} if tokens is None else {"num_prompt_tokens": tokens + k % 3})
        for k, is_right in enumerate(right)
    ]
    write_jsonl(eval_dir / name / "qa.jsonl", with_scores(rows))


def curve(eval_dir, shares: dict[int, float], tuned: float, *, n: int = 400, tokens: bool = True, seed: int = 0):
    chance = np.random.default_rng(seed)
    luck = chance.random(n)  # the same for all: an easy question is easy for every system
    for k, share in shares.items():
        write(eval_dir, shot_system("base", k), luck < share, 20 + 50 * k if tokens else None)
        write(eval_dir, shot_system("tuned", k), luck < tuned, 20 + 50 * k if tokens else None)
    return summarize_curve(
        eval_dir, systems=["base", "tuned"], num_shots=list(shares), metric="exact_match", num_resamples=500
    )


def verdicts(found) -> dict[int, str]:
    return {row["num_shots"]: row["verdict"] for row in found["comparisons"]}


def test_the_curve_has_a_point_for_each_system_and_number_with_its_tokens(tmp_path):
    found = curve(tmp_path, {0: 0.2, 3: 0.5}, 0.8)
    points = {(point["system"], point["num_shots"]): point for point in found["curve"]}
    assert set(points) == {(system, k) for system in ("base", "tuned") for k in (0, 3)}
    assert points["base", 3]["value"] == pytest.approx(0.5, abs=0.06) and points["base", 3]["n"] == 400
    tokens = points["base", 3]["tokens"]
    assert tokens["low"] < tokens["value"] < tokens["high"] and tokens["value"] == pytest.approx(171, abs=0.1)


def test_tuned_that_is_better_than_the_best_number_saves_its_tokens(tmp_path):
    found = curve(tmp_path, {0: 0.2, 5: 0.5}, 0.8)
    assert verdicts(found) == {0: BETTER, 5: BETTER}
    assert found["comparisons"][1]["tokens_saved"] == {"value": 250.0, "low": 250.0, "high": 250.0}
    assert found["sentence"].startswith("Without worked examples tuned is better than base with 5 worked examples")
    assert "saves 250 tokens of context per request (250 to 250)" in found["sentence"]


def test_equal_is_said_only_where_the_interval_lies_above_the_margin(tmp_path):
    same = curve(tmp_path / "a", {0: 0.2, 5: 0.6}, 0.6)
    assert verdicts(same)[5] == AS_GOOD and "is at least as good as (within 0.03) base with 5" in same["sentence"]
    few = curve(tmp_path / "b", {0: 0.2, 5: 0.6}, 0.55, n=40)
    assert verdicts(few)[5] == UNDECIDED
    assert "could not be told from base with 5" in few["sentence"] and "saves" not in few["sentence"]


def test_tuned_that_is_worse_is_said_to_be_worse_and_saves_nothing(tmp_path):
    found = curve(tmp_path, {0: 0.2, 5: 0.9}, 0.5)
    assert verdicts(found) == {0: BETTER, 5: WORSE}
    assert "is worse than base with 5 worked examples" in found["sentence"] and "saves" not in found["sentence"]


def test_examples_that_do_not_help_are_said_not_to(tmp_path):
    found = curve(tmp_path, {0: 0.3, 5: 0.3}, 0.8)
    assert (
        "better than base with no worked example" in found["sentence"]
        and "with 5 worked examples, which do not help it, it saves 250" in found["sentence"]
    )


def test_tokens_nobody_told_are_undefined(tmp_path):
    found = curve(tmp_path, {0: 0.2, 5: 0.5}, 0.8, tokens=False)
    assert {point["tokens"] for point in found["curve"]} == {None}
    assert found["comparisons"][0]["tokens_saved"] is None and "saves" not in found["sentence"]


def test_one_system_alone_is_held_against_itself_with_examples(tmp_path):
    for k in (0, 2):
        write(tmp_path, shot_system("base", k), np.arange(10) < 5, 30)
    found = summarize_curve(tmp_path, systems=["base"], num_shots=[0, 2], metric="exact_match", num_resamples=100)
    [row] = found["comparisons"]
    assert len(found["curve"]) == 2 and (row["a"], row["b"], row["delta"]) == ("base_2_shot", "base", 0.0)
    assert found["sentence"].startswith(
        "Without worked examples base could not be told from base with 2 worked examples"
    )
    assert found["answers"]["base_2_shot"]["n"] == 10
