"""What some capitalized words are: the type whose likeness and cues weigh most, with a score by the tone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from tunesmith.privacy.names.cues import (
    NONE,
    POSSESSIVES,
    TITLED,
    Cues,
    cues_after,
    cues_before,
    cues_of_line,
    is_date,
)
from tunesmith.privacy.names.kinds import COUNTRY, FAMOUS, FIRST, GRAMMAR, KNOWN_THING, LARGE, LAST, SMALL, STATE
from tunesmith.privacy.names.organizations import likeness_of_organization
from tunesmith.privacy.names.persons import MAYBE, NO, SURE, is_weak, likeness_of_person
from tunesmith.privacy.names.places import find_state, has_postcode, likeness_of_place, state_after
from tunesmith.privacy.names.tables import Tables
from tunesmith.privacy.names.tokens import Left, Token, is_sentence_start, kinds_in, left_of, start_with_particles
from tunesmith.privacy.names.tone import Tone, is_famed
from tunesmith.privacy.names.words import ARTICLES, CALENDAR
from tunesmith.privacy.spans import Span

PERSON, LOCATION, ORGANIZATION = range(3)
_TYPES = ("PERSON", "LOCATION", "ORGANIZATION")
# By the sum of likeness and cue: (private, plain, neutral, encyclopedic). Below 0.5 a name stays in the text.
_SCORES = (
    (0.0, 0.0, 0.0, 0.0),
    (0.5, 0.5, 0.2, 0.1),
    (0.6, 0.5, 0.5, 0.15),
    (0.75, 0.65, 0.55, 0.3),
    (0.8, 0.75, 0.7, 0.35),
    (0.84, 0.84, 0.8, 0.45),
    (0.84, 0.84, 0.84, 0.6),
)
_LEGAL = 4
# Endings of English words: what no table knows and ends so is hardly a name.
_DERIVED = re.compile(
    "(?:ly|tions?|sions?|ness|ments?|ities|ity|ings?|isms?|ists?|ics?|ology|ologies|ers|ives?|ous|able|ible|als?|less|ful"
    "|ware|ships?|graphy|metry|phyll|cycles?|ized?|ising|izing|ians?|ese|s)$"
)
_VERB = re.compile(r"(?:,? [A-Z][\w-]+)? (?:[a-z]{2,}ed|[a-z]{2,}[^s]s|and (?:I|[A-Z][a-z]+))\b")


def judge(text: str, tokens: Sequence[Token], is_titled: bool, tone: Tone, tables: Tables) -> Iterator[Span]:
    """The name that the words are, if they are one."""
    organization, *there = likeness_of_organization(text, tokens, tables)
    left = left_of(text, tokens[0].start)
    cues = TITLED if is_titled else cues_before(left)
    if organization == SURE:
        yield _span(*there, ORGANIZATION, organization, _LEGAL + (cues.organization > 0) - SURE, tone)
        return
    name = " ".join([token.low for token in tokens])
    kind = tokens[0].kind if len(tokens) == 1 else tables.kinds.get(name, 0)
    likeness = (likeness_of_person(tokens, tables), likeness_of_place(tokens, kind), organization)
    if likeness == (NO, NO, NO):
        return
    cues = _all_cues(text, tokens, likeness[LOCATION] and not kind & (COUNTRY | STATE), left, cues, there[1], tables)
    best = _best(likeness, cues, is_known=bool(kinds_in(tokens) & (FIRST | LAST)))
    like, cue = likeness[best], cues[best]
    is_namesake = len(tokens) > 1 and tone is Tone.PRIVATE and tokens[0].kind & FIRST
    if cue < 3 and (kind & (KNOWN_THING | FAMOUS) or (tokens[-1].kind & FAMOUS and not is_namesake)):
        return
    if like == MAYBE and cue < 2 and not _is_stranger(text, tokens, cue, left):
        return
    if best == LOCATION:
        yield from _place(text, tokens, kind, like, cue, tone, tables)
    elif best == ORGANIZATION:
        yield _span(*there, best, like, cue, tone)
    else:
        yield from _person(text, tokens, like, cue, cues is NONE, left, tone)


def _all_cues(
    text: str,
    tokens: Sequence[Token],
    is_town: bool,
    left: Left,
    before: Cues,
    end_of_organization: int,
    tables: Tables,
) -> Cues:
    """What all that stands around the words says; ``is_town``: they may be a city."""
    end = tokens[-1].end
    after = cues_after(text, end)
    if before.place > 1 and after.place == 0 and text.startswith(POSSESSIVES, end):
        before = before._replace(place=1)
    if end != end_of_organization:
        after = cues_after(text, end_of_organization)
    elif after is NONE and before is NONE:
        after = cues_of_line(text, tokens[0].start, end, left)
    cues = before.max(after)
    if not is_town or cues.place == 3 or text[end : end + 1] not in (" ", ","):
        return cues
    return cues._replace(place=3) if state_after(text, end, tables) or has_postcode(text, end) else cues


def _best(likeness: tuple[int, int, int], cues: Cues, *, is_known: bool) -> int:
    """The type with the highest sum, of equal ones the likelier; then persons first where the name is one of the tables,
    which hold most of them, or nothing speaks for an organization."""
    best, most = PERSON, (-1, -1)
    order = (PERSON, LOCATION, ORGANIZATION) if is_known or not cues.organization else (LOCATION, ORGANIZATION, PERSON)
    for at in order:
        like = likeness[at]
        if like and (like + cues[at], like) > most:
            best, most = at, (like + cues[at], like)
    return best


def _span(start: int, end: int, type_: int, like: int, cue: int, tone: Tone) -> Span:
    score = _SCORES[min(like + cue, len(_SCORES) - 1)][tone]
    return Span(start, end, _TYPES[type_], score, _rule(type_, like, cue))


@cache
def _rule(type_: int, like: int, cue: int) -> str:
    """The name of what found a span; there are some forty."""
    return f"{_TYPES[type_].lower()}_{like}{cue}"


def _person(
    text: str, tokens: Sequence[Token], like: int, cue: int, is_bare: bool, left: Left, tone: Tone
) -> Iterator[Span]:
    start, end = start_with_particles(text, tokens[0].start), tokens[-1].end
    if tokens[0].kind & GRAMMAR and tokens[0].low in CALENDAR and is_date(text, end):
        return
    if tone in (Tone.PLAIN, Tone.NEUTRAL) and cue < 3 and is_famed(text, start, end, left):
        tone = Tone(tone + 1)
    if is_bare and like < SURE and len(tokens) > 1 and tone is not Tone.PRIVATE:
        like -= 1
    yield _span(start, end, PERSON, like, cue, tone)


def _place(
    text: str, tokens: Sequence[Token], kind: int, like: int, cue: int, tone: Tone, tables: Tables
) -> Iterator[Span]:
    """A place; what everybody knows is private only where a person speaks of herself, or lives there."""
    start, end = tokens[0].start, tokens[-1].end
    if text.startswith("-", end):
        return
    if kind & LARGE and (cue < 3 or tone is Tone.NEUTRAL):
        like = like - 1 if tone is Tone.PRIVATE or (tone is Tone.PLAIN and cue == 2) else 1 - cue
    elif tone is Tone.NEUTRAL:
        like -= 1
    span = _span(start, end, LOCATION, like, cue, tone)
    yield span
    if cue == 3:
        yield from find_state(text, end, span.score, tables)


def _is_stranger(text: str, tokens: Sequence[Token], cue: int, left: Left) -> bool:
    """Whether words that hardly a cue speaks for are a name all the same: capitals inside a sentence, no known word."""
    is_start = is_sentence_start(text, tokens[0].start)
    if cue == 0:
        if left.one in ARTICLES or left.mark not in ("", ","):
            return False
        if is_start and _VERB.match(text, tokens[-1].end) is None:
            return False
    return all(token.kind & SMALL or _is_strange(token, is_start) for token in tokens)


def _is_strange(token: Token, is_start: bool) -> bool:
    if len(token.word) < 3 or not token.word[1:].islower():
        return False
    if not is_start and token.kind & (FIRST | KNOWN_THING) == FIRST:
        return True
    return not is_weak(token) and _DERIVED.search(token.low) is None
