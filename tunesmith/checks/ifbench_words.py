"""IFBench's ``words:*``: what the words of an answer are made of (Pyatkin et al. 2025, allenai/IFBench)."""

from __future__ import annotations

import functools
import importlib
import re
import string
from collections import Counter
from itertools import pairwise
from typing import Annotated, Any

import syllapy
from pydantic import Field

from tunesmith.checks import splitting
from tunesmith.checks.catalog import check
from tunesmith.checks.marks import MARKS, bare_words, spoken_tokens, trimmed, without_marks
from tunesmith.checks.relations import Count

VOWELS = frozenset("aeiou")
CLUSTER = re.compile("[bcdfghjklmnpqrstvwxyz]{2}")
PRIMES = frozenset(n for n in range(2, 100) if all(n % divisor for divisor in range(2, n)))
Position = Annotated[int, Field(ge=1)]
TAGGED_TOKENS = 12  # what the tagger's rules look at around the first word is nearer than that


@check(
    "words:alphabet", "Begin each word with the letter that follows the first letter of the word before, and A after Z."
)
def walks_the_alphabet(answer: str) -> bool:
    """Each word begins with the letter after that of the word before, z followed by a; the first may be any of a–z."""
    words = without_marks(answer).lower().split()
    if not words or words[0][0] not in string.ascii_lowercase:
        return False
    start = string.ascii_lowercase.index(words[0][0])
    return all(word[0] == string.ascii_lowercase[(start + step) % 26] for step, word in enumerate(words))


@check("words:vowel", "Write one paragraph with only three of the vowels.")
def uses_three_vowels(answer: str) -> bool:
    """One paragraph (one line) that holds at most three of the letters a, e, i, o, u; y and é are none of them."""
    line = answer.strip()
    return "\n" not in line and len(VOWELS & set(line.lower())) <= 3


@check("words:consonants", "Use only words with two consonants side by side.")
def has_clusters(answer: str) -> bool:
    """In every word between spaces two of the consonants (y is one) stand side by side."""
    return all(CLUSTER.search(word) for word in answer.lower().split())


@check("words:palindrome", "Use at least ten palindromes of five or more letters.")
def has_palindromes(answer: str) -> bool:
    """At least ten words of five or more characters that read the same backwards, marks deleted; repeats count."""
    return sum(len(word) >= 5 and word == word[::-1] for word in bare_words(answer)) >= 10


@check("words:prime_lengths", "Use only words whose number of letters is prime.")
def has_prime_lengths(answer: str) -> bool:
    """Once marks are deleted, every word's length is a prime below 100."""
    return all(len(word) in PRIMES for word in without_marks(answer).split())


@check("words:repeats", "Use no word more than {small_n} times.")
def repeats_little(answer: str, *, small_n: Count) -> bool:
    """No word stands there more than ``small_n`` times, case and marks aside."""
    return all(times <= small_n for times in Counter(bare_words(answer)).values())


@check("words:no_consecutive", "Let no two words in a row begin with the same letter.")
def changes_first_letters(answer: str) -> bool:
    """No two words in a row begin with the same letter, case and marks aside."""
    return all(word[0] != following[0] for word, following in pairwise(bare_words(answer)))


@check("words:odd_even_syllables", "Let words with an odd and with an even number of syllables take turns.")
def alternates_syllables(answer: str) -> bool:
    """Words with an odd and an even number of syllables take turns.

    Syllables are counted by `syllapy` as in the published code: from its dictionary, else from groups of vowels; 0, which is
    even, for a word with a digit.
    """
    parities = [syllapy.count(word) % 2 for word in bare_words(answer)]
    return all(parity != following for parity, following in pairwise(parities))


@check("words:start_verb", "Begin with a verb.")
def starts_with_verb(answer: str) -> bool:
    """The first token is a verb in any form.

    The published code asks nltk's perceptron tagger, whose weights are a download. Ours is `textblob`'s rule tagger, whose
    dictionary comes with it, and the one check that does not always give the published verdict: of 678 answers, many of
    them made near the border, 631 are judged alike (618 loosely). On 30,510 openings of real texts the two agree for 96
    of 100: this one finds the verb in "Describe …" and "Generate …", and misses that in "Complete …" and "Answer …".
    Modals (can, must) are no verbs in either.
    """
    tokens = splitting.tokens(answer)[:TAGGED_TOKENS]
    tagged = _tagger().tag(" ".join(tokens).replace("/", "|"), tokenize=False) if tokens else []
    return bool(tagged) and tagged[0][1].startswith("VB")


@check("words:last_first", "Begin each sentence with the last word of the one before.")
def chains_sentences(answer: str) -> bool:
    """The last word of each sentence is the first of the next, case and outer marks aside; one sentence is a chain."""
    for sentence, following in pairwise(splitting.sentences(answer)):
        last, first = sentence.rstrip(MARKS + " ").split(), following.lstrip(MARKS + " ").split()
        if not last or not first or last[-1].lower() != first[0].lower():
            return False
    return True


@check("words:paragraph_last_first", "End each paragraph with the word it begins with; one line for each.")
def closes_paragraphs(answer: str) -> bool:
    """Each line ends with the word it began with, case and the line's outer marks aside; lines of marks do not count.

    A mark between the first word and the space stays on it, as in the published code: "Rain, … rain." fails.
    """
    lines = (trimmed(line.strip().lower()).split() for line in answer.split("\n"))
    return all(words[0] == words[-1] for words in lines if words)


@check("words:keywords_specific_position", "Make {keyword} word {m} of sentence {n}.")
def has_keyword_at(answer: str, *, keyword: str, n: Position, m: Position) -> bool:
    """The ``m``-th Treebank token with a letter or digit of the ``n``-th sentence is the keyword, case aside."""
    sentences = splitting.sentences(answer)
    if len(sentences) < n:
        return False
    tokens = spoken_tokens(sentences[int(n) - 1])
    return len(tokens) >= m and tokens[int(m) - 1].lower() == keyword.strip().lower()


@check("words:words_position", "Make {keyword} the second word and the second to last.")
def has_keyword_second_and_second_last(answer: str, *, keyword: str) -> bool:
    """The second and the second to last Treebank token with a letter or digit are the keyword, case aside."""
    tokens = [token.lower() for token in spoken_tokens(answer)]
    return len(tokens) >= 2 and tokens[1] == tokens[-2] == keyword.strip().lower()


@functools.cache
def _tagger() -> Any:
    return importlib.import_module("textblob.taggers").PatternTagger()  # when first asked: it brings all of nltk
