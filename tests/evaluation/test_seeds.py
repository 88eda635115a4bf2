"""Several training runs of one recipe: what is the recipe's, and what is the seed's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.pairs import lines_of
from tunesmith.evaluation.seeds import seeds_sentence, summarize_seeds

FAST = 400


def answers(right: np.ndarray) -> dict[str, list[dict]]:
    """One task of labels, answered right where said."""
    actual = ["yes" if k % 2 else "no" for k in range(len(right))]
    texts = [label if is_right else "neither" for label, is_right in zip(actual, right, strict=True)]
    lines = lines_of(texts, [[label] for label in actual])
    return {"judge": [{**line, "id": str(k), "task": "judge"} for k, line in enumerate(lines)]}


def runs(shares, base_share: float = 0.4, n: int = 120):
    rng = np.random.default_rng(1)
    base = answers(rng.uniform(size=n) < base_share)
    tuned = {f"run{k}": answers(rng.uniform(size=n) < share) for k, share in enumerate(shares)}
    return tuned, dict.fromkeys(tuned, base)


def row_of(summary, metric="accuracy", task="overall"):
    [row] = [row for row in summary["rows"] if (row["metric"], row["task"]) == (metric, task)]
    return row


def test_three_good_runs_are_a_verdict_over_seeds():
    summary = summarize_seeds(*runs([0.8, 0.82, 0.78]), num_resamples=FAST)
    row = row_of(summary)
    assert row["verdict"] == "better" and 0 < row["low"] < row["delta"] < row["high"]
    assert row["mean"] == pytest.approx(np.mean(list(row["values"].values())))
    assert row["sd"] == pytest.approx(np.std(list(row["values"].values()), ddof=1))
    sentence = seeds_sentence(summary)
    assert sentence.startswith("tuned is better than base (3 training runs): accuracy 0.")
    assert "standard deviation 0.0" in sentence and "% of the 120 samples." in sentence


def test_one_lucky_seed_is_no_verdict():
    row = row_of(summarize_seeds(*runs([0.85, 0.38, 0.42]), num_resamples=FAST))
    assert row["delta"] > 0.1 and row["verdict"] == "no difference" and row["low"] < 0


def test_two_runs_are_too_few_for_a_verdict():
    summary = summarize_seeds(*runs([0.8, 0.8]), num_resamples=FAST)
    assert row_of(summary)["verdict"] == "no difference"
    assert seeds_sentence(summary).startswith("No verdict over seeds: it takes 3 training runs, and there are 2: ")


def test_without_a_base_there_are_means_and_agreement():
    tuned, _ = runs([0.8, 0.8, 0.8])
    summary = summarize_seeds(tuned, {}, num_resamples=FAST)
    assert "delta" not in row_of(summary)
    assert "there is no base to compare with." in seeds_sentence(summary)


def test_runs_of_one_score_may_be_right_on_different_samples():
    first = np.arange(100) < 50
    tuned = {"a": answers(first), "b": answers(~first), "c": answers(first)}
    found = summarize_seeds(tuned, {}, num_resamples=FAST)["consistency"]
    assert found["always_right"] == 0 and found["sometimes_right"] == 1 and found["never_right"] == 0
    assert found["same_answer"] == pytest.approx(1 / 3)
    same = summarize_seeds({"a": answers(first), "b": answers(first)}, {}, num_resamples=FAST)["consistency"]
    assert same == {"same_answer": 1.0, "always_right": 0.5, "sometimes_right": 0.0, "never_right": 0.5}
