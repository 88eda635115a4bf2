"""Figures over the wordings of a request: a cluster is one unit, and what a cluster does not have is left out."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.evaluation.measurements import measure_task
from tunesmith.evaluation.metrics import METRICS, is_judged
from tunesmith.evaluation.scorers import with_scores
from tunesmith.evaluation.sensitivity import CLUSTER_METRICS, MEASURES, cluster_rows, line_score
from tunesmith.evaluation.summary import summarize_answers

VARIANTS = ("original", "formal", "casual", "typos")


def lines(*clusters: str, references=("blue",), variants=VARIANTS, task="consistency"):
    """A cluster for each text of answers divided by spaces, all to one question."""
    rows = [
        {"id": f"{number}~{variant}", "task": task, "group": "consistency", "prediction": answer.replace("_", " "),
         "references": list(references), "variant_of": f"q{number}", "variant": variant}
        for number, answers in enumerate(clusters)
        for variant, answer in zip(variants, answers.split(), strict=False)
    ]  # fmt: skip
    return with_scores(rows)


def value(name: str, *clusters: str, **options) -> float | None:
    rows = cluster_rows(name, lines(*clusters, **options))
    return None if rows is None else float(rows[:, 0].sum() / rows[:, 1].sum())


@pytest.mark.parametrize(
    ("name", "answers", "expected"),
    [
        ("agreement", "blue Blue. the_blue red", 3 / 6),
        ("agreement", "red red red red", 1.0),
        ("similarity", "a_red_sky a_blue_sky x y", 0.5 / 6),
        ("worst_of_k", "blue blue blue red", 0.0),
        ("mean_of_k", "blue blue blue red", 0.75),
        ("spread", "blue blue blue red", 1.0),
        ("spread", "blue blue blue blue", 0.0),
        ("flip_rate", "blue red blue red", 2 / 3),
        ("flip_rate", "red red blue red", 1.0),
        ("flip_rate", "blue blue blue blue", 0.0),
        ("drop_formality", "blue red blue blue", 0.5),
        ("drop_typos", "red red red blue", -1.0),
        ("drop_typos", "red blue red red", None),
        ("drop_order", "blue blue blue blue", None),
        ("drop_given", "blue blue blue blue", None),
    ],
)
def test_each_figure_of_one_cluster(name, answers, expected):
    assert value(name, answers) == (None if expected is None else pytest.approx(expected))


def test_where_nothing_is_right_there_is_nothing_to_lose():
    assert [value(name, "red red red red") for name in ("spread", "flip_rate", "drop_typos")] == [None] * 3
    assert value("worst_of_k", "red red red red") == 0.0


def test_a_figure_is_the_mean_over_clusters_that_have_it():
    assert value("flip_rate", "blue red", "blue blue", "red red", "blue") == pytest.approx(0.5)
    assert value("worst_of_k", "blue blue", "red red", "blue") == pytest.approx(0.5)
    rows = cluster_rows("drop_typos", lines("blue red blue red", "blue red"))
    assert rows.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_repeated_requests_have_agreement_and_no_flips():
    again = {"variants": ("repeat-1", "repeat-2", "repeat-3")}
    assert value("agreement", "blue blue red", **again) == pytest.approx(1 / 3)
    assert value("flip_rate", "blue blue red", **again) is None
    assert value("drop_given", "blue blue red", **again) is None


def test_long_answers_are_judged_by_overlap_and_never_flip():
    long = {"references": ("the wide river ran slowly past the old stone mill",)}
    assert value("flip_rate", "x y", **long) is None
    assert value("worst_of_k", "the_wide_river_ran_slowly_past_the_old_stone_mill x", **long) == 0.0


def test_answers_with_checks_are_judged_by_their_checks():
    rows = [
        {**row, "scores": {**row["scores"], "prompt_level_strict": float(k == 0)}} for k, row in enumerate(lines("a b"))
    ]
    assert cluster_rows("flip_rate", rows).tolist() == [[1.0, 1.0]]


def test_lines_without_rephrasings_have_none_of_these():
    plain = [{**row, "variant_of": ""} for row in lines("blue red")]
    assert all(cluster_rows(name, plain) is None for name in MEASURES)
    assert not {found.metric.name for found in measure_task({"a": plain})[0]} & set(CLUSTER_METRICS)


def test_every_figure_is_a_metric_and_those_that_grow_with_the_score_are_not_judged():
    assert set(CLUSTER_METRICS) == set(MEASURES) <= METRICS.keys()
    described = {name for name in MEASURES if not is_judged(name)}
    assert described == {"spread", "flip_rate", *(name for name in MEASURES if name.startswith("drop_"))}


def test_a_cluster_is_one_unit_of_a_comparison_and_spread_is_told_without_a_verdict():
    chance = np.random.default_rng(0)
    right = [" ".join(["blue"] * 4)] * 30
    shaky = [" ".join(chance.choice(["blue", "red"], 4)) for _ in range(30)]
    answered = {"base": {"consistency": lines(*shaky)}, "tuned": {"consistency": lines(*right)}}
    metrics = {"consistency": CLUSTER_METRICS}
    found = summarize_answers(answered, num_resamples=300, metrics=metrics)["groups"]["consistency"]
    assert "exact_match" not in found["metrics"]
    verdicts = {row["metric"]: (row["n"], row["verdict"]) for row in found["comparisons"]}
    assert verdicts == dict.fromkeys(("worst_of_k", "mean_of_k", "agreement", "similarity"), (30, "better"))
    told = {row["metric"]: row for row in found["differences"]}
    assert (
        told["spread"].keys() == told["flip_rate"].keys() == {"a", "b", "task", "metric", "delta", "low", "high", "n"}
    )
    assert told["spread"]["low"] < told["spread"]["delta"] < 0


def test_a_drop_may_be_negative_and_so_may_its_interval():
    answered = {"a": {"consistency": lines(*["blue red red red", "red blue blue blue", "red red blue red"] * 4)}}
    found = summarize_answers(answered, num_resamples=300)["tasks"]["consistency"]["metrics"]["drop_formality"]["a"]
    assert found["low"] < 0 < found["high"]


def test_long_answers_in_a_script_without_spaces_are_not_judged_as_short():
    [line] = lines(
        "\u5317\u4eac\u662f\u4e2d\u56fd\u7684\u9996\u90fd", references=("\u5317\u4eac\u662f\u4e00\u4e2a\u57ce\u5e02",)
    )
    assert line_score(line) == (line["scores"]["rougeL"], False) and line["scores"]["rougeL"] > 0
