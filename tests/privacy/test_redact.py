"""Placeholders: typed, numbered where a record needs it, the same for the same value in every field."""

from __future__ import annotations

import pytest

from tests.privacy.found import spans_of
from tunesmith.privacy.people import People
from tunesmith.privacy.redact import Placeholders, placeholder, redact


def masked(*fields: tuple[str, list[tuple[str, str]]]) -> list[str]:
    texts = [text for text, _ in fields]
    spans = [spans_of(text, *values) for text, values in fields]
    replace = Placeholders(texts, spans)
    return [redact(text, some, replace) for text, some in zip(texts, spans)]


def test_everything_but_the_spans_stays_to_the_letter():
    text = "  Hi Anna,\n\tmail\u00a0a@b.org!  "
    spans = spans_of(text, ("Anna", "PERSON"), ("a@b.org", "EMAIL_ADDRESS"))
    assert redact(text, spans, lambda value, span: f"[{value}]") == "  Hi [Anna],\n\tmail\u00a0[a@b.org]!  "
    assert redact(text, [], lambda value, span: "") == text


def test_one_value_of_a_type_has_no_number():
    assert placeholder("PERSON") == "<PERSON>" and placeholder("PERSON", 2) == "<PERSON_2>"
    assert masked(("Dr. Anna Weber said", [("Dr. Anna Weber", "PERSON")]), ("Anna!", [("Anna", "PERSON")])) == [
        "<PERSON> said",
        "<PERSON>!",
    ]


def test_several_are_numbered_in_order_over_all_fields():
    question = "Anna Weber (a@b.org) wrote to Bob Stein."
    answer = "Stein read what WEBER wrote."
    assert masked(
        (question, [("Anna Weber", "PERSON"), ("a@b.org", "EMAIL_ADDRESS"), ("Bob Stein", "PERSON")]),
        (answer, [("Stein", "PERSON"), ("WEBER", "PERSON")]),
    ) == ["<PERSON_1> (<EMAIL_ADDRESS>) wrote to <PERSON_2>.", "<PERSON_2> read what <PERSON_1> wrote."]


@pytest.mark.parametrize(
    "type_, one, other",
    [
        ("PHONE_NUMBER", "+1 (212) 555-7788", "212.555.7788"),
        ("CREDIT_CARD", "4539 5787 6362 1486", "4539578763621486"),
        ("EMAIL_ADDRESS", "Anna@X.org", "anna@x.org"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
    ],
)
def test_two_ways_of_writing_a_value_are_one_value(type_, one, other):
    assert masked((f"{one} / {other}", [(one, type_), (other, type_)])) == [f"<{type_}> / <{type_}>"]


@pytest.mark.parametrize(
    "values, who",
    [
        (["Dr. Anna Weber", "Weber", "anna", "Weber, Anna", "A. Weber"], [0, 0, 0, 0, 0]),
        (["Weber", "Anna Weber", "Anna Maria Weber"], [0, 0, 0]),
        (["Anna Weber", "Bob Weber", "Bob", "Weber"], [0, 1, 1, 0]),
        (["José García", "Jose Garcia"], [0, 0]),
        (["Anna Weber", "Eva Stein"], [0, 1]),
        (["王小明", "李雷"], [0, 1]),
    ],
)
def test_who_of_a_record_is_who(values, who):
    people = People(values)
    assert [people.who(value) for value in values] == who
