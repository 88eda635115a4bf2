"""Baselines answer from training records alone, and always the same."""

from __future__ import annotations

import pytest

from tunesmith.errors import DataError
from tunesmith.evaluation.baselines import majority_answer, nearest_example
from tunesmith.evaluation.runner import Sample, samples_from_records
from tunesmith.records import Message, Record


def record(prompt: str, answer: str, task: str = "") -> Record:
    return Record(prompt, (Message("user", prompt), Message("assistant", answer)), task=task)


def answers(baseline, *questions):
    samples = [
        Sample(str(k), (Message("user", prompt),), ("?",), f"new/{family}", family=family)
        for k, (prompt, family) in enumerate(questions)
    ]
    return [completion.text for completion in baseline(samples)]


TRAIN = [
    record("is fire hot", "Yes.", "facts"),
    record("is ice hot", "no", "facts"),
    record("is the sun hot", "yes", "facts"),
    record("translate dog to German", "Hund", "translation"),
    record("translate cat to German", "Katze", "translation"),
]


def test_the_majority_answer_is_the_most_frequent_of_its_task_as_first_written():
    assert answers(majority_answer(TRAIN), ("x", "facts"), ("y", "translation")) == ["Yes.", "Hund"]


def test_a_test_file_is_answered_from_the_training_records_of_its_families():
    """Its tasks are called STEM/TASK, which no training record is."""
    asked = [record("x", "?", "translation"), record("y", "?", "facts"), record("z", "?")]
    samples = [sample for task in samples_from_records(asked, group="new").values() for sample in task]
    assert [(sample.task, sample.family) for sample in samples] == [
        ("new", "new"), ("new/facts", "facts"), ("new/translation", "translation")
    ]  # fmt: skip
    given = [completion.text for completion in majority_answer(TRAIN[2:])(samples)]
    assert given == ["yes", "yes", "Hund"]


def test_an_unknown_task_is_answered_from_all_records():
    assert answers(majority_answer(TRAIN), ("x", "poems")) == ["Yes."]
    assert answers(nearest_example(TRAIN), ("translate cat to French", "poems")) == ["Katze"]


def test_the_nearest_example_is_the_most_similar_prompt_of_its_task():
    questions = [("Is ICE cold?", "facts"), ("translate cat to German", "facts"), ("ice", "translation")]
    found = answers(nearest_example(TRAIN), *questions)
    assert found == ["no", "Yes.", "Hund"]


def test_equally_near_examples_give_the_first():
    twice = [record("same words here", "first"), record("same words here", "second")]
    assert answers(nearest_example(twice), ("same words", "all"), ("nothing in common", "all")) == ["first", "first"]


def test_texts_without_spaces_have_neighbors_too():
    train = [record("北京在哪里", "中国"), record("巴黎在法国吗", "是")]
    assert answers(nearest_example(train), ("巴黎呢", "all")) == ["是"]


def test_prompts_without_any_word_do_not_stop_it():
    assert answers(nearest_example([record("???", "a"), record("!!!", "b")]), ("...", "all")) == ["a"]


def test_records_without_an_answer_teach_nothing_and_none_at_all_is_an_error():
    silent = Record("q", (Message("user", "q"),))
    assert answers(majority_answer([silent, *TRAIN]), ("x", "facts")) == ["Yes."]
    for baseline in (majority_answer, nearest_example):
        with pytest.raises(DataError, match="no training record has an answer.*Check data/train.jsonl"):
            baseline([silent])
