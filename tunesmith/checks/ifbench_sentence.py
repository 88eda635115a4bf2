"""IFBench's ``sentence:*``: what happens from sentence to sentence (Pyatkin et al. 2025, allenai/IFBench)."""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import Annotated

from pydantic import Field

from tunesmith.checks import splitting
from tunesmith.checks.catalog import check
from tunesmith.checks.marks import MARKS, without_marks
from tunesmith.checks.relations import Count


@check("sentence:alliteration_increment", "Let more words of each sentence alliterate than of the one before.")
def alliterates_more_and_more(answer: str) -> bool:
    """Each sentence has more words in runs that begin with the same letter than the one before.

    Runs of two and more are added up over a sentence, as the published code does, though the request speaks of one run.
    """
    counts = [_alliterating(sentence) for sentence in splitting.sentences(answer)]
    return all(count < following for count, following in pairwise(counts))


@check("sentence:increment", "Make each sentence {small_n} words longer than the one before.")
def grows_by(answer: str, *, small_n: Count) -> bool:
    """Each sentence has exactly ``small_n`` words more than the one before; words of marks alone do not count."""
    counts = [len(without_marks(sentence).split()) for sentence in splitting.sentences(answer)]
    return all(following == count + small_n for count, following in pairwise(counts))


@check("sentence:keyword", "Use the word {word} in sentence {N}.")
def has_keyword_in_sentence(answer: str, *, word: str, N: Annotated[int, Field(ge=1)]) -> bool:  # noqa: N803
    """The ``N``-th sentence holds the keyword as a whole word, in any case."""
    sentences = splitting.sentences(answer)
    pattern = rf"\b{re.escape(word)}\b"
    return len(sentences) >= N and re.search(pattern, sentences[int(N) - 1], re.IGNORECASE) is not None


def _alliterating(sentence: str) -> int:
    """How many words of a sentence stand beside one with the same first letter, runs of different letters added up."""
    letters = [word.lstrip(MARKS + " ")[:1] for word in sentence.lower().split()]
    runs = (len(list(run)) for _, run in groupby(letter for letter in letters if letter))
    return sum(length for length in runs if length > 1)
