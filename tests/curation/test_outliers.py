"""Records far longer or shorter than others."""

from __future__ import annotations

import pytest

from tunesmith.curation.outliers import drop_length_outliers, drop_lengths
from tunesmith.records import Drop, Message, Record


def record(prompt: str, answer: str, id: str = "1", task: str = "") -> Record:
    messages = [Message("user", prompt)] if prompt else []
    return Record(id, (*messages, Message("assistant", answer)), task=task, source=f"x:{id}")


LIMITS = [
    ("short_prompt", "ab", "abcd", {"min_prompt_characters": 3}),
    ("long_prompt", "abcd", "abcd", {"max_prompt_characters": 3}),
    ("short_answer", "abcd", "ab", {"min_answer_characters": 3}),
    ("long_answer", "abcd", "abcd", {"max_answer_characters": 3}),
    (None, "abc", "abc", {"min_prompt_characters": 3, "max_answer_characters": 3}),
    (None, "", "abcd", {"min_prompt_characters": 3}),
    (None, "a", "b", {}),
]


@pytest.mark.parametrize(("reason", "prompt", "answer", "limits"), LIMITS)
def test_limits_are_kept_to_the_character(reason, prompt, answer, limits):
    assert drop_lengths(record(prompt, answer), **limits) == reason


def test_a_question_without_an_answer_has_no_short_one():
    assert drop_lengths(Record("1", (Message("user", "q"),)), min_answer_characters=3) is None


def test_only_what_is_far_longer_than_others_of_its_task_is_an_outlier():
    essays = [record("q", "x" * (1000 + k), f"e{k}", "essay") for k in range(60)]
    labels = [record("q", "x" * (10 + k % 5), f"l{k}", "label") for k in range(60)]
    odd = [record("q", "x" * 1000, "odd", "label"), record("q", "x", "short", "essay")]
    parts = list(drop_length_outliers([*essays, *odd, *labels]))
    assert len(parts) == 122
    assert [(part.id, part.reason) for part in parts if isinstance(part, Drop)] == [("odd", "long_outlier")]
    assert next(part for part in parts if isinstance(part, Drop)).detail.startswith("more than ")
