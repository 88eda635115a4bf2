"""Exact duplicates and equal questions."""

from __future__ import annotations

import pytest

from tunesmith.curation.dedup import content_key, drop_duplicates, prompt_key
from tunesmith.records import Drop, Message, Record


def pair(question: str, answer: str, source: str = "", **others) -> Record:
    return Record("1", (Message("user", question), Message("assistant", answer)), source=source, **others)


def test_the_first_of_equal_records_stays_and_the_drop_names_it():
    records = [pair("q", "a", "x:1"), pair("q", "b", "x:2"), pair(" q\n", "a ", "x:3"), pair("q", "a", "y:1", task="t")]
    parts = list(drop_duplicates(records))
    assert parts[:2] == records[:2]
    detail = "says the same as x:1."
    assert parts[2:] == [Drop("1", source, "drop_duplicates", "duplicate", detail) for source in ("x:3", "y:1")]


DIFFERENT = [
    (pair("q", "a"), pair("q", "A")),
    (pair("q", "a"), pair("q", "a", tools=({"name": "f"},))),
    (pair("a b", "a"), pair("ab", "a")),
    (
        pair("q", ""),
        Record("1", (Message("user", "q"), Message("assistant", "", tool_calls=({"name": "f", "arguments": {}},)))),
    ),
    (pair("q", "a"), Record("1", (Message("system", "q"), Message("assistant", "a")))),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_answer_case_tool_or_role_is_no_duplicate(one, other):
    assert content_key(one) != content_key(other)


@pytest.mark.parametrize("question", ["What is it?", "what is it", "WHAT  IS IT ?!", "What\nis “it”", "Whát is it"])
def test_case_accents_punctuation_and_spacing_do_not_make_another_question(question):
    assert prompt_key(pair(question, "x")) == prompt_key(pair("What is it?", "y"))


@pytest.mark.parametrize(
    ("one", "other"), [("What is it?", "What is in it?"), ("+", "-"), ("1 2", "3"), ("是什么", "为什么")]
)
def test_other_words_or_signs_make_another_question(one, other):
    assert prompt_key(pair(one, "x")) != prompt_key(pair(other, "x"))


def test_text_without_a_question_is_told_apart_by_itself():
    one, other = (Record("1", (Message("assistant", text),)) for text in ("abc", "abd"))
    assert prompt_key(one) != prompt_key(other)
