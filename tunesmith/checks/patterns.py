"""Words that may be patterns, as IFEval's checker takes them; none of them can hang on an answer.

A pattern that repeats something is matched by google-re2, in time linear in the answer; there ``\\w``, ``\\d``, ``\\s`` and
``\\b`` speak of ASCII alone. Every other is one of Python's `re`.
"""

from __future__ import annotations

import functools
import re
from typing import Annotated

import re2
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_OPTIONAL = 5  # each question mark may double the time `re` takes
NEEDS_RE = re.compile(r"\(\?[^:i]|\\[1-9]")  # look-around, back-references


@functools.lru_cache(maxsize=4096)
def pattern_of(word: str, *, before: str = "", after: str = "", ignore_case: bool = False) -> re.Pattern[str]:
    """A word as a pattern, between two others; as itself where it is no valid one ("a(", "C++")."""
    flags = re.IGNORECASE if ignore_case else 0
    try:
        found = re.compile(f"{before}{word}{after}", flags)
        return _linear(f"{before}{word}{after}", ignore_case) if _repeats(word) else found
    except (re.error, re2.error):
        return re.compile(f"{before}{re.escape(word)}{after}", flags)


def _repeats(word: str) -> bool:
    return any(sign in word for sign in "*+{") or word.count("?") > MAX_OPTIONAL


def _linear(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    return re2.compile(pattern, options)


def _refuse_endless(word: str) -> str:
    try:
        re.compile(word)
        if _repeats(word):
            _linear(word, ignore_case=True)
    except re2.error:
        if NEEDS_RE.search(word):
            raise PydanticCustomError(
                "endless", "could take forever on some answer, write it without look-around and back-references"
            ) from None
    except re.error:
        pass  # it stands for itself
    return word


Word = Annotated[str, AfterValidator(_refuse_endless)]
