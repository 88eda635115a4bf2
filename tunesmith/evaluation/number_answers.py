"""Answers that are numbers: the last number an answer gives is what counts, as GSM8K is scored (Cobbe et al. 2021)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

# 1,234.5  -3  .5  1e6; a sign counts where no letter, digit or bracket stands before it (5-3 is not minus three), and no
# space after it (nor are 5 - 3 and the item "- 3" of a list).
NUMBER = re.compile(
    r"(?<![\w.)\]])[-+\u2212]?(?:[$\u20ac\u00a3]\s?)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3}(?!\w))?"
    r"|(?<![\w.)\]])[-+\u2212]?(?:[$\u20ac\u00a3]\s?)?\.\d+"
    r"|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
)
AFTER_MARK = re.compile(r"####\s*(\S.*)")
MAX_CHARACTERS = 400  # of one number: longer runs of digits are not what anybody was asked for


def last_number(text: str) -> Fraction | None:
    """The last number of a text, exactly; the one after ``####`` where there is that mark. None where there is none.

    Thousands may be divided by commas; currency signs before and units after a number are left out.
    """
    marked = AFTER_MARK.findall(text)
    found = NUMBER.findall(marked[-1] if marked else text)
    return _value(found[-1]) if found else None


def _value(number: str) -> Fraction | None:
    plain = re.sub(r"[,\s$\u20ac\u00a3+]", "", number.replace("\u2212", "-").replace("e+", "e").replace("E+", "E"))
    return Fraction(plain) if len(plain) <= MAX_CHARACTERS else None


def number_match(prediction: str, references: Sequence[str]) -> float:
    """1.0 where the last number of the answer equals the last number of a reference, however each is written."""
    answer = last_number(prediction)
    return float(answer is not None and any(answer == last_number(text) for text in references))


def references_are_numbers(references: Sequence[str]) -> bool:
    """Whether every reference is a number (with at most a currency sign or per cent) or ends in ``#### number``."""
    return bool(references) and all(_ends_in_number(text) for text in references)


def _ends_in_number(text: str) -> bool:
    marked = AFTER_MARK.findall(text)
    rest = (marked[-1] if marked else text).strip().rstrip("%. ")
    return NUMBER.fullmatch(rest) is not None
