"""Scores of a task equal sacrebleu's and scikit-learn's, whole and resampled."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import accuracy_score, f1_score

from tests.evaluation.pairs import FILES, make_predictions, read_references
from tunesmith import stats
from tunesmith.evaluation.metrics import METRICS, label_set, measure_task, primary_metric, task_kind
from tunesmith.evaluation.scorers import SAMPLE_METRICS, normalize_answer, score_answers


def measure(references, predictions):
    scores = {"tuned": score_answers(predictions, references)}
    measurements, signatures = measure_task(references, {"tuned": predictions}, scores)
    return {measurement.metric.name: measurement for measurement in measurements}, signatures


def value_of(measurement, rows=None):
    return float(measurement.score((measurement.rows["tuned"] if rows is None else rows).sum(axis=0)))


def streams(references):
    return [[texts[k] if k < len(texts) else None for texts in references] for k in range(max(map(len, references)))]


@pytest.mark.parametrize("name", FILES)
def test_bleu_and_chrf_equal_sacrebleu_on_the_corpus_and_on_resamples_of_it(shared, name):
    references = read_references(shared, name)
    predictions = make_predictions(references)
    measured, _ = measure(references, predictions)
    rng = np.random.default_rng(0)
    for draw in (np.arange(len(references)), *rng.integers(0, len(references), (5, len(references))), np.array([3])):
        drawn, refs = [predictions[i] for i in draw], streams([references[i] for i in draw])
        for metric, official in (("bleu", BLEU(force=True)), ("chrf", CHRF())):
            ours = value_of(measured[metric], measured[metric].rows["tuned"][draw])
            assert ours == pytest.approx(official.corpus_score(drawn, refs).score, abs=1e-9)


@pytest.mark.parametrize(
    ("predictions", "references"),
    [
        (["", ""], [["a b c d e"], ["x"]]),
        (["cat", "dog"], [["cat"], ["cow"]]),
        (["one two three", "four five"], [["one two three"], ["four six"]]),
        (["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]]),
        (["a b c d x y z", "e"], [["a b c d e f g"], ["e"]]),
        (["x"], [[""]]),
    ],
)
def test_bleu_and_chrf_equal_sacrebleu_where_little_or_nothing_matches(predictions, references):
    measured, _ = measure(references, predictions)
    for metric, official in (("bleu", BLEU(force=True)), ("chrf", CHRF())):
        expected = official.corpus_score(predictions, streams(references)).score
        assert value_of(measured[metric]) == pytest.approx(expected, abs=1e-9)


def test_case_and_punctuation_count_in_bleu():
    # A rival's own BLEU says 1.000 (SOUP.md, section 4).
    measured, _ = measure([["the cat sat on the mat"]], ["The cat sat on the mat."])
    assert value_of(measured["bleu"]) == pytest.approx(61.5, abs=0.05)


def test_the_other_metrics_are_means_over_samples(shared):
    references = read_references(shared, "short")
    predictions = make_predictions(references)
    measured, _ = measure(references, predictions)
    scores = score_answers(predictions, references)
    for name in SAMPLE_METRICS:
        assert value_of(measured[name]) == pytest.approx(np.mean([row[name] for row in scores]), abs=1e-12)
    assert "accuracy" not in measured and "macro_f1" not in measured


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_and_macro_f1_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    actual = rng.choice(["Sci/Tech", "World", "Sports", "The Arts"], size=150, p=[0.6, 0.2, 0.15, 0.05])
    noise = rng.choice(["world", "sports.", "no label", "", "World", "sci/tech"], size=150)
    predictions = [str(text) for text in np.where(rng.uniform(size=150) < 0.5, actual, noise)]
    measured, _ = measure([[str(label)] for label in actual], predictions)
    names, answers = [normalize_answer(label) for label in actual], [normalize_answer(text) for text in predictions]
    assert value_of(measured["accuracy"]) == pytest.approx(accuracy_score(names, answers), abs=1e-9)
    expected = f1_score(names, answers, labels=sorted(set(names)), average="macro", zero_division=0)
    assert value_of(measured["macro_f1"]) == pytest.approx(expected, abs=1e-9)


def test_a_label_missing_from_a_resample_is_left_out_of_its_macro_f1():
    measured, _ = measure([["yes"]] * 18 + [["no"]] * 2, ["yes"] * 20)
    rows = measured["macro_f1"].rows["tuned"]
    assert value_of(measured["macro_f1"], rows[:5]) == 1.0
    assert value_of(measured["macro_f1"]) == pytest.approx((2 * 18 / 38 + 0) / 2)


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ([["yes"], ["no"]] * 10, ("no", "yes")),
        ([["Yes."], ["no"]] * 10, ("no", "yes")),
        ([["A"], ["(B)"], ["the"]] * 7, ("a", "b", "the")),
        ([["yes", "Yes!"], ["no"]] * 10, ("no", "yes")),
        ([["正面"], ["负面"]] * 10, ("正面", "负面")),
        ([["yes"], ["no"]] * 9, None),  # 18 samples
        ([["yes"]] * 30, None),  # one label
        ([["yes", "yeah"], ["no"]] * 10, None),  # two acceptable answers
        ([["yes"], ["no"]] * 10 + [["maybe"]], None),  # seen once
        ([[f"label {k % 21}"] for k in range(84)], None),  # 21 labels
        ([["one two three four five"], ["no"]] * 10, ("no", "one two three four five")),
        ([["one two three four five six"], ["no"]] * 10, None),  # six words
    ],
)
def test_a_small_label_set_is_told_from_the_references(references, expected):
    assert label_set(references) == expected


def test_the_kind_of_a_task_chooses_the_metric_of_the_verdict(shared):
    kinds = {name: task_kind(read_references(shared, name)) for name in FILES}
    assert kinds == {"long": "long", "short": "short", "many references": "long", "german": "long", "labels": "labels"}
    assert primary_metric(["labels"]) == "accuracy"
    assert primary_metric(["labels", "short"]) == "exact_match"
    assert primary_metric(["labels", "short", "long"]) == "rougeL"


def test_signatures_say_how_each_metric_was_computed(shared):
    _, signatures = measure([["The cat"]], ["cat"])
    assert signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert signatures["f1"] == "refs:best|norm:squad2|tok:words"
    assert signatures["rouge"].startswith("refs:best|stem:no|score:f|tok:rouge-score|version:")
    _, chinese = measure([["北京。", "首都"], ["上海"]], ["北京", "上海"])
    assert "tok:zh" in chinese["bleu"] and "nrefs:var" in chinese["bleu"] and chinese["f1"].endswith("tok:characters")


def test_equal_corpora_are_called_different_in_at_most_6_5_percent(shared):
    references = read_references(shared, "german")
    predictions = {name: make_predictions(references, seed=seed) for seed, name in enumerate(("base", "tuned"))}
    scores = {name: score_answers(texts, references) for name, texts in predictions.items()}
    bleu = next(part for part in measure_task(references, predictions, scores)[0] if part.metric.name == "bleu")
    rng, num_alarms, num_runs = np.random.default_rng(0), 0, 400
    for _ in range(num_runs):
        draw, flip = rng.integers(0, 200, 30), rng.uniform(size=(30, 1)) < 0.5
        one, other = bleu.rows["base"][draw], bleu.rows["tuned"][draw]
        a, b = np.where(flip, one, other), np.where(flip, other, one)
        sums = stats.swap_sums(b - a, rng, 500)
        swapped = bleu.score(b.sum(axis=0) - sums) - bleu.score(a.sum(axis=0) + sums)
        num_alarms += stats.swap_p(swapped, float(bleu.score(b.sum(axis=0)) - bleu.score(a.sum(axis=0)))) < 0.05
    assert num_alarms / num_runs <= 0.065


def test_every_metric_has_a_title_and_a_scale():
    names = "exact_match verbatim_match f1 rouge1 rouge2 rougeL bleu chrf accuracy macro_f1"
    assert " ".join(METRICS) == names
    assert all(metric.title for metric in METRICS.values())
    assert {name for name, metric in METRICS.items() if metric.scale == 100} == {"bleu", "chrf"}
