"""The last number of an answer is the answer, however it is written."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest

from tunesmith.evaluation.number_answers import last_number, number_match, references_are_numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", 18),
        ("She makes 9 * 2 = $18 every day.\n#### 18", 18),
        ("#### 18 ducks, not 17", 17),
        ("The answer is 1,234.50 dollars.", Fraction("1234.5")),
        ("$1,000,000", 1_000_000),
        ("-5", -5),
        ("\u22125 degrees", -5),
        ("it is 5-3", 3),
        ("8 - 5 = 5 - 2", 2),
        ("In total:\n- 42 apples", 42),
        ("-$5", -5),
        ("$ 5", 5),
        ("x = -3", -3),
        ("(-3)", -3),
        (".5", Fraction(1, 2)),
        ("1e3", 1000),
        ("+7", 7),
        ("12%", 12),
        ("in 2020, 1,2 and 3", 3),
        ("no number", None),
        ("", None),
        ("9" * 500, None),
    ],
)
def test_the_last_number_of_a_text(text, expected):
    assert last_number(text) == (None if expected is None else Fraction(expected))


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("18.0", "18", 1.0),
        ("so it is $18.", "… #### 18", 1.0),
        ("-5", "5", 0.0),
        ("3.5", "35", 0.0),
        ("18 or 19", "18", 0.0),
        ("", "18", 0.0),
        ("1,000", "1000", 1.0),
    ],
)
def test_numbers_match_by_value(prediction, reference, expected):
    assert number_match(prediction, [reference]) == expected


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (["18"], True),
        (["She has 3.\n#### 18"], True),
        (["$1,000.50"], True),
        (["50%"], True),
        (["18 ducks"], False),
        (["B2"], False),
        (["18", "eighteen"], False),
        ([], False),
    ],
)
def test_references_that_are_numbers(references, expected):
    assert references_are_numbers(references) is expected


def test_every_gsm8k_reference_is_a_number_and_matches_its_last_one(shared):
    with open(shared / "data/tasks/gsm8k_test.jsonl", encoding="utf-8") as lines:
        answers = [json.loads(line)["answer"] for line in lines]
    assert len(answers) == 1319 and all(references_are_numbers([answer]) for answer in answers)
    for answer in answers:
        final = re.search(r"#### (.*)", answer)[1].replace(",", "")
        assert number_match(f"I think it is ${final}.", [answer]) == 1.0
        assert number_match(f"{final}1", [answer]) == 0.0
