"""Told by how words begin: only what is certainly another question, and no answer that may be long."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tunesmith.curation.openings import Openings, has_few_tokens
from tunesmith.curation.sameness import LONG_ANSWER, Said, same_question

WORDS = [
    "the",
    "a",
    "of",
    "please",
    "were",
    "this",
    "color",
    "colour",
    "tours",
    "tore",
    "four",
    "fork",
    "rise",
    "rize",
    "organise",
    "organize",
    "organisation",
    "organization",
    "dogs",
    "dog",
    "walked",
    "walking",
    "walk",
    "café",
    "cafe",
    "naïve",
    "don't",
    "don’t",
    "it's",
    "its",
    "left-handed",
    "x²",
    "ﬁnd",
    "find",
    "ISAAC",
    "Éclair",
    "eclair",
    "東京",
    "жук",
    "'tis",
    "what",
    "who",
    "42",
    "3.14",
    "under_score",
    "end.Start",
    "ships",
    "shipped",
    "our",
    "ours",
    "house",
    "houses",
    "about",
    "because",
]
SHORT = (Said("yes"), Said("yes"))


def may_agree(one: str, other: str) -> bool:
    return bool(Openings([one, other]).may_agree(np.array([0]), np.array([1]))[0])


@pytest.mark.parametrize(
    "one, other, told",
    [
        ("Read this article: the cat sat.", "Extract from this article: the cat sat.", False),
        ("Which dog barks?", "Which dogs barked?", True),
        ("What color is it?", "What colour is it?", True),
        ("They go on tours.", "They go on tore.", True),
        ("a café", "a CAFE!", True),
        ("What is said?", "What is said, please?", True),
        ("Is жабa so?", "Is so?", True),
        ("", "", True),
    ],
)
def test_a_word_that_begins_as_no_other_tells_two_questions_apart(one, other, told):
    assert may_agree(one, other) is told and may_agree(other, one) is told


def test_no_two_questions_are_told_apart_that_are_the_same():
    draw = random.Random(0)
    num_same = 0
    for _ in range(20_000):
        words = draw.choices(WORDS, k=draw.randrange(1, 7))
        changed = list(words)
        changed[draw.randrange(len(words))] = draw.choice(WORDS)
        mark = draw.choice([" ", ", ", "-", "  ", " – "])
        one, other = " ".join(words), mark.join(changed)
        if same_question(Said(one), Said(other), answers=SHORT):
            num_same += 1
            assert may_agree(one, other), (one, other)
    assert num_same > 500


def test_an_answer_that_is_called_short_has_few_tokens():
    draw = random.Random(1)
    for _ in range(5000):
        answer = "".join(draw.choices("aB9é½ﬁ.-+*/^()%!,:_'= \n東", k=draw.randrange(40)))
        assert not has_few_tokens(answer) or len(Said(answer)) < LONG_ANSWER
    assert has_few_tokens("It is so.") and not has_few_tokens("so " * LONG_ANSWER) and not has_few_tokens(" " * 500)
