"""Whether capitalized words can be the name of a person, by the tables and by the looks of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.privacy.names.kinds import (
    AMBIGUOUS,
    ASIAN_SURNAME,
    COMMON,
    COUNTRY,
    EXTRA_FIRST,
    FIRST,
    GROUP_HEAD,
    JOINT,
    KNOWN_THING,
    LANGUAGE,
    LARGE,
    LAST,
    LEGAL,
    ORDINARY,
    PLACE,
    PLACE_BEGINNING,
    PLACE_START,
    SMALL,
    SUFFIX,
    THING,
    WEAK,
)
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token, kinds_in
from tunesmith.privacy.names.words import EXTRA_FIRST_NAMES, EXTRA_LAST_NAMES
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
    if len(tokens) == 1 and not tokens[0].kind & (SMALL | SUFFIX):
        return _likeness_of_one(tokens[0], tables)
    names = [token for token in tokens if not token.kind & (SMALL | SUFFIX)]
    if not names or len(names) > MAX_WORDS or tokens[-1].kind & SMALL:
        return NO
    if len(names) == 1:
        return _likeness_of_one(names[0], tables)
    first, last = names[0], names[-1]
    is_last = _is_last(last, tables)
    if last.kind & (LEGAL | GROUP_HEAD) or kinds_in(names[:-1]) & THING or kinds_in(tokens) & JOINT:
        return NO
    if last.kind & THING and not (len(names) == 2 and is_last and first.kind & (FIRST | AMBIGUOUS) == FIRST):
        return NO
    if _begins_with_place(names, tables):
        return NO
    if last.word.isupper() and all(name.word.isupper() and len(name.word) > 2 for name in names):
        return _likeness_in_capitals(first, last, is_last)
    if first.kind & ASIAN_SURNAME and _is_asian_order(names):
        return SURE
    if first.kind & FIRST or ("-" in first.low and tables.kinds.get(first.low.partition("-")[0], 0) & FIRST):
        return _likeness_after_first(names, is_last)
    if "." in first.word and _INITIAL.fullmatch(first.word):
        return SURE if is_last and not last.kind & ORDINARY else LIKELY
    if not first.kind & COMMON and _is_last(first, tables) and (is_last or last.kind & FIRST):
        return MAYBE if last.kind & COMMON else LIKELY
    return LIKELY if _is_pair(names) else MAYBE if _are_strangers(names) else NO


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


def is_weak(token: Token) -> bool:
    """Whether a first name is also a word, a place, or too short to be told from one."""
    return bool(token.kind & WEAK) or len(token.low) < 3


def _likeness_of_one(name: Token, tables: Tables) -> int:
    low, word, kind = name.low, name.word, name.kind
    if kind & LANGUAGE:
        return NO
    if kind & FIRST:
        return MAYBE if is_weak(name) and not kind & EXTRA_FIRST else LIKELY
    if len(word) < 2 or kind & (THING | GROUP_HEAD):
        return NO
    if word.isupper():
        is_known = kind & LAST and len(word) > 3
        return MAYBE if is_known or (len(word) > 4 and not kind & ORDINARY) else NO
    if "-" in low and all(part & (FIRST | LAST) == FIRST for part in parts_of(low, tables)):
        return LIKELY
    return NO if kind & COUNTRY else MAYBE


def parts_of(low: str, tables: Tables) -> list[int]:
    """What each part of a hyphenated word is known as."""
    return [tables.kinds.get(part, 0) for part in low.split("-")]


def _likeness_in_capitals(first: Token, last: Token, is_last: bool) -> int:
    """ "MARIA LOPEZ"; a heading is written so too."""
    if first.kind & (FIRST | AMBIGUOUS | ORDINARY) != FIRST or last.kind & ORDINARY:
        return MAYBE
    return SURE if is_last else LIKELY


def _is_pair(names: Sequence[Token]) -> bool:
    """Two or three words that are in no dictionary, written as names are."""
    if len(names) > 3 or names[0].kind & PLACE_BEGINNING or kinds_in(names) & (WEAK | THING | GROUP_HEAD):
        return False
    return all(name.word[1:].islower() and len(name.word) > 2 for name in names)


def _are_strangers(names: Sequence[Token]) -> bool:
    if len(names) > 3 or kinds_in(names) & (THING | GROUP_HEAD | COUNTRY):
        return False
    return not any(name.word.isupper() and len(name.word) > 1 and "." not in name.word for name in names)


def _begins_with_place(names: Sequence[Token], tables: Tables) -> bool:
    if not names[0].kind & PLACE_START:
        return False
    return any(" ".join([name.low for name in names[:length]]) in tables.places for length in (2, 3))


def _likeness_after_first(names: Sequence[Token], is_last: bool) -> int:
    first, last = names[0], names[-1]
    if first.kind & COMMON and last.kind & COMMON:
        return MAYBE
    if is_last or last.kind & FIRST:
        return SURE
    if first.kind & COMMON or last.kind & ORDINARY or len(last.low) < 2:
        return MAYBE
    if last.kind & PLACE:
        return MAYBE if first.kind & (PLACE | KNOWN_THING) or last.kind & (AMBIGUOUS | LARGE) else LIKELY
    return MAYBE if last.word.isupper() and len(last.word) > 1 else SURE


def _is_last(name: Token, tables: Tables) -> bool:
    if name.kind & LAST:
        return True
    return "-" in name.low and any(part & LAST for part in parts_of(name.low, tables))


def _is_asian_order(names: Sequence[Token]) -> bool:
    """A surname of Asia first: Kim Min-jun, Nguyen Van An, Wang Xiaoming."""
    given = names[-1]
    if len(names) > 4 or given.kind & (ORDINARY | THING):
        return False
    return bool(given.kind & FIRST) or "-" in given.low or _PINYIN.fullmatch(given.low) is not None
