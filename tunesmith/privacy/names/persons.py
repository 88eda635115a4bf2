"""Whether capitalized words can be the name of a person, by the tables and by the looks of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token
from tunesmith.privacy.names.words import (
    AMBIGUOUS,
    ASIAN_SURNAMES,
    EXTRA_FIRST_NAMES,
    EXTRA_LAST_NAMES,
    GROUP_HEADS,
    LANGUAGES,
    LEGAL_FORMS,
    PLACE_BEGINNINGS,
    SUFFIXES,
    THINGS,
)
from tunesmith.privacy.spans import Span

NO, MAYBE, LIKELY, SURE = range(4)
"""How well words can be a name of some type."""
MAX_WORDS = 5
_INITIAL = re.compile(r"(?:[^\W\d_]\.?-?){1,3}")
_PINYIN = re.compile(
    r"(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:i?ang?|i?ao|uang?|uai|u?ei|[eiu]ng?|i?ong|[iu]?an|ia|ie|iu|ui|uo|ou|ai|[aeiouü])'?){1,3}"
)
_INVERTED = re.compile(
    r"([A-Z][^\W\d_]+(?:['’-][A-Z][^\W\d_]+)?), ([A-Z][^\W\d_]+(?:-[A-Z][^\W\d_]+)?)(?: [A-Z]\.)?(?=$|[;|\t])",
    re.MULTILINE,
)


def likeness_of_person(tokens: Sequence[Token], tables: Tables) -> int:
    """`SURE` for a first with a last name, `LIKELY` for one of them with a stranger, `MAYBE` for strangers alone, `NO`
    where a word among them is that of a thing or a firm."""
    names = [token for token in tokens if not token.word.islower() and token.low not in SUFFIXES]
    if not names or len(names) > MAX_WORDS or tokens[-1].word.islower():
        return NO
    if len(names) == 1:
        return _likeness_of_one(names[0], tables)
    first, last = names[0].low, names[-1].low
    is_last = _is_last(last, tables)
    if last in LEGAL_FORMS or last in GROUP_HEADS or any(name.low in THINGS for name in names[:-1]):
        return NO
    if last in THINGS and not (len(names) == 2 and is_last and first in tables.first and first not in AMBIGUOUS):
        return NO
    if _begins_with_place(names, tables) or any(token.low in ("of", "of the", "&") for token in tokens):
        return NO
    if all(name.word.isupper() and len(name.word) > 2 for name in names):
        return _likeness_in_capitals(first, last, is_last, tables)
    if _is_asian_order(names, tables):
        return SURE
    if first in tables.first or first.partition("-")[0] in tables.first:
        return _likeness_after_first(names, is_last, tables)
    if _INITIAL.fullmatch(names[0].word) and "." in names[0].word:
        return SURE if is_last and last not in tables.ordinary else LIKELY
    if _is_last(first, tables) and (is_last or last in tables.first) and not _is_common(first, tables):
        return LIKELY if not _is_common(last, tables) else MAYBE
    return LIKELY if _is_pair(names, tables) else MAYBE if _are_strangers(names, tables) else NO


def find_inverted(text: str, start: int, tables: Tables) -> list[Span]:
    """ "Lopez, Maria" on a line or in a cell of its own, from ``start`` on."""
    match = _INVERTED.match(text, start)
    if match is None or text[max(0, start - 2) : start].strip(" ")[-1:] not in ("", "\n", "\t", ":", ";", "|"):
        return []
    last, first = match[1].lower(), match[2].lower()
    is_place = (last in tables.places and last not in EXTRA_LAST_NAMES) or (
        first in tables.places and first not in EXTRA_FIRST_NAMES
    )
    if first in tables.first and last in tables.last and last not in tables.ordinary and not is_place:
        return [Span(start, match.end(), "PERSON", 0.8, "person_inverted")]
    return []


def is_weak(low: str, tables: Tables) -> bool:
    """Whether a first name is also a word, a place, or too short to be told from one."""
    return low in AMBIGUOUS or low in tables.ordinary or low in tables.places or len(low) < 3


def _likeness_of_one(name: Token, tables: Tables) -> int:
    low, word = name.low, name.word
    if low in LANGUAGES:
        return NO
    if low in tables.first:
        return MAYBE if is_weak(low, tables) and low not in EXTRA_FIRST_NAMES else LIKELY
    if len(word) < 2 or low in THINGS or low in GROUP_HEADS:
        return NO
    if word.isupper() and len(word) > 1:
        is_known = low in tables.last and len(word) > 3
        return MAYBE if is_known or (len(word) > 4 and low not in tables.ordinary) else NO
    if "-" in low and all(part in tables.first and part not in tables.last for part in low.split("-")):
        return LIKELY
    return NO if low in tables.countries else MAYBE


def _likeness_in_capitals(first: str, last: str, is_last: bool, tables: Tables) -> int:
    """ "MARIA LOPEZ"; a heading is written so too."""
    if first not in tables.first or first in AMBIGUOUS or first in tables.ordinary or last in tables.ordinary:
        return MAYBE
    return SURE if is_last else LIKELY


def _is_pair(names: Sequence[Token], tables: Tables) -> bool:
    """Two or three words that are in no dictionary, written as names are."""
    if len(names) > 3 or names[0].low in PLACE_BEGINNINGS:
        return False
    return all(
        name.word[1:].islower() and len(name.word) > 2 and name.low not in tables.ordinary and name.low not in THINGS
        and name.low not in GROUP_HEADS and name.low not in tables.places and name.low not in AMBIGUOUS
        for name in names
    )  # fmt: skip


def _are_strangers(names: Sequence[Token], tables: Tables) -> bool:
    return len(names) < 4 and not any(
        name.low in THINGS or name.low in GROUP_HEADS or name.low in tables.countries
        or (name.word.isupper() and len(name.word) > 1 and "." not in name.word)
        for name in names
    )  # fmt: skip


def _begins_with_place(names: Sequence[Token], tables: Tables) -> bool:
    if names[0].low not in tables.place_heads:
        return False
    return any(" ".join(name.low for name in names[:length]) in tables.places for length in (2, 3))


def _likeness_after_first(names: Sequence[Token], is_last: bool, tables: Tables) -> int:
    first, last = names[0].low, names[-1]
    if _is_common(first, tables) and _is_common(last.low, tables):
        return MAYBE
    if is_last or last.low in tables.first:
        return SURE
    if _is_common(first, tables) or last.low in tables.ordinary or last.low in tables.places or len(last.low) < 2:
        return MAYBE
    return MAYBE if last.word.isupper() and len(last.word) > 1 else SURE


def _is_last(low: str, tables: Tables) -> bool:
    return low in tables.last or ("-" in low and any(part in tables.last for part in low.split("-")))


def _is_common(low: str, tables: Tables) -> bool:
    return low in AMBIGUOUS or low in tables.ordinary or low in THINGS or low in tables.countries


def _is_asian_order(names: Sequence[Token], tables: Tables) -> bool:
    """Surname first: Kim Min-jun, Nguyen Van An, Wang Xiaoming."""
    if names[0].low not in ASIAN_SURNAMES or len(names) > 4:
        return False
    given = names[-1].low
    if given in tables.ordinary or given in THINGS:
        return False
    return given in tables.first or bool(_PINYIN.fullmatch(given)) or "-" in given
