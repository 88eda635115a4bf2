"""What stands around a name says what it is: "my cousin X" a person, "live in X" a place, "work for X" an organization."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tunesmith.privacy.names import words
from tunesmith.privacy.names.tokens import Left, is_sentence_start, right_of


class Cues(NamedTuple):
    """How strongly the surroundings speak for each type: 0 not, 1 perhaps, 2 clearly, 3 no doubt."""

    person: int
    place: int
    organization: int

    def max(self, other: Cues) -> Cues:
        """Of each type the stronger."""
        if other is NONE:
            return self
        if self is NONE:
            return other
        return Cues(
            max(self.person, other.person), max(self.place, other.place), max(self.organization, other.organization)
        )


NONE = Cues(0, 0, 0)
TITLED = Cues(3, 0, 0)
POSSESSED = Cues(1, 0, 0)
POSSESSIVES = ("'s", "’s", "'", "’", "'S", "’S")
Phrases = dict[str, Cues]
_AGE = re.compile(r",? (?:\(?aged? )?\(?[1-9][0-9](?:\)|[,.;](?! ?\d)|$)|,? aged \d")
_LINE_END = re.compile(r"[ \t]*+(?:\n|$)")
_TEXT_END = re.compile(r"\s*+$")
_NUMBERED_LINE = re.compile(r"[ \t]*+\n[^\n\d]{0,24}\d")
_AUXILIARIES = frozenset(("is", "was", "has", "are", "were"))
_DONE = re.compile(r" (?:is|was|has|are|were) (?:been |just |now |also |still |currently |recently )?([a-z]+)\b")
_NUMBER_OF_A_DAY = re.compile(r"[ .]{1,2}(?:the )?[0-3]?[0-9]\b")


def _phrases(*, person: Iterable = (), place: Iterable = (), organization: Iterable = ()) -> Phrases:
    """One table out of pairs (strength, phrases) of each type; what speaks for several types speaks for all of them."""
    table: Phrases = {}
    for type_, groups in enumerate((person, place, organization)):
        for strength, phrases in groups:
            for phrase in phrases:
                levels = list(table.get(phrase, NONE))
                levels[type_] = max(levels[type_], strength)
                table[phrase] = Cues(*levels)
    return table


BEFORE = _phrases(
    person=(
        (3, words.NAMING),
        (3, words.TITLES),
        (3, words.SELF),
        (3, words.GREETINGS),
        (2, words.REACHING | words.REACHING_PAIRS | words.KIN),
        (1, words.WEAK_LEFT),
    ),
    place=((3, words.RESIDENCE), (2, words.PREPOSITIONS), (1, words.WEAK_PREPOSITIONS)),
    organization=(
        (3, words.WORKING),
        (2, words.TRADING_LEFT | words.EMPLOYERS | words.ORGANIZATION_PREPOSITIONS),
        (1, words.WEAK_ORGANIZATION_LEFT),
    ),
)
"""Words right before a name; the longest phrase decides."""
LABELS = _phrases(
    person=((3, words.LABELS),), place=((3, words.PLACE_LABELS),), organization=((3, words.ORGANIZATION_LABELS),)
)
AFTER = _phrases(
    person=((2, words.SAYING), (1, words.DOING)),
    place=((1, words.PLACE_AFTER),),
    organization=((2, words.TRADING), (1, words.TRADING_OR_SAYING)),
)
OWNED = _phrases(
    person=((2, words.BELONGINGS),), place=((1, words.PLACE_OWNED),), organization=((3, words.BUSINESS_OWNED),)
)
"""Words behind "'s"."""
CUED = frozenset(phrase.rpartition(" ")[2] for phrase in BEFORE) | LABELS.keys() | words.CLOSINGS
"""The last word before a name may speak for it only if it is one of these."""
FOLLOWED = AFTER.keys() | {"'s", "’s"}


def cues_before(left: Left) -> Cues:
    """What the words before a name say."""
    mark = left.mark
    if not mark and left.one not in CUED:
        return NONE
    if mark == ":":
        if left.one in words.NAMING:
            return Cues(3, 0, 0)
        return LABELS.get(left.three) or LABELS.get(left.two) or LABELS.get(left.one) or NONE
    if left.one in words.CLOSINGS and (mark in (",", "!", ".") or left.is_new_line):
        return Cues(3 if left.is_new_line or left.one in words.SURE_CLOSINGS else 2, 0, 0)
    if mark in (",", "("):
        return _after_comma(left)
    if mark == "." and left.one in words.TITLES and left.one not in words.GREETINGS:
        return Cues(3, 0, 0)
    if mark in ("'", '"', "“", "*") and left.one in words.NAMED_AS:
        return Cues(3, 0, 0)
    if mark:
        return NONE
    found = BEFORE.get(left.three) or BEFORE.get(left.two) or BEFORE.get(left.one)
    if found is None:
        return NONE
    if left.one in words.KIN or left.one in words.EMPLOYERS:
        return _owned(left, found)
    return found


def _after_comma(left: Left) -> Cues:
    """ "Thanks, X", "my cousin, X", "our supplier, X"; any other comma separates."""
    if left.one in words.GREETINGS:
        return Cues(2, 0, 0)
    if left.one in words.KIN or left.one in words.EMPLOYERS:
        return _owned(left, BEFORE[left.one])
    return NONE


def _owned(left: Left, found: Cues) -> Cues:
    """ "my boss X" leaves no doubt, "the boss X" is clear, "boss X" may be."""
    owner = left.two.partition(" ")[0]
    change = 1 if owner in words.FIRST_PERSON_OWN else 0 if owner in words.OWN or owner in ("the", "a", "an") else -1
    return Cues(*(strength and strength + change for strength in found))


def cues_after(text: str, end: int) -> Cues:
    """What the words behind a name say: what it does, what it owns, how old it is."""
    attached, word = right_of(text, end)
    if attached in POSSESSIVES:
        return OWNED.get(word, POSSESSED)
    if attached == " ":
        found = AFTER.get(word, NONE)
        if word in _AUXILIARIES and (done := _DONE.match(text, end)) is not None and done[1] in words.TRADING_DONE:
            return Cues(found.person, 0, 2)
        if found.person < 2 and _AGE.match(text, end):
            return found.max(Cues(2, 0, 0))
        return found
    if attached[:1] in (",", "(") and _AGE.match(text, end):
        return Cues(2, 0, 0)
    return NONE


def cues_of_line(text: str, start: int, end: int, left: Left) -> Cues:
    """What the place in the line says where no word does: "Maria, could you", "…, Maria?", "Maria: yes", a
    signature, a letterhead."""
    following = text[end : end + 1]
    if following == "," and (left.mark == "," or is_sentence_start(text, start)):
        return Cues(1, 0, 0)
    if left.mark == "," and following in ("?", "!", "."):
        return Cues(1, 0, 0)
    if following == ":" and left.is_new_line:
        return Cues(1, 0, 0)
    if left.mark in ("", ":") and not left.is_new_line or _LINE_END.match(text, end) is None:
        return NONE
    if start > 0 and _TEXT_END.match(text, end) is not None:
        return Cues(2, 2, 0)
    return Cues(1, 0, 2) if _NUMBERED_LINE.match(text, end) is not None else NONE


def is_date(text: str, end: int) -> bool:
    """Whether a number of a day or year stands behind ("June 5")."""
    return _NUMBER_OF_A_DAY.match(text, end) is not None
