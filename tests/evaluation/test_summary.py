"""The summary: its shape, its honesty, its words; and that the same answers always give the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.pairs import make_predictions, read_references
from tunesmith.errors import DataError
from tunesmith.evaluation.answers import count_answers
from tunesmith.evaluation.comparisons import compare, explain
from tunesmith.evaluation.estimates import Result, estimate
from tunesmith.evaluation.measurements import Measurement
from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.scorers import with_scores
from tunesmith.evaluation.summary import headline_metric, summarize, summarize_answers
from tunesmith.evaluation.verdict import headline, verdict_sentence

FAST = 400
SAMPLE_METRICS = {"exact_match", "verbatim_match", "f1", "rouge1", "rouge2", "rougeL", "bleu", "chrf"}


def write_answers(eval_dir: Path, system: str, task: str, predictions, references, scores=None, **fields) -> None:
    folder = eval_dir / system
    folder.mkdir(parents=True, exist_ok=True)
    answers = [{"prediction": text, "references": texts} for text, texts in zip(predictions, references)]
    scores = scores if scores is not None else [line["scores"] for line in with_scores(answers)]
    with open(folder / f"{task.replace('/', '_')}.jsonl", "w", encoding="utf-8") as file:
        for k, (prediction, texts, score) in enumerate(zip(predictions, references, scores, strict=True)):
            row = {"id": f"{task}-{k}", "task": task, "prediction": prediction, "references": texts, "scores": score}
            file.write(json.dumps(row | {"finish_reason": "stop"} | fields, ensure_ascii=False) + "\n")


def labels(num_right: int, n: int = 40, wrong: str = "neither") -> tuple[list[str], list[list[str]]]:
    actual = ["yes" if k % 2 else "no" for k in range(n)]
    return [label if k < num_right else wrong for k, label in enumerate(actual)], [[label] for label in actual]


def compared(summary, task, metric, a="base", b="tuned"):
    key = (a, b, task, metric)
    [row] = [row for row in summary["comparisons"] if (row["a"], row["b"], row["task"], row["metric"]) == key]
    return row


@pytest.fixture
def two_tasks(tmp_path, shared) -> Path:
    """Base, tuned and both baselines on a task of sentences and one of labels; tuned is better."""
    references = read_references(shared, "german", limit=60)
    for seed, (system, keep, num_right) in enumerate(
        [("base", 0.3, 15), ("tuned", 0.7, 36), ("majority_answer", 0.1, 20), ("nearest_example", 0.2, 12)]
    ):
        write_answers(tmp_path, system, "translate", make_predictions(references, keep=keep, seed=seed), references)
        write_answers(tmp_path, system, "judge", *labels(num_right))
    return tmp_path


# -- shape -------------------------------------------------------------------------------------------------------------


def test_the_summary_has_the_shape_of_the_run_folder(two_tasks):
    summary = summarize(two_tasks, num_resamples=FAST)
    assert json.loads((two_tasks / "summary.json").read_text()) == summary
    assert summary["systems"] == ["base", "tuned", "majority_answer", "nearest_example"]
    assert list(summary["tasks"]) == ["judge", "translate"]
    assert {name: task["n"] for name, task in summary["tasks"].items()} == {"judge": 40, "translate": 60}
    assert set(summary["tasks"]["translate"]["metrics"]) == SAMPLE_METRICS
    assert set(summary["tasks"]["judge"]["metrics"]) == SAMPLE_METRICS - {"bleu"} | {"accuracy", "macro_f1"}
    assert set(summary["overall"]) == SAMPLE_METRICS | {"accuracy", "macro_f1"}
    for metrics in (summary["overall"], *(task["metrics"] for task in summary["tasks"].values())):
        for values in metrics.values():
            assert list(values) == summary["systems"]
            for cell in values.values():
                assert list(cell) == ["value", "low", "high", "n"]
                assert cell["low"] <= cell["value"] <= cell["high"] and cell["low"] < cell["high"]
    keys = ["a", "b", "task", "metric", "delta", "low", "high", "n", "p", "p_adjusted", "higher_is_better", "verdict"]
    for row in summary["comparisons"]:
        assert list(row)[:13] == [*keys, "smallest_detectable_difference"] and row["b"] == "tuned"
        is_share = row["task"] == "judge" and row["metric"] in ("exact_match", "verbatim_match", "accuracy")
        assert "p_mid" in row or not is_share
        assert row["low"] <= row["delta"] <= row["high"] and row["low"] < row["high"]
        assert 0 < row["p"] <= row["p_adjusted"] <= 1
    assert len(summary["comparisons"]) == 3 * (8 + 9 + 10)


def test_a_difference_is_b_less_a_and_overall_is_the_mean_over_tasks(two_tasks):
    summary = summarize(two_tasks, num_resamples=FAST)
    for task in ("judge", "translate"):
        values = summary["tasks"][task]["metrics"]["chrf"]
        gain = values["tuned"]["value"] - values["base"]["value"]
        assert compared(summary, task, "chrf")["delta"] == pytest.approx(gain, abs=1e-9)
    parts = [summary["tasks"][task]["metrics"]["rougeL"]["tuned"] for task in ("judge", "translate")]
    overall = summary["overall"]["rougeL"]["tuned"]
    assert overall["value"] == pytest.approx(np.mean([part["value"] for part in parts]), abs=1e-9)
    assert overall["n"] == 100
    both = [compared(summary, task, "rougeL")["delta"] for task in ("judge", "translate")]
    assert compared(summary, "overall", "rougeL")["delta"] == pytest.approx(np.mean(both), abs=1e-9)


def test_the_mean_over_one_task_is_that_task(two_tasks):
    summary = summarize(two_tasks, num_resamples=FAST)
    assert summary["overall"]["accuracy"] == summary["tasks"]["judge"]["metrics"]["accuracy"]
    alone, overall = compared(summary, "judge", "macro_f1"), compared(summary, "overall", "macro_f1")
    assert {**overall, "task": "judge"} == alone


def test_systems_and_tasks_can_be_chosen(two_tasks):
    summary = summarize(two_tasks, systems=["tuned", "base"], tasks=["judge"], num_resamples=FAST)
    assert summary["systems"] == ["tuned", "base"] and list(summary["tasks"]) == ["judge"]
    assert {(row["a"], row["b"]) for row in summary["comparisons"]} == {("base", "tuned")}


def test_without_tuned_everything_is_compared_with_the_system_that_is_no_baseline(tmp_path):
    for system, num_right in (("mine", 30), ("majority_answer", 20)):
        write_answers(tmp_path, system, "judge", *labels(num_right))
    summary = summarize(tmp_path, num_resamples=FAST)
    assert {(row["a"], row["b"]) for row in summary["comparisons"]} == {("majority_answer", "mine")}


def test_answers_that_were_cut_or_empty_are_counted(tmp_path):
    write_answers(tmp_path, "base", "cut", *labels(5), finish_reason="length")
    write_answers(tmp_path, "base", "silent", *labels(5, wrong=" "))
    assert summarize(tmp_path, num_resamples=FAST)["answers"] == {
        "base": {"n": 80, "num_cut": 40, "num_empty": 35, "num_failed": 0, "num_too_long": 0}
    }


# -- honesty -----------------------------------------------------------------------------------------------------------


def test_a_system_against_itself_is_no_difference_on_every_metric(tmp_path, shared):
    for task in ("long", "short", "labels"):
        references = read_references(shared, task, limit=40)
        for system in ("base", "tuned"):
            write_answers(tmp_path, system, task, make_predictions(references), references)
    summary = summarize(tmp_path, num_resamples=FAST)
    assert {row["verdict"] for row in summary["comparisons"]} == {"no difference"}
    assert all(row["delta"] == 0 and row["p"] == row["p_adjusted"] == 1 for row in summary["comparisons"])
    assert all(row["low"] < 0 < row["high"] for row in summary["comparisons"])


def test_two_systems_that_score_nothing_are_no_difference_and_no_certainty(tmp_path):
    for system, answer in (("base", "foo"), ("tuned", "bar")):
        references = [[f"reference {k} of quite many words"] for k in range(50)]
        write_answers(tmp_path, system, "qa", [answer] * 50, references)
    summary = summarize(tmp_path, num_resamples=FAST)
    for metric in ("exact_match", "rougeL", "bleu"):
        assert compared(summary, "qa", metric)["verdict"] == "no difference"
        assert summary["tasks"]["qa"]["metrics"][metric]["base"]["value"] == 0
        assert summary["tasks"]["qa"]["metrics"][metric]["base"]["high"] > 0.05
    expected = "Cannot tell tuned from base (one training run): both score 0 on ROUGE-L, on 50 samples"
    assert verdict_sentence(summary).startswith(expected)


def test_one_sample_more_is_not_a_win(tmp_path):
    # Soup ships on 0.40 → 0.41 (SOUP.md, section 4).
    write_answers(tmp_path, "base", "judge", *labels(40, n=100))
    write_answers(tmp_path, "tuned", "judge", *labels(41, n=100))
    assert compared(summarize(tmp_path, num_resamples=FAST), "judge", "accuracy")["verdict"] == "no difference"


def test_tasks_are_adjusted_for_each_other_but_not_for_overall(tmp_path):
    for task in "abcdefgh":
        write_answers(tmp_path, "base", task, *labels(20))
        write_answers(tmp_path, "tuned", task, *labels(27))
    summary = summarize(tmp_path, num_resamples=FAST)
    row = compared(summary, "a", "accuracy")
    assert row["p"] == pytest.approx(2 * 0.5**7) and row["p_adjusted"] == pytest.approx(8 * row["p"])
    assert row["verdict"] == "no difference"
    overall = compared(summary, "overall", "accuracy")
    assert overall["p"] == overall["p_adjusted"] < 0.05 and overall["verdict"] == "better"


def test_worse_is_called_worse(tmp_path):
    write_answers(tmp_path, "base", "judge", *labels(35))
    write_answers(tmp_path, "tuned", "judge", *labels(10))
    row = compared(summarize(tmp_path, num_resamples=FAST), "judge", "accuracy")
    assert row["verdict"] == "worse" and row["delta"] == pytest.approx(-0.625) and row["high"] < 0


def test_a_handful_of_samples_is_tested_exactly_and_found_too_few(tmp_path):
    write_answers(tmp_path, "base", "qa", ["x"] * 5, [["a b"]] * 5)
    write_answers(tmp_path, "tuned", "qa", ["a b"] * 5, [["a b"]] * 5)
    row = compared(summarize(tmp_path, num_resamples=FAST), "qa", "f1")
    assert row["delta"] == 1 and row["p"] == 2 / 2**5 and row["verdict"] == "no difference"


def test_one_sample_is_enough_to_summarize(tmp_path):
    write_answers(tmp_path, "base", "qa", ["a"], [["a b"]])
    write_answers(tmp_path, "tuned", "qa", ["a b"], [["a b"]])
    summary = summarize(tmp_path, num_resamples=FAST)
    assert compared(summary, "qa", "rougeL")["p"] == 1.0
    assert summary["smallest_detectable_difference"]["exact_match"] is None
    assert summary["tasks"]["qa"]["metrics"]["f1"]["tuned"]["low"] < 0.5


def test_the_smallest_detectable_difference_shrinks_with_the_samples(tmp_path):
    for n in (40, 160):
        write_answers(tmp_path / str(n), "base", "judge", *labels(n // 2, n))
        write_answers(tmp_path / str(n), "tuned", "judge", *labels(n // 2 + n // 10, n))
    few, many = (summarize(tmp_path / str(n), num_resamples=FAST) for n in (40, 160))
    for metric in ("accuracy", "f1"):
        smaller, larger = (summary["smallest_detectable_difference"][metric] for summary in (many, few))
        assert 0 < smaller < larger < 0.5
        assert many["tasks"]["judge"]["smallest_detectable_difference"][metric] == smaller


def test_another_task_in_the_folder_does_not_change_a_tasks_numbers(two_tasks):
    alone = summarize(two_tasks, tasks=["translate"], num_resamples=FAST)
    both = summarize(two_tasks, num_resamples=FAST)
    assert alone["tasks"]["translate"]["metrics"] == both["tasks"]["translate"]["metrics"]
    assert compared(alone, "translate", "bleu")["p"] == compared(both, "translate", "bleu")["p"]


# -- metrics of other kinds --------------------------------------------------------------------------------------------


def write_scores(eval_dir: Path, system: str, task: str, scores, **fields) -> None:
    """Lines that ask for nothing but what their scores say."""
    folder = eval_dir / system
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{task}.jsonl", "w", encoding="utf-8") as file:
        for k, score in enumerate(scores):
            row = {"id": f"{task}-{k}", "task": task, "prediction": "x", "references": [], "scores": score}
            file.write(json.dumps(row | {name: found[k] for name, found in fields.items()}) + "\n")


def likelihoods(rng, mean: float, n: int = 60) -> list[dict]:
    num_tokens = np.random.default_rng(7).integers(20, 90, n)
    nll = num_tokens * rng.normal(mean, 0.2, n)
    return [
        {"nll": float(x), "num_tokens": int(t), "num_bytes": int(4 * t)} for x, t in zip(nll, num_tokens, strict=True)
    ]


def test_of_a_metric_that_is_better_when_lower_less_is_better(tmp_path):
    for seed, (system, mean) in enumerate([("base", 3.0), ("tuned", 2.5)]):
        write_scores(tmp_path, system, "text", likelihoods(np.random.default_rng(seed), mean))
    summary = summarize(tmp_path, num_resamples=FAST)
    row = compared(summary, "text", "perplexity")
    assert row["verdict"] == "better" and row["high"] < 0 and row["higher_is_better"] is False
    cell = summary["tasks"]["text"]["metrics"]["perplexity"]["tuned"]
    assert cell["low"] < np.exp(2.5) < cell["high"] and cell["high"] > 1
    assert summary["metrics"]["perplexity"] == {"title": "perplexity", "scale": None, "higher_is_better": False}
    assert verdict_sentence(summary).startswith("tuned is better than base (one training run): bits per byte 0.9")
    back = summarize(tmp_path, systems=["tuned", "base"], against="tuned", num_resamples=FAST)
    assert compared(back, "text", "perplexity", "tuned", "base")["verdict"] == "worse"


def test_the_interval_of_a_perplexity_is_that_of_its_logarithm(tmp_path):
    counts = {"num_tokens": 100, "num_bytes": 400}
    losses = [900.0, 1200.0, 1000.0, 700.0, 1400.0]
    write_scores(tmp_path, "base", "text", [{"nll": 400.0 + k, **counts} for k in range(5)])
    write_scores(tmp_path, "tuned", "text", [{"nll": loss, **counts} for loss in losses])
    summary = summarize(tmp_path, num_resamples=FAST)
    cell = summary["tasks"]["text"]["metrics"]["perplexity"]["tuned"]
    center, low, high = (np.log(cell[name]) for name in ("value", "low", "high"))
    assert center == pytest.approx(np.mean(losses) / 100) and 5 < low < center < high < 16
    assert compared(summary, "text", "perplexity")["low"] > 0


def test_a_system_without_a_metric_has_no_figure_and_no_comparison(tmp_path):
    write_scores(tmp_path, "base", "text", likelihoods(np.random.default_rng(0), 3.0))
    write_scores(tmp_path, "tuned", "text", [{}] * 60)
    summary = summarize(tmp_path, num_resamples=FAST)
    assert set(summary["tasks"]["text"]["metrics"]["perplexity"]) == {"base"}
    assert summary["comparisons"] == [] and summary["smallest_detectable_difference"]["perplexity"] is None
    assert verdict_sentence(summary) == "tuned has no bits per byte here (n/a), so nothing can be said."


def test_one_sample_of_an_unbounded_metric_has_no_interval(tmp_path):
    for seed, system in enumerate(("base", "tuned")):
        write_scores(tmp_path, system, "text", likelihoods(np.random.default_rng(seed), 3.0, n=1))
    summary = summarize(tmp_path, num_resamples=FAST)
    cell = summary["tasks"]["text"]["metrics"]["perplexity"]["tuned"]
    assert cell["value"] > 1 and cell["low"] is None and cell["high"] is None and cell["n"] == 1
    assert "95 %" not in verdict_sentence(summary)


def followed(rng, share: float, n: int = 80) -> list[dict]:
    asked = np.random.default_rng(7).integers(1, 4, n)
    done = rng.binomial(asked, share)
    return [{"num_followed_strict": int(d), "num_asked": int(a)} for d, a in zip(done, asked, strict=True)]


def test_a_ratio_of_sums_is_a_statistic_of_the_whole_task(tmp_path):
    scores = {
        system: followed(np.random.default_rng(k), share)
        for k, (system, share) in enumerate([("base", 0.5), ("tuned", 0.8)])
    }
    for system, found in scores.items():
        write_scores(tmp_path, system, "if", found)
    summary = summarize(tmp_path, num_resamples=FAST)
    cell = summary["tasks"]["if"]["metrics"]["inst_level_strict"]["tuned"]
    done, asked = (sum(row[name] for row in scores["tuned"]) for name in ("num_followed_strict", "num_asked"))
    assert cell["value"] == pytest.approx(done / asked, abs=1e-9) and 0.7 < cell["low"] < cell["high"] < 0.95
    row = compared(summary, "if", "inst_level_strict")
    assert row["verdict"] == "better" and "p_mid" not in row


def test_rephrasings_of_one_question_are_one_unit(tmp_path):
    rng = np.random.default_rng(3)
    base, tuned = (rng.uniform(size=30) < share for share in (0.4, 0.6))
    groups = [f"q{k // 4}" for k in range(120)]
    for system, right in (("base", base), ("tuned", tuned)):
        scores = [{"json_valid": float(right[k // 4])} for k in range(120)]
        write_scores(
            tmp_path / "grouped", system, "code", scores, variant_of=groups, variant=["original", "a", "b", "c"] * 30
        )
        write_scores(tmp_path / "alone", system, "code", [scores[4 * k] for k in range(30)])
        write_scores(tmp_path / "apart", system, "code", scores)
    grouped, alone, apart = (summarize(tmp_path / name, num_resamples=2000) for name in ("grouped", "alone", "apart"))
    assert grouped["tasks"]["code"]["units"]["json_valid"] == "groups of rephrasings"
    assert "units" not in apart["tasks"]["code"]
    row, single, wrong = (compared(found, "code", "json_valid") for found in (grouped, alone, apart))
    assert row["delta"] == single["delta"] == wrong["delta"] and row["n"] == 30
    widths = [found["high"] - found["low"] for found in (row, single, wrong)]
    assert widths[0] == pytest.approx(widths[1], rel=0.2) and widths[2] < 0.6 * widths[0]
    assert row["p"] == pytest.approx(single["p"], abs=0.06) and wrong["p"] < row["p"] / 3


def test_samples_by_the_hundred_thousand_are_resampled_in_groups(tmp_path):
    rng = np.random.default_rng(3)
    for system, mean in (("base", 3.0), ("tuned", 2.99)):
        write_scores(tmp_path, system, "text", likelihoods(rng, mean, n=10_000))
    start = time.process_time()
    summary = summarize(tmp_path, num_resamples=1000)
    assert time.process_time() - start < 10
    row = compared(summary, "text", "bits_per_byte")
    error = 0.2 * np.sqrt(2 * 1.14 / 10_000) / (4 * np.log(2))  # tokens vary, so weights do
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)


# -- against the first -------------------------------------------------------------------------------------------------


def test_against_one_system_every_other_is_held_and_each_is_a_further_chance_to_be_wrong(tmp_path):
    for system, num_right in (("a", 20), ("b", 28), ("c", 22)):
        write_answers(tmp_path, system, "judge", *labels(num_right))
    summary = summarize(tmp_path, systems=["a", "b", "c"], against="a", num_resamples=FAST)
    rows = {row["b"]: row for row in summary["comparisons"] if (row["task"], row["metric"]) == ("overall", "accuracy")}
    assert {row["a"] for row in summary["comparisons"]} == {"a"} and set(rows) == {"b", "c"}
    assert rows["b"]["p_adjusted"] == pytest.approx(2 * rows["b"]["p"])
    sentence = verdict_sentence(summary, ("a", "c"))
    assert sentence.startswith("No difference between c and a could be shown: accuracy 0.550 against 0.500")
    assert "adjusted" in verdict_sentence(summary, ("a", "b"))


def test_both_p_values_of_mcnemar_are_told_and_the_exact_one_judges(tmp_path):
    write_answers(tmp_path, "base", "judge", *labels(20))
    write_answers(tmp_path, "tuned", "judge", *labels(25))
    row = compared(summarize(tmp_path, num_resamples=FAST), "judge", "accuracy")
    assert row["p"] == 2 / 2**5 and row["p_mid"] == 1 / 2**5 and row["verdict"] == "no difference"


# -- groups, and what was learned ---------------------------------------------------------------------------------------


@pytest.fixture
def three_groups(tmp_path) -> Path:
    """Two families in the run's own split and in a file of new wordings, a third in a file of its own."""
    right = {"base": 2, "base_3_shot": 6, "majority_answer": 20, "nearest_example": 20, "tuned": 38}
    for system, num_right in right.items():
        for group, family in (("", "a"), ("", "b"), ("new", "a"), ("new", "b"), ("other", "c")):
            hard = family == "b" and group == "new" or family == "c"
            answers = labels(min(num_right, 22) if hard else num_right)
            task, fields = (f"{group}/{family}", {"group": group}) if group else (family, {})
            write_answers(tmp_path, system, task, *answers, **fields)
    return tmp_path


def test_each_test_file_is_summed_up_apart(three_groups):
    summary = summarize(three_groups, num_resamples=FAST)
    assert {name: group["tasks"] for name, group in summary["groups"].items()} == {
        "test": ["a", "b"], "new": ["new/a", "new/b"], "other": ["other/c"]
    }  # fmt: skip
    new = summary["groups"]["new"]
    values = [summary["tasks"][task]["metrics"]["accuracy"]["tuned"]["value"] for task in new["tasks"]]
    assert new["metrics"]["accuracy"]["tuned"]["value"] == pytest.approx(np.mean(values)) == pytest.approx(30 / 40)
    assert new["metrics"]["accuracy"]["tuned"]["n"] == 80
    rows = {row["a"]: row for row in new["comparisons"] if row["metric"] == "accuracy"}
    assert set(rows) == {"base", "base_3_shot", "majority_answer", "nearest_example"}
    assert rows["base"]["delta"] == pytest.approx(28 / 40) and rows["base"]["verdict"] == "better"
    assert {row["task"] for row in new["comparisons"]} == {"overall"}


def test_the_run_s_own_split_comes_first_and_the_files_in_the_order_given(three_groups):
    tasks = ["other/c", "new/a", "new/b", "a", "b"]
    assert list(summarize(three_groups, tasks=tasks, num_resamples=FAST)["groups"]) == ["test", "other", "new"]


def test_tasks_are_adjusted_within_their_group_and_groups_for_each_other(three_groups):
    summary = summarize(three_groups, num_resamples=FAST)
    row = compared(summary, "other/c", "accuracy")  # alone in its file
    assert row["p_adjusted"] == row["p"]
    hard = compared(summary, "new/b", "accuracy", a="majority_answer")  # the less sure of two
    assert hard["p_adjusted"] == hard["p"] > compared(summary, "new/a", "accuracy", a="majority_answer")["p"]
    p_values = {
        group: next(row for row in found["comparisons"] if (row["a"], row["metric"]) == ("base", "accuracy"))
        for group, found in summary["groups"].items()
    }
    smallest = min(row["p"] for row in p_values.values())
    assert min(row["p_adjusted"] for row in p_values.values()) == pytest.approx(3 * smallest)


def test_learned_is_better_than_base_with_and_without_examples_and_than_every_baseline(three_groups):
    learned = summarize(three_groups, num_resamples=FAST)["learned"]
    assert {task: found["learned"] for task, found in learned.items()} == {
        "a": True, "b": True, "new/a": True, "new/b": False, "other/c": False
    }  # fmt: skip
    against = learned["new/b"]["against"]
    assert {system: found["verdict"] for system, found in against.items()} == {
        "base": "better", "base_3_shot": "better", "majority_answer": "no difference", "nearest_example": "no difference"
    }  # fmt: skip
    assert against["base"]["p_adjusted"] < 0.05 <= against["majority_answer"]["p_adjusted"]


def test_where_tuned_was_not_compared_nothing_is_said_to_be_learned_or_not(tmp_path):
    write_answers(tmp_path, "mine", "judge", *labels(30))
    assert summarize(tmp_path, num_resamples=FAST)["learned"] == {"judge": {"learned": None, "against": {}}}


def test_the_metric_asked_for_is_the_headline_where_a_task_has_it(two_tasks):
    assert summarize(two_tasks, num_resamples=FAST)["primary_metric"] == "rougeL"
    chosen = summarize(two_tasks, num_resamples=FAST, metric="accuracy")
    assert chosen["primary_metric"] == "accuracy" and headline(chosen)["num_tasks"] == 1
    assert chosen["learned"]["translate"] == {"learned": None, "against": {}}
    assert (
        summarize(two_tasks, tasks=["translate"], num_resamples=FAST, metric="accuracy")["primary_metric"] == "rougeL"
    )


# -- words -------------------------------------------------------------------------------------------------------------


def test_the_sentence_says_what_how_sure_and_on_how_much(two_tasks):
    summary = summarize(two_tasks, num_resamples=FAST)
    found = headline(summary)
    assert (found["metric"], found["a"], found["b"], found["verdict"], found["n"], found["num_tasks"]) == (
        "rougeL", "base", "tuned", "better", 100, 2
    )  # fmt: skip
    assert found["low"] < found["delta"] < found["high"]
    assert set(found["baselines"]) == {"majority_answer", "nearest_example"}
    sentence = verdict_sentence(summary)
    assert sentence.startswith("tuned is better than base (one training run): ROUGE-L 0.")
    assert "95 % interval +0." in sentence and "on 100 samples of 2 tasks." in sentence
    assert "tuned also beats the most frequent training answer (0." in sentence


def test_the_sentence_says_when_a_baseline_does_as_well(tmp_path):
    for system, num_right in (("base", 5), ("tuned", 25), ("majority_answer", 24), ("nearest_example", 10)):
        write_answers(tmp_path, system, "judge", *labels(num_right))
    sentence = verdict_sentence(summarize(tmp_path, num_resamples=FAST))
    assert sentence.startswith("tuned is better than base (one training run): accuracy 0.625 against 0.125 (+0.500")
    assert "But tuned is not shown to beat the most frequent training answer (0.600), which needs no model:" in sentence


def test_the_sentence_says_what_could_not_have_been_seen(tmp_path):
    write_answers(tmp_path, "base", "judge", *labels(20))
    write_answers(tmp_path, "tuned", "judge", *labels(22))
    sentence = verdict_sentence(summarize(tmp_path, num_resamples=FAST))
    assert sentence.startswith("No difference between tuned and base could be shown (one training run): accuracy 0.550")
    assert sentence.endswith("would often go unseen on this many samples.") and "on 40 samples of 1 task." in sentence


def test_a_single_system_is_described_and_compared_with_nothing(tmp_path):
    write_answers(tmp_path, "predictions", "judge", *labels(30))
    summary = summarize(tmp_path, num_resamples=FAST)
    assert summary["comparisons"] == [] and summary["smallest_detectable_difference"]["accuracy"] is None
    assert headline(summary)["a"] is None and headline(summary)["verdict"] is None
    expected = "predictions scores accuracy 0.750 (95 % interval 0.598 to 0.858) on 40 samples"
    assert verdict_sentence(summary).startswith(expected)


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no answers in it. Expected SYSTEM/TASK.jsonl; run `tunesmith evaluate`"):
        summarize(tmp_path)


def test_a_missing_task_is_named_with_the_nearest(two_tasks):
    with pytest.raises(DataError, match=r"base: no answers for translat. Did you mean `translate`\?"):
        summarize(two_tasks, tasks=["translat"])
    with pytest.raises(DataError, match=r"nobody: no answers for any task. Run `tunesmith evaluate` again."):
        summarize(two_tasks, systems=["nobody"])


def test_systems_that_answered_different_samples_are_not_compared(two_tasks):
    path = two_tasks / "tuned" / "judge.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match="base and tuned did not answer the same samples of judge. Delete .*tuned and"):
        summarize(two_tasks)
    path.unlink()
    with pytest.raises(DataError, match="did not answer the same samples of judge"):
        summarize(two_tasks)


def test_a_foreign_file_is_named_by_line(two_tasks):
    (two_tasks / "base" / "notes.jsonl").write_text('{"text": "mine"}\n')
    with pytest.raises(DataError, match=r"notes.jsonl:1: not an answer of ours. Move the file away, or evaluate"):
        summarize(two_tasks)


def test_answers_scored_by_an_older_version_are_told(two_tasks):
    path = two_tasks / "base" / "judge.jsonl"
    path.write_text(path.read_text().replace('"verbatim_match"', '"other"'))
    with pytest.raises(DataError, match=r"judge.jsonl:1: scored by an older version of Tunesmith. Evaluate again."):
        summarize(two_tasks)


# -- the same answers, the same bytes ----------------------------------------------------------------------------------


def test_the_summary_is_byte_identical_in_every_process(two_tasks):
    code = f"from tunesmith.evaluation.summary import summarize; summarize({str(two_tasks)!r}, num_resamples=500)"
    command = [sys.executable, "-c", code]
    written = set()
    for hash_seed, threads in (("0", "1"), ("4711", "2"), ("random", "2")):
        settings = {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        subprocess.run(command, check=True, env=os.environ | settings, cwd=Path(__file__).parents[2])
        written.add((two_tasks / "summary.json").read_bytes())
    assert len(written) == 1


def test_five_systems_on_eight_tasks_of_200_samples_take_less_than_10_seconds(tmp_path, shared):
    references = read_references(shared, "long", limit=1600)
    for seed, system in enumerate(("base", "tuned", "base_3_shot", "majority_answer", "nearest_example")):
        predictions = [text[:500] for text in make_predictions(references, seed=seed)]  # 128 tokens
        rng = np.random.default_rng(seed)
        for k in range(8):
            part = slice(200 * k, 200 * (k + 1))
            names = ("f1", "rouge1", "rouge2", "rougeL")
            matches = ("exact_match", "verbatim_match", "number_match")
            scores = [dict.fromkeys(names, float(x)) | dict.fromkeys(matches, 0.0) for x in rng.uniform(size=200)]
            write_answers(tmp_path, system, f"task {k}", predictions[part], references[part], scores)
    start = time.process_time()
    summarize(tmp_path)
    assert time.process_time() - start < 10


def test_the_sentence_says_when_interval_and_test_disagree(two_tasks):
    summary = summarize(two_tasks, num_resamples=FAST)
    [row] = [r for r in summary["comparisons"] if (r["task"], r["metric"], r["a"]) == ("overall", "rougeL", "base")]
    row.update(delta=0.011, low=0.004, high=0.018, p=0.067, verdict="no difference")
    row["note"] = explain(0.067, 0.067, (0.004, 0.018), 60)
    sentence = verdict_sentence(summary)
    assert "The interval leaves out 0 but the test does not call a difference: too close to tell." in sentence


def test_the_headline_is_of_the_users_own_tasks_and_not_of_the_suites():
    suites = [("instructions", "instructions"), ("instructions", "instructions"), ("general", "likelihood")]
    assert headline_metric([*suites, ("humaneval", "code")]) == "pass_at_1"
    assert headline_metric([*suites, ("own", "entities")]) == "entity_f1"
    assert headline_metric(suites) == "prompt_level_strict"


def test_texts_that_are_only_scored_are_no_empty_answers():
    lines = [{"prediction": "", "expected": {"likelihood": True}}, {"prediction": " "}, {"prediction": "x"}]
    assert count_answers({"t": lines}) == {"n": 2, "num_cut": 0, "num_empty": 1, "num_failed": 0, "num_too_long": 0}


def test_the_wordings_of_the_consistency_suite_are_no_second_test_of_the_users_questions():
    own = [{"id": f"{k}", "task": "own", "prediction": "x", "references": ["x"]} for k in range(6)]
    wordings = [
        {
            **line,
            "task": "consistency",
            "group": "consistency",
            "prediction": "y",
            "variant_of": f"{k // 2}",
            "variant": "",
        }
        for k, line in enumerate(own)
    ]
    answered = {system: {"own": with_scores(own), "consistency": with_scores(wordings)} for system in ("a", "b")}
    found = summarize_answers(answered, num_resamples=FAST)
    assert found["overall"]["exact_match"]["a"]["value"] == 1 and found["overall"]["exact_match"]["a"]["n"] == 6
    assert "exact_match" not in found["tasks"]["consistency"]["metrics"]
    assert found["tasks"]["consistency"]["metrics"]["agreement"]["a"]["n"] == 3


def test_the_mean_over_all_tasks_is_of_the_users_own_where_a_suite_has_the_metric_too(tmp_path):
    """A baseline answers no suite, and the questions of a suite say nothing of the user's own."""
    for system, own, suite in (("base", 10, 5), ("tuned", 30, 20), ("majority_answer", 12, None)):
        write_answers(tmp_path, system, "mine", *labels(own), group="mine")
        if suite is not None:
            write_answers(tmp_path, system, "instructions", *labels(suite), group="instructions")
    tasks_of = {system: ["mine", "instructions"] for system in ("base", "tuned")} | {"majority_answer": ["mine"]}
    summary = summarize(tmp_path, systems=list(tasks_of), tasks_of=tasks_of, metric="f1", num_resamples=FAST)
    values = {system: (cell["value"], cell["n"]) for system, cell in summary["overall"]["f1"].items()}
    assert values == {"base": (0.25, 40), "tuned": (0.75, 40), "majority_answer": (0.3, 40)}
    found = headline(summary)
    assert found["num_tasks"] == 1 and found["baselines"]["majority_answer"] == {"value": 0.3, "verdict": "better"}
    assert compared(summary, "overall", "f1")["delta"] == 0.5
    assert summary["groups"]["instructions"]["metrics"]["f1"]["tuned"]["value"] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_verdict_has_an_interval_without_zero_and_what_parts_them_is_said(seed):
    """Small tasks at random, alone and as means over several: the case in which test and interval are apart."""
    rng, pair, metric = np.random.default_rng(seed), ("base", "tuned"), METRICS["f1"]
    called = 0
    for case in range(60):
        results = []
        for k in range(int(rng.integers(1, 5))):
            scores = rng.uniform(size=int(rng.integers(2, 16)))
            better = np.clip(scores + rng.normal(0.3, 0.3, len(scores)) * (rng.uniform(size=len(scores)) < 0.7), 0, 1)
            rows = {name: np.stack([part, np.ones(len(part))], axis=1) for name, part in zip(pair, (scores, better))}
            result = Result(f"{case}/{k}", "own", "short", {}, len(scores))
            measured = Measurement(metric, rows, metric.score)
            result.estimates, result.differences = estimate([measured], [pair], rng.spawn(2), 400)
            results.append(result)
        for row in compare([pair], metric, results):
            holds_zero = row["low"] <= 0 <= row["high"]
            is_called = row["verdict"] != "no difference"
            called += is_called
            assert not (is_called and (holds_zero or row["p_adjusted"] >= 0.05 or "note" in row))
            assert is_called or "note" in row or (holds_zero and row["p"] >= 0.05)
    assert called > 40


@pytest.mark.parametrize(
    ("p", "adjusted", "interval", "n", "told"),
    [
        (0.01, 0.01, (0.1, 0.3), 40, ""),
        (0.3, 0.6, (-0.1, 0.3), 40, ""),
        (0.02, 0.08, (0.1, 0.3), 40, "p is below 0.05 alone, but not once adjusted for all that was compared (Holm)."),
        (0.03, 0.03, (-0.01, 0.3), 40, "The test alone calls a difference, but the interval holds 0: too close to tell."),
        (0.0625, 0.0625, (0.1, 0.3), 5, "With fewer than 6 samples p cannot fall below 0.05, even if all of them point one way."),
        (0.06, 0.06, (0.1, 0.3), 40, "The interval leaves out 0 but the test does not call a difference: too close to tell."),
        (None, None, (0.1, 0.3), 40, ""),
    ],
)  # fmt: skip
def test_what_parts_a_test_from_an_interval_is_told_in_words(p, adjusted, interval, n, told):
    assert explain(p, adjusted, interval, n) == told


def test_the_sentence_of_a_handful_of_samples_says_why_there_is_no_verdict(tmp_path):
    write_answers(tmp_path, "base", "qa", ["x"] * 5, [["a b"]] * 5)
    write_answers(tmp_path, "tuned", "qa", ["a b"] * 5, [["a b"]] * 5)
    summary = summarize(tmp_path, num_resamples=FAST)
    assert compared(summary, "qa", "f1")["low"] > 0
    assert verdict_sentence(summary).endswith("With fewer than 6 samples p cannot fall below 0.05, even if all of them point one way.")  # fmt: skip
    assert summary["smallest_detectable_difference"]["f1"] is None


def test_a_metric_that_only_describes_is_no_headline():
    lines = [{"id": f"{k}", "task": "t", "prediction": "x", "references": ["x"], "variant_of": f"{k // 2}", "variant": ""} for k in range(8)]  # fmt: skip
    found = summarize_answers({"a": {"t": with_scores(lines)}}, metric="spread", num_resamples=FAST)
    assert "spread" in found["metrics"] and found["primary_metric"] == "exact_match"
    assert found["metrics"]["spread"]["higher_is_better"] is None
