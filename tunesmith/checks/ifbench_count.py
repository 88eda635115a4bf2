"""IFBench's ``count:*``: how much of something an answer holds (Pyatkin et al. 2025, allenai/IFBench).

A word is counted in a way of its own in nearly each of them; the docstrings say which. Where the published code draws
a missing argument at random, ours asks for it.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tunesmith.checks import splitting
from tunesmith.checks.catalog import check
from tunesmith.checks.marks import trimmed, without_marks
from tunesmith.checks.relations import Count

CONJUNCTIONS = frozenset(("and", "but", "for", "nor", "or", "so", "yet"))
INTERROBANGS = ("?!", "!?", "‽")
TIMES = (1, 2, 3, 5, 7)
_NAMES = """
Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin Harper
Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria Elijah Layla
Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella Jonathan
"""
_PRONOUNS = """
i me we us you he him she her it they them
my mine our ours your yours his hers its their theirs
myself ourselves yourself yourselves himself herself itself themselves
this that these those
who whom whose which what whoever whomever whatever whichever
anybody anyone anything everybody everyone everything nobody nothing somebody someone something
each either neither both all some any none
"""
PERSON_NAMES, PRONOUNS = tuple(_NAMES.split()), frozenset(_PRONOUNS.split())
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


@check("count:word_count_range", "Use between {min_words} and {max_words} words.")
def has_words_between(answer: str, *, min_words: Count, max_words: Count) -> bool:
    r"""At least ``min_words`` and at most ``max_words`` words, where a word is a run of letters and digits (``\w+``)."""
    return min_words <= len(splitting.words(answer)) <= max_words


@check("count:unique_word_count", "Use at least {N} different words.")
def has_unique_words(answer: str, *, N: Count) -> bool:  # noqa: N803  (the name in the prompt file)
    """At least ``N`` different words between spaces, case and outer marks aside. Marks alone count as one word, once."""
    return len({trimmed(word) for word in answer.lower().split()}) >= N


@check("count:conjunctions", "Use at least {small_n} different coordinating conjunctions.")
def has_conjunctions(answer: str, *, small_n: Count) -> bool:
    """At least ``small_n`` different spellings of coordinating conjunctions.

    The published code compares them with case and marks on: "and", "And" and "and," are three. Kept.
    """
    return len({word for word in answer.split() if trimmed(word).lower() in CONJUNCTIONS}) >= small_n


@check("count:person_names", "Mention at least {N} of these names: " + ", ".join(PERSON_NAMES) + ".")
def has_person_names(answer: str, *, N: Count) -> bool:  # noqa: N803
    """At least ``N`` of the fifty names that the request lists, as whole words in their own case."""
    return sum(bool(re.search(rf"\b{name}\b", answer)) for name in PERSON_NAMES) >= N


@check("count:numbers", "Write exactly {N} numbers.")
def has_exactly_numbers(answer: str, *, N: Count) -> bool:  # noqa: N803
    """Exactly ``N`` runs of digits once marks are deleted: 3.14 and 100,000 are one each, and so is 2024-01-31."""
    return len(re.findall(r"\d+", without_marks(answer))) == N


@check("count:pronouns", "Use at least {N} pronouns.")
def has_pronouns(answer: str, *, N: Count) -> bool:  # noqa: N803
    """At least ``N`` pronouns among the Treebank tokens ("it's" holds one), "she/her" counted as two."""
    return sum(token in PRONOUNS for token in splitting.tokens(answer.replace("/", " ").lower())) >= N


@check(
    "count:punctuation",
    "Use each of these marks: full stop, comma, exclamation mark, question mark, semicolon, colon and interrobang (?!).",
)
def covers_punctuation(answer: str) -> bool:
    """An interrobang (?!, !? or ‽), and each of . , ! ? ; : beside it."""
    if not any(mark in answer for mark in INTERROBANGS):
        return False
    written = next((mark for mark in INTERROBANGS[:2] if mark in answer), "")
    return set(".,!?;:") <= set(answer.replace(written, "", 1) if written else answer)


@check(
    "count:keywords_multiple",
    "Use the word {keyword1} once, {keyword2} twice, {keyword3} three times, {keyword4} five times and {keyword5} seven times.",
)
def has_keywords_so_often(
    answer: str, *, keyword1: str, keyword2: str, keyword3: str, keyword4: str, keyword5: str
) -> bool:
    """The five keywords exactly 1, 2, 3, 5 and 7 times, as whole words in any case."""
    keywords = (keyword1, keyword2, keyword3, keyword4, keyword5)
    found = (re.findall(rf"\b{re.escape(word.strip())}\b", answer, re.IGNORECASE) for word in keywords)
    return all(len(hits) == times for hits, times in zip(found, TIMES, strict=True))


@check("count:words_japanese", "Make word {N}, and every {N}th after it, a Japanese one.")
def has_japanese_at_every(answer: str, *, N: Annotated[int, Field(ge=1)]) -> bool:  # noqa: N803
    """Every ``N``-th word between spaces holds kana or kanji; a number or marks alone may stand there as well."""
    words = [trimmed(word) for position, word in enumerate(answer.split(), 1) if position % N == 0]
    return all(JAPANESE.search(word) for word in words if word and not word.isdigit())
