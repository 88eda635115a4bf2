"""Keywords that are patterns: none hangs, and what could is refused."""

from __future__ import annotations

import time

import pytest

from tunesmith.checks import bind_check, follows
from tunesmith.checks.patterns import pattern_of
from tunesmith.errors import UsageError

ENDLESS = "a" * 5000 + "!"


@pytest.mark.parametrize("word", ["(a+)+$", "(a|a)+$", "(a*)*b", "a?" * 30 + "a" * 30 + "$"])
def test_no_keyword_takes_forever(word):
    start = time.process_time()
    assert not follows("keywords:existence", {"keywords": [word]}, "", ENDLESS)
    assert follows("keywords:forbidden_words", {"forbidden_words": [word + "x"]}, "", ENDLESS)
    assert time.process_time() - start < 1


def test_a_repetition_that_only_re_can_match_is_refused():
    for check, argument in (
        ("keywords:frequency", "keyword"),
        ("detectable_format:multiple_sections", "section_spliter"),
    ):
        with pytest.raises(
            UsageError, match=f"`{argument}`: could take forever on some answer, write it without look-"
        ):
            bind_check(check, {argument: r"(?=.*a)(b+)\1"})


@pytest.mark.parametrize(
    ("word", "text", "is_found"),
    [
        ("cat", "Concatenate", True),
        ("colou?r", "COLOR", True),
        ("ab{2}", "xABBx", True),
        ("a(", "A( b", True),
        ("C++", "I like c++.", True),
        ("C++", "I like C.", False),
        ("Stra\u00dfe", "stra\u00dfe", True),
        ("(?=x)x", "X", True),
    ],
)
def test_a_word_is_a_pattern_or_else_stands_for_itself(word, text, is_found):
    assert (pattern_of(word, ignore_case=True).search(text) is not None) is is_found
