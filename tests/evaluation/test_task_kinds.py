"""What a task asks for is told from its references, and so is the metric it is judged by."""

from __future__ import annotations

import pytest

from tests.evaluation.pairs import FILES, read_references
from tunesmith.evaluation.task_kinds import has_fewer_words, label_set, primary_metric, task_kind


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
    kinds = {name: task_kind([{"references": texts} for texts in read_references(shared, name)]) for name in FILES}
    assert kinds == dict.fromkeys(FILES, "long") | {"short": "short", "labels": "labels"}
    assert primary_metric(["labels"]) == "accuracy"
    assert primary_metric(["labels", "short"]) == "exact_match"
    assert primary_metric(["labels", "short", "long"]) == "rougeL"


def test_many_labels_are_labels_where_each_is_seen_often():
    references = [[f"intent {k % 77}"] for k in range(77 * 20)]
    assert len(label_set(references)) == 77
    assert label_set(references[: 77 * 19]) is None


def test_the_primary_metric_is_of_what_most_tasks_ask():
    assert primary_metric(["numbers"]) == "number_match"
    assert primary_metric(["numbers", "short"]) == "exact_match"
    assert primary_metric(["instructions", "code", "code"]) == "pass_at_1"
    assert primary_metric(["instructions", "short"]) == "exact_match"
    assert primary_metric(["entities"]) == "entity_f1"
    assert primary_metric([]) == "exact_match"


def test_likelihood_is_the_headline_only_where_nothing_is_answered():
    assert primary_metric(["likelihood"]) == "bits_per_byte"
    assert primary_metric(["instructions", "likelihood", "likelihood"]) == "prompt_level_strict"


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (["yes", "no", "maybe"], True),
        (["one two three", "one two three four five", "a b"], True),
        (["the cat sat on the mat", "yes", "one two three four"], False),
        (["\u5317\u4eac\u5e02", "\u9996\u90fd"], True),
        (["\u5317\u4eac\u662f\u9996\u90fd"], False),
        ([], False),
    ],
)
def test_answers_of_few_words_are_told_from_others(references, expected):
    assert has_fewer_words([{"references": [text]} for text in references], 4) is expected
