"""Whether capitalized words can be the name of a place, by the tables and by the looks of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tunesmith.privacy.names.persons import LIKELY, MAYBE, NO
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token
from tunesmith.privacy.names.words import (
    AMBIGUOUS,
    GROUP_HEADS,
    LANGUAGES,
    LEGAL_FORMS,
    PLACE_BEGINNINGS,
    PLACE_HEADS,
    STATE_CODES,
    THINGS,
)
from tunesmith.privacy.spans import Span

MAX_WORDS = 5
_NO_PLACES = LANGUAGES | GROUP_HEADS | LEGAL_FORMS | (THINGS - PLACE_HEADS) | {"&"}
_NEXT = re.compile(r",? ([A-Z][\w.]*(?: [A-Z][\w]+){0,2})")
_POSTCODE = re.compile(r",? [A-Z]{0,2} ?-?[0-9]{4,6}\b")


def likeness_of_place(tokens: Sequence[Token], name: str, tables: Tables) -> int:
    """`LIKELY` for a place of the tables that is nobody's name, `MAYBE` for other words that could be one.

    ``name`` are the words in lower case, joined.
    """
    if name in tables.places:
        is_name = len(tokens) == 1 and (name in tables.first or name in tables.last)
        return MAYBE if (is_name and not is_large(name, tables)) or name in AMBIGUOUS else LIKELY
    if len(tokens) > MAX_WORDS:
        return NO
    for token in tokens:
        if _is_no_place(token):
            return NO
    if tokens[0].low in PLACE_BEGINNINGS and len(tokens) > 1:
        return LIKELY
    first, last = tokens[0], tokens[-1]
    if last.low in PLACE_HEADS and len(tokens) > 1:
        return MAYBE
    if first.low in tables.first and first.low not in tables.places:
        return NO
    if last.low in tables.ordinary or first.low in tables.ordinary:
        return NO
    return NO if all(token.word.isupper() for token in tokens) and len(name) < 5 else MAYBE


def is_large(name: str, tables: Tables) -> bool:
    """Whether everybody knows the place: a country, a state, a capital, a city above a million."""
    return name in tables.large or name in tables.countries or name in tables.states


def longest_place(tokens: Sequence[Token], position: int, tables: Tables) -> int:
    """How many words from ``position`` on name a place of the tables; 0 where they name none."""
    first = tokens[position].low
    if first in tables.place_heads:
        for length in range(min(MAX_WORDS, len(tokens) - position), 1, -1):
            if " ".join(token.low for token in tokens[position : position + length]) in tables.places:
                return length
    return int(first in tables.places)


def has_postcode(text: str, end: int) -> bool:
    """Whether a postcode stands behind a name."""
    return _POSTCODE.match(text, end) is not None


def state_after(text: str, end: int, tables: Tables) -> re.Match[str] | None:
    """The state, county or country behind "City, "."""
    match = _NEXT.match(text, end)
    if match is None:
        return None
    if text[end] != ",":
        return match if match[1].partition(" ")[0].strip(".") in STATE_CODES else None
    low = match[1].lower().strip(".")
    head = low.partition(" ")[0]
    known = low in tables.states or low in tables.countries or head in tables.states or head in tables.countries
    return match if known or match[1].partition(" ")[0].strip(".") in STATE_CODES else None


def find_state(text: str, end: int, score: float, tables: Tables) -> Iterator[Span]:
    """The state, county or country behind "City, ", in the same breath."""
    match = state_after(text, end, tables)
    if match is None:
        return
    length = len(match[1])
    low = match[1].lower()
    if low not in tables.places and match[1] not in STATE_CODES:
        length = len(match[1].partition(" ")[0].rstrip("."))
    yield Span(match.start(1), match.start(1) + length, "LOCATION", score, "place_state")


def _is_no_place(token: Token) -> bool:
    return token.low in _NO_PLACES or (len(token.low) < 3 and not token.word.islower())
