"""Runs of capitalized words cut where no name goes on, without the words that begin none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunesmith.privacy.names.cues import CUED
from tunesmith.privacy.names.persons import LIKELY, likeness_of_person
from tunesmith.privacy.names.places import longest_place
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Token, is_sentence_start
from tunesmith.privacy.names.words import (
    ASIAN_SURNAMES,
    CALENDAR,
    GREETINGS,
    LANGUAGES,
    LEGAL_FORMS,
    NAMES_OF_MONTHS_AND_WILL,
    PLACE_BEGINNINGS,
    QUESTIONS,
    STATELY,
    TITLES,
)

_BEFORE_NAMES = TITLES | STATELY | GREETINGS
_GRAMMAR = QUESTIONS | CALENDAR
_ASIAN_GIVEN = frozenset(("an", "do", "so", "my", "no", "he", "you", "in", "on", "may"))


def find_segments(text: str, tokens: Sequence[Token], tables: Tables) -> Iterator[tuple[Sequence[Token], bool]]:
    """(words, whether a title stood before them) of each part of a run that may be a name."""
    if len(tokens) == 1:
        if tokens[0].low not in _GRAMMAR:
            yield tokens, False
        return
    current: list[Token] = []
    is_titled = False
    at = 0
    while at < len(tokens):
        length = longest_place(tokens, at, tables)
        if length > 1:
            current += tokens[at : at + length]
        elif not current and _is_before_name(tokens, at):
            is_titled = tokens[at].low not in STATELY
        elif _parts(tokens, at, current, tables):
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
    if tokens[at].low not in _BEFORE_NAMES:
        return False
    return at + 1 == len(tokens) or tokens[at + 1].low not in LEGAL_FORMS


def _parts(tokens: Sequence[Token], at: int, current: Sequence[Token], tables: Tables) -> bool:
    """Whether no name goes through a word: one of grammar or of the calendar, or a particle without a name."""
    token = tokens[at]
    if not current and token.word.islower():
        return True
    if token.low not in _GRAMMAR:
        return False
    if token.low in PLACE_BEGINNINGS and at + 1 < len(tokens):
        return False
    if current and current[0].low in ASIAN_SURNAMES and token.low in _ASIAN_GIVEN:
        return False
    is_initial = len(token.low) == 1 and bool(current)
    return not is_initial and not _is_month_name(tokens, at, tables)


def _is_month_name(tokens: Sequence[Token], at: int, tables: Tables) -> bool:
    """Whether "April", "June" or "Will" is a person here: a last name follows."""
    if tokens[at].low not in NAMES_OF_MONTHS_AND_WILL or at + 1 == len(tokens):
        return False
    following = tokens[at + 1].low
    return following in tables.last and following not in tables.ordinary


def _close(text: str, tokens: list[Token], is_titled: bool, tables: Tables) -> Iterator[tuple[Sequence[Token], bool]]:
    while tokens and tokens[-1].word.islower():
        tokens.pop()
    if tokens:
        yield _without_plain_start(text, tokens, tables), is_titled


def _without_plain_start(text: str, tokens: Sequence[Token], tables: Tables) -> Sequence[Token]:
    """ "Passenger Maria Lopez" without the word that is none of the name."""
    first = tokens[0].low
    if len(tokens) == 1 or tokens[1].word.islower() or first in PLACE_BEGINNINGS:
        return tokens
    if first not in LANGUAGES and (first not in tables.ordinary or first in tables.first):
        return tokens
    rest = tokens[1:]
    is_name = likeness_of_person(rest, tables) >= LIKELY
    return rest if is_name or (first in CUED and is_sentence_start(text, tokens[0].start)) else tokens
