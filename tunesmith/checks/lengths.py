"""How long an answer is: words, sentences, paragraphs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tunesmith.checks.catalog import check
from tunesmith.checks.relations import Count, Relation, holds
from tunesmith.checks.splitting import sentences, words

DIVIDER = re.compile(r"\s?\*\*\*\s?")
ENDS_WORD = re.compile(r"[.,?!'\"]")


@check("length_constraints:number_words", "Use {relation} {num_words} words.")
def number_words(answer: str, *, num_words: Count = 300, relation: Relation = "at least") -> bool:
    """Words as `splitting.words` cuts them: "don't" is two, and so is "well-known"."""
    return holds(len(words(answer)), relation, num_words)


@check("length_constraints:number_sentences", "Write {relation} {num_sentences} sentences.")
def number_sentences(answer: str, *, num_sentences: Count = 10, relation: Relation = "at least") -> bool:
    """Sentences as `splitting.sentences` cuts them."""
    return holds(len(sentences(answer)), relation, num_sentences)


@check(
    "length_constraints:number_paragraphs",
    "Write exactly {num_paragraphs} paragraphs, with a line of *** between them.",
)
def number_paragraphs(answer: str, *, num_paragraphs: Count = 3) -> bool:
    """Exactly so many parts between dividers. A divider may open or close the answer; two may not follow each other."""
    first, *others = [bool(part.strip()) for part in DIVIDER.split(answer)]
    inner, last = others[:-1], others[-1:]
    return all(inner) and first + len(inner) + sum(last) == num_paragraphs


@check(
    "length_constraints:nth_paragraph_first_word",
    "Write exactly {num_paragraphs} paragraphs with an empty line between them; paragraph {nth_paragraph} begins with"
    " the word {first_word}.",
)
def nth_paragraph_first_word(
    answer: str,
    *,
    num_paragraphs: Count = 3,
    nth_paragraph: Annotated[int, Field(ge=1)] = 1,
    first_word: str = "first",
) -> bool:
    """Parts between two line ends, blank ones not counted, although they take up a place: with three line ends and one
    more, what is the third part to the eye may be the fourth, or be found blank. Case, quotation marks before the word,
    and what follows a punctuation mark in it do not matter."""
    parts = answer.split("\n\n")
    count = sum(bool(part.strip()) for part in parts)
    if count != num_paragraphs or nth_paragraph > count or not parts[nth_paragraph - 1].strip():
        return False
    word = parts[nth_paragraph - 1].split()[0].lstrip("'").lstrip('"')
    return "".join(letter.lower() for letter in ENDS_WORD.split(word)[0]) == first_word.lower()
