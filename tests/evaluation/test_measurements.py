"""Scores of a task equal sacrebleu's and scikit-learn's, whole and resampled."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import accuracy_score, f1_score

from tests.evaluation.pairs import (
    FILES,
    WRITTEN,
    lines_of,
    make_predictions,
    read_references,
    streams,
    written_pairs,
)
from tunesmith import stats
from tunesmith.evaluation.measurements import measure_task, wanted_metrics
from tunesmith.evaluation.texts import TEXT_SCORES, normalize_answer

CORPUS = ("bleu", "chrf")


def measure(references, predictions, wanted=None):
    measurements, signatures = measure_task({"tuned": lines_of(predictions, references)}, wanted)
    return {measurement.metric.name: measurement for measurement in measurements}, signatures


def value_of(measurement, rows=None):
    return float(measurement.score((measurement.rows["tuned"] if rows is None else rows).sum(axis=0)))


@pytest.mark.parametrize("name", FILES)
def test_bleu_and_chrf_equal_sacrebleu_on_the_corpus_and_on_resamples_of_it(shared, name):
    references = read_references(shared, name, limit=100)
    predictions = make_predictions(references)
    measured, _ = measure(references, predictions, CORPUS)
    rng = np.random.default_rng(0)
    for draw in (np.arange(100), *rng.integers(0, 100, (2, 100)), np.array([3])):
        drawn, refs = [predictions[i] for i in draw], streams([references[i] for i in draw])
        for metric, official in (("bleu", BLEU(force=True)), ("chrf", CHRF())):
            ours = value_of(measured[metric], measured[metric].rows["tuned"][draw])
            assert ours == pytest.approx(official.corpus_score(drawn, refs).score, abs=1e-9)


@pytest.mark.parametrize("name", WRITTEN)
def test_bleu_and_chrf_equal_sacrebleu_on_what_people_wrote(shared, name):
    answers, references = written_pairs(shared, name)
    measured, _ = measure(references, answers, CORPUS)
    for metric, official in (("bleu", BLEU()), ("chrf", CHRF())):
        expected = official.corpus_score(answers, streams(references)).score
        assert value_of(measured[metric]) == pytest.approx(expected, abs=1e-9) and expected > 0.5


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
    measured, _ = measure(references, predictions, CORPUS)
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
    lines = lines_of(predictions, references)
    for name in TEXT_SCORES:
        assert value_of(measured[name]) == pytest.approx(np.mean([line["scores"][name] for line in lines]), abs=1e-12)
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


def test_signatures_say_how_each_metric_was_computed(shared):
    _, signatures = measure([["The cat"]], ["cat"], ("f1", "rougeL", *CORPUS))
    assert signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert signatures["f1"] == "refs:best|norm:squad2|tok:words"
    assert signatures["rouge"].startswith("refs:best|stem:no|score:f|tok:rouge-score|version:")
    _, chinese = measure([["北京。", "首都"], ["上海"]], ["北京", "上海"], ("f1", *CORPUS))
    assert "tok:zh" in chinese["bleu"] and "nrefs:var" in chinese["bleu"] and chinese["f1"].endswith("tok:characters")


def test_equal_corpora_are_called_different_in_at_most_6_5_percent(shared):
    references = read_references(shared, "german")
    predictions = {name: make_predictions(references, seed=seed) for seed, name in enumerate(("base", "tuned"))}
    lines = {name: lines_of(texts, references) for name, texts in predictions.items()}
    bleu = next(part for part in measure_task(lines)[0] if part.metric.name == "bleu")
    rng, num_alarms, num_runs = np.random.default_rng(0), 0, 400
    for _ in range(num_runs):
        draw, flip = rng.integers(0, 200, 30), rng.uniform(size=(30, 1)) < 0.5
        one, other = bleu.rows["base"][draw], bleu.rows["tuned"][draw]
        a, b = np.where(flip, one, other), np.where(flip, other, one)
        sums = stats.swap_sums(b - a, rng, 500)
        swapped = bleu.score(b.sum(axis=0) - sums) - bleu.score(a.sum(axis=0) + sums)
        num_alarms += stats.swap_p(swapped, float(bleu.score(b.sum(axis=0)) - bleu.score(a.sum(axis=0)))) < 0.05
    assert num_alarms / num_runs <= 0.065


# -- which metrics a task shows ----------------------------------------------------------------------------------------


def scored(columns, n=4, **fields):
    return [{"id": str(k), "prediction": "x", "references": [], "scores": dict(columns), **fields} for k in range(n)]


def names(lines, wanted=None):
    return [part.metric.name for part in measure_task({"tuned": lines}, wanted)[0]]


def test_the_metrics_of_a_task_follow_from_what_is_asked():
    references = [["yes"], ["no"]] * 10
    assert names(lines_of(["yes"] * 20, references))[-2:] == ["accuracy", "macro_f1"]
    assert "number_match" in names(lines_of(["3"] * 3, [["3"], ["4.5"], ["#### 7"]]))
    programs = scored({"pass_at_1": 1.0, "exact_match": 0.0}, expected={"tests": {"code": ""}})
    assert names(programs) == ["pass_at_1"]
    likelihoods = scored({"nll": 1.0, "num_tokens": 2, "num_bytes": 8}, expected={"likelihood": True})
    assert names(likelihoods) == ["bits_per_byte", "perplexity"]


def test_metrics_can_be_chosen_and_those_that_are_not_defined_are_not_there():
    lines = lines_of(["3"] * 3, [["3"], ["4"], ["7"]])
    assert names(lines, ["rougeL", "number_match", "pass_at_1"]) == ["rougeL", "number_match"]


def test_every_reference_is_a_label_where_a_metric_of_labels_was_asked_for():
    references = [[f"label {k % 30}"] for k in range(60)]
    predictions = [f"label {k % 28}" for k in range(60)]
    lines = lines_of(predictions, references)
    assert "macro_f1" not in names(lines)
    [accuracy, macro] = measure_task({"tuned": lines}, ["accuracy", "macro_f1"])[0]
    truth, answers = [texts[0] for texts in references], predictions
    assert value_of(accuracy) == pytest.approx(accuracy_score(truth, answers), abs=1e-9)
    assert value_of(macro) == pytest.approx(f1_score(truth, answers, average="macro"), abs=1e-9)


@pytest.mark.parametrize(
    ("file", "text", "label"),
    [("ag_news_test", "title", "label"), ("sst2_dev", "text", "label"), ("banking77_test", "text", "label")],
)
def test_accuracy_and_macro_f1_of_real_labels_equal_scikit_learn(shared, file, text, label):
    rows = [json.loads(line) for line in (shared / f"data/tasks/{file}.jsonl").read_text("utf-8").splitlines()]
    truth = [row[label] for row in rows]
    rng = np.random.default_rng(0)
    guesses = [str(guess) for guess in np.where(rng.uniform(size=len(truth)) < 0.7, truth, rng.permutation(truth))]
    measured, _ = measure([[one] for one in truth], guesses)
    assert value_of(measured["accuracy"]) == pytest.approx(accuracy_score(truth, guesses), abs=1e-9)
    assert value_of(measured["macro_f1"]) == pytest.approx(f1_score(truth, guesses, average="macro"), abs=1e-9)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"test/sums": ["f1"], "test": ["bleu"], "*": ["chrf"]}, ["f1"]),
        ({"test": ["bleu"], "*": ["chrf"]}, ["bleu"]),
        ({"*": ["chrf"]}, ["chrf"]),
        ({"other": ["f1"]}, None),
    ],
)
def test_metrics_are_chosen_for_a_task_before_its_group_before_all(choice, expected):
    assert wanted_metrics(choice, "test/sums", "test") == expected


def test_perplexity_and_bits_per_byte_are_of_the_whole_text():
    lines = scored({"nll": 2.0, "num_tokens": 4, "num_bytes": 10}, 2, expected={"likelihood": True})
    lines[1]["scores"] = {"nll": 4.0, "num_tokens": 2, "num_bytes": 2}
    bits, perplexity = measure_task({"tuned": lines})[0]
    assert value_of(perplexity) == pytest.approx(np.exp(6 / 6))
    assert value_of(bits) == pytest.approx(6 / np.log(2) / 12)
    assert not bits.metric.higher_is_better and not perplexity.metric.higher_is_better


def test_a_system_without_a_likelihood_is_not_measured_on_it():
    have = scored({"nll": 2.0, "num_tokens": 4, "num_bytes": 10}, expected={"likelihood": True})
    measurements, _ = measure_task({"tuned": have, "api": scored({}, expected={"likelihood": True})})
    assert [list(part.rows) for part in measurements] == [["tuned"], ["tuned"]]


def test_the_share_of_instructions_is_a_share_of_all_of_them():
    lines = scored({"num_followed_strict": 1, "num_followed_loose": 1, "num_asked": 1}, 2)
    lines[1]["scores"] = {"num_followed_strict": 0, "num_followed_loose": 1, "num_asked": 3}
    measured = {part.metric.name: value_of(part) for part in measure_task({"tuned": lines})[0]}
    assert measured == {"inst_level_strict": 1 / 4, "inst_level_loose": 2 / 4}


def test_nothing_right_and_nothing_asked_is_zero_and_no_warning():
    empty = dict.fromkeys(("entities_right", "entities_found", "entities_asked"), 0.0)
    empty |= {f"{name}_strict": 0.0 for name in empty}
    with np.errstate(all="raise"):
        measured = measure_task({"tuned": scored(empty, expected={"entities": []})})[0]
        assert {value_of(part) for part in measured} == {0.0}


def test_rephrasings_of_one_question_are_one_unit():
    lines = lines_of(["yes", "no", "yes", "yes"], [["yes"]] * 4)
    for line, original in zip(lines, ("a", "b", "a", "b")):
        line |= {"variant_of": original, "variant": "original"}
    measured = {part.metric.name: part for part in measure_task({"tuned": lines})[0]}
    assert measured["exact_match"].rows["tuned"].tolist() == [[2.0, 2.0], [1.0, 2.0]]
    assert (measured["exact_match"].units, measured["exact_match"].n) == ("groups of rephrasings", 2)
    assert measured["chrf"].n == 2 and value_of(measured["exact_match"]) == 3 / 4


def test_bleu_is_not_shown_where_answers_are_too_short_to_have_a_run_of_four_words():
    assert "bleu" not in names(lines_of(["Lima", "Oslo"], [["Lima"], ["Bern"]]))
    assert "bleu" in names(lines_of(["Lima", "Oslo"], [["Lima"], ["Bern"]]), ["bleu", "f1"])
    assert "bleu" in names(lines_of(["a cat sat"], [["the cat sat on the mat"]]))
