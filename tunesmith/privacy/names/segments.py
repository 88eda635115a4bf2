"""Runs of capitalized words cut where no name goes on, without the words that begin none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunesmith.privacy.names.cues import CUED
from tunesmith.privacy.names.kinds import (
    ASIAN_SURNAME,
    BEFORE_NAME,
    FIRST,
    GRAMMAR,
    HEAD_OF,
    LANGUAGE,
    LAST,
    LEGAL,
    ORDINARY,
    OWNER,
    PLACE,
    PLACE_BEGINNING,
    PLACE_START,
    SMALL,
    STATELY,
)
from tunesmith.privacy.names.persons import LIKELY, likeness_of_person
from tunesmith.privacy.names.places import longest_place
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token, is_sentence_start, kinds_in
from tunesmith.privacy.names.words import NAMES_OF_MONTHS_AND_WILL, SIDES

_DIVIDING = PLACE_START | BEFORE_NAME | GRAMMAR | SMALL | OWNER
"""Without one of these a run is one segment."""
_ASIAN_GIVEN = frozenset(("an", "do", "so", "my", "no", "he", "you", "in", "on", "may"))
Segment = tuple[Sequence[Token], bool]
"""Words that may be a name, and whether a title stood before them."""


def find_segments(text: str, tokens: Sequence[Token], tables: Tables) -> Sequence[Segment]:
    """Each part of a run that may be a name."""
    if len(tokens) == 1:
        return () if tokens[0].kind & GRAMMAR else ((tokens, False),)
    if not kinds_in(tokens) & _DIVIDING:
        return ((_without_plain_start(text, tokens, tables), False),)
    return list(_divide(text, tokens, tables))


def _divide(text: str, tokens: Sequence[Token], tables: Tables) -> Iterator[Segment]:
    current: list[Token] = []
    is_titled = False
    at = 0
    while at < len(tokens):
        length = longest_place(tokens, at, tables)
        if length > 1:
            current += tokens[at : at + length]
        elif not current and _is_before_name(tokens, at):
            is_titled = not tokens[at].kind & STATELY
        elif _parts(tokens, at, current):
            yield from _close(text, current, is_titled, tables)
            current, is_titled = [], False
        else:
            current.append(tokens[at])
        at += max(1, length)
        if current and at < len(tokens) and tokens[at].start - current[-1].end > 1:  # "Maria's Toyota"
            yield from _close(text, current, is_titled, tables)
            current, is_titled = [], False
    yield from _close(text, current, is_titled, tables)


def _is_before_name(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word says that a name follows: Mr, Dear, King."""
    if not tokens[at].kind & BEFORE_NAME:
        return False
    return at + 1 == len(tokens) or not tokens[at + 1].kind & LEGAL


def _parts(tokens: Sequence[Token], at: int, current: Sequence[Token]) -> bool:
    """Whether no name goes through a word: one of grammar or of the calendar, or a particle without a name."""
    token = tokens[at]
    if not current and token.kind & SMALL:
        return True
    if not token.kind & GRAMMAR or _joins_head(tokens, at, current):
        return False
    if token.kind & PLACE_BEGINNING and at + 1 < len(tokens):
        return False
    if current and current[0].kind & ASIAN_SURNAME and token.low in _ASIAN_GIVEN:
        return False
    is_initial = len(token.low) == 1 and bool(current)
    return not is_initial and not _is_month_name(tokens, at)


def _joins_head(tokens: Sequence[Token], at: int, current: Sequence[Token]) -> bool:
    """Whether "of" goes on with a name such as "University of Leeds"."""
    return bool(current) and tokens[at].low == "of" and bool(current[-1].kind & HEAD_OF)


def _is_month_name(tokens: Sequence[Token], at: int) -> bool:
    """Whether "April", "June" or "Will" is a person here: a last name follows."""
    if tokens[at].low not in NAMES_OF_MONTHS_AND_WILL or at + 1 == len(tokens):
        return False
    return tokens[at + 1].kind & (LAST | ORDINARY) == LAST


def _close(text: str, tokens: list[Token], is_titled: bool, tables: Tables) -> Iterator[Segment]:
    while tokens and tokens[-1].kind & SMALL:
        tokens.pop()
    if tokens:
        yield _without_plain_start(text, tokens, tables), is_titled


def _without_plain_start(text: str, tokens: Sequence[Token], tables: Tables) -> Sequence[Token]:
    """ "Passenger Maria Lopez" without the word that is none of the name."""
    kind = tokens[0].kind
    if len(tokens) == 1 or tokens[1].kind & SMALL or kind & PLACE_BEGINNING:
        return tokens
    if not kind & LANGUAGE and kind & (ORDINARY | FIRST) != ORDINARY:
        return tokens
    rest = tokens[1:]
    if tokens[0].low in SIDES and tables.kinds.get(" ".join([token.low for token in rest]), 0) & PLACE:
        return rest
    is_name = likeness_of_person(rest, tables) >= LIKELY
    return rest if is_name or (tokens[0].low in CUED and is_sentence_start(text, tokens[0].start)) else tokens
