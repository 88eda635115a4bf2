"""Words and letters an answer must have, or must not have.

A keyword is a pattern of Python's `re`, as in IFEval's checker: case is ignored, and "cat" is also found in "concatenate"
(in forbidden words it is not). One that is no valid pattern ("a(") stands for itself (see `tunesmith.checks.patterns`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tunesmith.checks.catalog import check
from tunesmith.checks.patterns import Word, pattern_of
from tunesmith.checks.relations import Count, Relation, holds

Words = Annotated[tuple[Word, ...], Field(min_length=1)]


@check("keywords:existence", "Use these words: {keywords}.")
def existence(answer: str, *, keywords: Words = ("first", "time")) -> bool:
    """Every keyword is somewhere in the answer."""
    return all(pattern_of(word, ignore_case=True).search(answer) for word in keywords)


@check("keywords:frequency", "Use the word {keyword} {relation} {frequency} times.")
def frequency(answer: str, *, keyword: Word = "time", frequency: Count = 2, relation: Relation = "at least") -> bool:
    """How often the keyword is found, inside other words too."""
    return holds(sum(1 for _ in pattern_of(keyword.strip(), ignore_case=True).finditer(answer)), relation, frequency)


@check("keywords:forbidden_words", "Do not use any of these words: {forbidden_words}.")
def forbidden_words(answer: str, *, forbidden_words: Words = ("first", "time")) -> bool:
    """None of the words is in the answer as a whole word; "word" forbids neither "words" nor "sword"."""
    whole = [pattern_of(word, before=r"\b", after=r"\b", ignore_case=True) for word in forbidden_words]
    return not any(pattern.search(answer) for pattern in whole)


@check("keywords:letter_frequency", "Use the letter {letter} {let_relation} {let_frequency} times.")
def letter_frequency(
    answer: str,
    *,
    letter: Annotated[str, Field(min_length=1, max_length=1)] = "e",
    let_frequency: Count = 5,
    let_relation: Relation = "at least",
) -> bool:
    """How often one character, a letter or another one, is in the answer; case is ignored."""
    return holds(answer.lower().count(letter.lower()), let_relation, let_frequency)
