"""How new a question is to what a model learned from: told from requests alone."""

from __future__ import annotations

import pytest

from tunesmith.evaluation.novelty import (
    CLASSES,
    NEW_BOTH,
    NEW_FAMILY,
    NEW_WORDING,
    NEW_WORDS,
    SEEN,
    Novelty,
    novelty_of,
    summarize_by_novelty,
)
from tunesmith.evaluation.runner import Sample
from tunesmith.evaluation.scorers import with_scores
from tunesmith.records import Message, Record

NAMES = ("Tom", "Anna", "Polly", "Dan", "Mary", "Jim", "Heidi", "Nat")
THINGS = ("bag", "ball", "coat", "door", "egg", "fan", "hat", "jar")


def record(number: int, text: str, task: str = "find") -> Record:
    return Record(f"r{number}", (Message("user", text), Message("assistant", "Tom")), task=task)


TRAIN = [
    record(k * 8 + n, f"Who has the {thing}{k}?\n\n{name} has the {thing}{k}.")
    for k, name in enumerate(NAMES)
    for n, thing in enumerate(THINGS)
]


def found(text: str, family: str = "find", train=TRAIN):
    [novelty] = novelty_of({"t": [Sample("s", (Message("user", text),), ("x",), "t", family=family)]}, train)
    return novelty


@pytest.mark.parametrize(
    ("text", "family", "name"),
    [
        ("Who has the hat3?\n\nDan has the hat3.", "find", SEEN),
        ("Who has the spoon?\n\nDan has the bag3.", "find", SEEN),
        ("Please tell me whose hat3 that is.\n\nDan has the hat3.", "find", NEW_WORDING),
        ("Who has the hat3?\n\nOscar has the hat3.", "find", NEW_WORDS),
        ("Please tell me whose hat3 that is.\n\nOscar has the hat3.", "find", NEW_BOTH),
        ("Who has the hat3?\n\nDan has the hat3.", "count", NEW_FAMILY),
        ("Who has the hat3?\n\nDan has the hat3.", "", SEEN),
    ],
)
def test_a_question_belongs_to_one_class(text, family, name):
    assert found(text, family).name == name


def test_a_number_can_be_traced_to_the_nearest_training_record_and_the_new_words():
    novelty = found("Who has the hat3?\n\nOscar has the hat3 of Emily.")
    row = novelty.to_dict()
    assert row["similarity"] == 1.0 and row["nearest"] in {one.id for one in TRAIN}
    assert row["new_words"] == ["oscar", "of", "emily"] and row["class"] == NEW_WORDS


def test_words_that_training_never_has_make_a_wording_less_near():
    assert found("Who has the hat3?\n\nDan.").similarity > found("Who on earth has the hat3?\n\nDan.").similarity


def test_records_without_tasks_make_no_family_new():
    train = [record(k, "Who is it?", task="") for k in range(5)]
    assert not found("Who is it?", "find", train).family_is_new


def test_without_training_records_there_is_nothing_to_tell():
    assert novelty_of({"t": [Sample("s", (Message("user", "Hi"),), ("x",), "t")]}, []) == []


def test_scores_are_told_by_class_all_tasks_together():
    samples = {
        task: [
            Sample(
                f"{task}{k}",
                (Message("user", f"Who has the hat3?\n\n{name} has the hat3."),),
                ("yes",),
                task,
                family="find",
            )
            for k, name in enumerate(("Dan", "Oscar", "Anna", "Emily"))
        ]
        for task in ("one", "two")
    }
    answered = {
        system: {
            task: with_scores([{**sample.to_dict(), "prediction": answer} for sample, answer in zip(asked, answers)])
            for task, asked in samples.items()
        }
        for system, answers in {"base": ["no"] * 4, "tuned": ["yes", "no", "yes", "no"]}.items()
    }
    told = summarize_by_novelty(answered, novelty_of(samples, TRAIN), metric="exact_match")
    assert list(told["classes"]) == [name for name in CLASSES if name in (SEEN, NEW_WORDS)]
    values = {name: part["metrics"]["tuned"]["value"] for name, part in told["classes"].items()}
    assert values == {SEEN: 1.0, NEW_WORDS: 0.0}
    assert told["classes"][SEEN]["n"] == 4 and told["classes"][SEEN]["comparisons"][0]["delta"] == 1.0
    assert summarize_by_novelty(answered, [], metric="exact_match") is None


def test_tasks_without_the_metric_are_left_out_and_rephrasings_are_one_unit():
    asked = [
        Sample(f"s{k}", (Message("user", "Who?"),), ("yes",), "one", variant_of=f"q{k // 2}", variant="original")
        for k in range(4)
    ]
    checked = {"id": "c", "task": "two", "prompt": [], "references": [], "prediction": "x", "scores": {}}
    lines = with_scores([{**sample.to_dict(), "prediction": "yes"} for sample in asked])
    answered = {system: {"one": lines, "two": [checked]} for system in ("base", "tuned")}
    known = [Novelty(line["id"], line["task"], False, 1.0, "", 0) for line in [*lines, checked]]
    told = summarize_by_novelty(answered, known, metric="exact_match")
    assert told["classes"][SEEN]["n"] == 4 and told["classes"][SEEN]["metrics"]["tuned"]["n"] == 2
    assert summarize_by_novelty(answered, known[-1:], metric="exact_match") is None
