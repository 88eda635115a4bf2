"""Whether capitalized words can be the name of a place, by the tables and by the looks of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tunesmith.privacy.names.kinds import (
    AMBIGUOUS,
    FIRST,
    LARGE,
    LAST,
    NO_PLACE,
    ORDINARY,
    PLACE,
    PLACE_BEGINNING,
    PLACE_HEAD,
    PLACE_START,
    SMALL,
)
from tunesmith.privacy.names.persons import LIKELY, MAYBE, NO
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token
from tunesmith.privacy.names.words import STATE_CODES
from tunesmith.privacy.spans import Span

MAX_WORDS = 5
_NEXT = re.compile(r",? ([A-Z][\w.]*(?: [A-Z][\w]+){0,2})")
_POSTCODE = re.compile(r",? [A-Z]{0,2} ?-?[0-9]{4,6}\b")


def likeness_of_place(tokens: Sequence[Token], kind: int) -> int:
    """`LIKELY` for a place of the tables that is nobody's name, `MAYBE` for other words that could be one.

    ``kind`` is what the words together are known as.
    """
    if kind & PLACE:
        is_name = len(tokens) == 1 and kind & (FIRST | LAST) and not kind & LARGE
        return MAYBE if is_name or kind & AMBIGUOUS else LIKELY
    if len(tokens) > MAX_WORDS:
        return NO
    for token in tokens:
        if token.kind & NO_PLACE or (len(token.low) < 3 and not token.kind & SMALL):
            return NO
    first, last = tokens[0].kind, tokens[-1].kind
    if len(tokens) > 1:
        if first & PLACE_BEGINNING:
            return LIKELY
        if last & PLACE_HEAD:
            return MAYBE
    is_name = first & FIRST and (not first & PLACE or len(tokens) > 1)
    if is_name or (first | last) & ORDINARY:
        return NO
    return NO if _is_abbreviation(tokens) else MAYBE


def _is_abbreviation(tokens: Sequence[Token]) -> bool:
    """Up to four capital letters, spaces included."""
    return sum([len(token.low) + 1 for token in tokens]) < 6 and all(token.word.isupper() for token in tokens)


def longest_place(tokens: Sequence[Token], position: int, tables: Tables) -> int:
    """How many words from ``position`` on name a place of the tables; 0 where they name none."""
    kind = tokens[position].kind
    if kind & PLACE_START:
        for length in range(min(MAX_WORDS, len(tokens) - position), 1, -1):
            if " ".join([token.low for token in tokens[position : position + length]]) in tables.places:
                return length
    return int(kind & PLACE > 0)


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
