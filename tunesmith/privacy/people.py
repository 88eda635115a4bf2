"""Names of persons taken apart: which words of "Dr. Anna van der Berg's" name somebody, and who of a record is who."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from tunesmith.privacy.dates import read_date
from tunesmith.privacy.names import words
from tunesmith.privacy.names.tables import load_tables

TITLES = words.TITLES | words.STATELY
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
POSSESSIVE = re.compile(r"['’][sS]?$")
# Written without spaces between words: a name begins and ends wherever it begins and ends.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a name: where it stands in the value, what it says (folded), and whether it tells who is meant."""

    start: int
    end: int
    key: str
    kind: str  # name, initial, title, particle or suffix


def fold(word: str) -> str:
    """A word as it is compared: without case, accents and a possessive ending."""
    plain = unicodedata.normalize("NFKD", POSSESSIVE.sub("", unicodedata.normalize("NFKC", word).casefold()))
    return "".join(character for character in plain if not unicodedata.combining(character)).replace("’", "'")


def split_name(value: str) -> list[Word]:
    """The words of a name in order. Where nothing would name anybody ("Sir", "Baby"), every word does."""
    found = [Word(m.start(), _end(m), fold(m[0]), "name") for m in WORD.finditer(value)]
    kinds = [_kind(word, value, number, len(found)) for number, word in enumerate(found)]
    if "name" not in kinds:
        kinds = ["name" if kind != "initial" or len(found) == 1 else kind for kind in kinds]
    return [Word(word.start, word.end, word.key, kind) for word, kind in zip(found, kinds)]


def _end(match: re.Match[str]) -> int:
    return match.start() + len(POSSESSIVE.sub("", match[0]))


def _kind(word: Word, value: str, number: int, count: int) -> str:
    if len(word.key) == 1 and not UNSPACED.match(word.key):
        return "initial"
    if word.key in TITLES and number < count - 1:
        return "title"
    if word.key in words.PARTICLES and count > 1 and not value[word.start].isupper():
        return "particle"
    if word.key in words.SUFFIXES and number == count - 1 and number > 0:
        return "suffix"
    return "name"


def name_keys(value: str) -> tuple[str, ...]:
    """The folded words that tell who is meant."""
    return tuple(word.key for word in split_name(value) if word.kind == "name")


def is_ordinary(key: str) -> bool:
    """Whether a name's word is also a word that stands capitalized in texts for other reasons."""
    return key in words.AMBIGUOUS or key in words.NOT_A_NAME or key in words.CALENDAR or key in load_tables().ordinary


def is_known_name(key: str) -> bool:
    """Whether the tables know the word as somebody's first or last name."""
    tables = load_tables()
    return key in tables.first or key in tables.last


def is_well_known_place(value: str) -> bool:
    """Whether it is a country, a state, a capital or a city above a million."""
    tables, key = load_tables(), value.lower()
    return key in tables.countries or key in tables.large or key in tables.states


class People:
    """Who of a record is who: "Dr. Anna Weber", "Weber" and "anna" are one person, "Bob Weber" another.

    A word that fits several persons stands for the one who is named first.
    """

    def __init__(self, values: Iterable[str]):
        keys = list(dict.fromkeys(name_keys(value) for value in values))
        self._people: list[frozenset[str]] = []
        self._with_word: dict[str, list[int]] = {}
        for named in sorted(keys, key=len, reverse=True):  # sorted() keeps the order of appearance among equals
            if self._find(named) is None:
                for key in set(named) or {""}:
                    self._with_word.setdefault(key, []).append(len(self._people))
                self._people.append(frozenset(named))

    def who(self, value: str) -> int:
        """The number of the person that a value names. The value must be one of those the record holds."""
        found = self._find(name_keys(value))
        assert found is not None, "a value of another record"
        return found

    def _find(self, named: tuple[str, ...]) -> int | None:
        candidates = min((self._with_word.get(key, []) for key in named or ("",)), key=len)
        return next((number for number in candidates if self._people[number].issuperset(named)), None)


def identity(type_: str, value: str) -> str:
    """What two ways of writing the same value share: its letters and digits, folded. Of a telephone number the last nine
    digits, so that it is the same with and without the country's code; of a date of birth the day that is meant."""
    bare = "".join(character for character in fold(value) if character.isalnum())
    if type_ == "DATE_OF_BIRTH" and (date := read_date(value)) is not None:
        return "{}-{}-{}".format(*date)
    if type_ != "PHONE_NUMBER":
        return bare or value
    digits = "".join(str(unicodedata.digit(character)) for character in bare if character.isdigit())
    return digits[-9:] or value
