"""Made-up names to stand for real ones, from faker's tables: rare ones, so that they hardly meet a real name in a text.

For Latin letters a name is taken that stands in one table only (Anna and Weber stand in many): about 4,000 first names
of women, 3,500 of men, and 7,000 last names with the endings that last names have, which makes 60,000, so that two persons
hardly ever share one. Other scripts use the table of their commonest language. The tables are in
a fixed order; another version of faker may hold others, so its version is a part of what a surrogate rests on.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from tunesmith.privacy.names.tables import load_tables
from tunesmith.privacy.names.words import AMBIGUOUS
from tunesmith.privacy.people import fold

LATIN = (
    "en_US en_GB en_IE en_NZ en de_DE de_AT de_CH fr_FR fr_CH es_ES es_MX it_IT nl_NL nl_BE sv_SE no_NO da_DK fi_FI pt_PT"
    " pt_BR ro_RO hr_HR sl_SI pl_PL cs_CZ et_EE hu_HU tr_TR"
)
# Script (the first word of a character's Unicode name) → faker's locale.
LOCALES = {
    "CYRILLIC": "ru_RU",
    "GREEK": "el_GR",
    "ARABIC": "ar_AA",
    "HEBREW": "he_IL",
    "CJK": "zh_CN",
    "HIRAGANA": "ja_JP",
    "KATAKANA": "ja_JP",
    "HANGUL": "ko_KR",
    "DEVANAGARI": "hi_IN",
    "THAI": "th_TH",
    "GEORGIAN": "ka_GE",
    "ARMENIAN": "hy_AM",
    "BENGALI": "bn_BD",
    "TAMIL": "ta_IN",
}
ENDINGS = ("sen", "son", "er", "man", "ini", "ell", "ley", "ton")
_PLAIN = re.compile(r"[A-Z][a-z]{3,10}")


@dataclass(frozen=True)
class FakeNames:
    """Names to choose from, sorted; and which real names are women's and men's first names (folded); one
    that as many tables have as a last name ("Smith") is none."""

    female: Sequence[str]
    male: Sequence[str]
    last: Sequence[str]
    known_female: frozenset[str]
    known_male: frozenset[str]

    def pool(self, key: str) -> Sequence[str]:
        """Where the fake for a word of a name comes from: the word alone decides, never what stands beside it."""
        is_female, is_male = key in self.known_female, key in self.known_male
        if is_female and is_male:  # both: by the ending, as most languages tell it
            return self.female if key.endswith(("a", "e", "i", "y")) else self.male
        return self.female if is_female else self.male if is_male else self.last


@cache
def load_fake_names(script: str) -> FakeNames:
    """The names of a script; those in Latin letters for one that has no table."""
    locales = [LOCALES[script]] if script in LOCALES else LATIN.split()
    tables = [importlib.import_module(f"faker.providers.person.{locale}").Provider for locale in locales]
    female = Counter(name for table in tables for name in set(_names(table, "first", "female")))
    male = Counter(name for table in tables for name in set(_names(table, "first", "male")))
    last = Counter(name for table in tables for name in set(_names(table, "last", "")))
    if script in LOCALES:
        pools = [sorted(names) for names in (female, male, last)]
    else:
        several = {name for names in (female, male, last) for name, count in names.items() if count > 1}
        several |= (female.keys() & male.keys()) | ((female.keys() | male.keys()) & last.keys())
        pools = [
            sorted(n for n in names if n not in several and _PLAIN.fullmatch(n) and fold(n) not in AMBIGUOUS)
            for names in (female, male, last)
        ]
        pools[2] = _with_endings(pools[2], last.keys() | female.keys() | male.keys())
    known = [frozenset(fold(name) for name in names if names[name] > last[name]) for names in (female, male)]
    return FakeNames(*pools, *known)


@cache
def load_fake_places(kind: Literal["country", "state", "town"]) -> Sequence[str]:
    """Other countries for countries, states for states, and small towns for everything else."""
    tables = load_tables()
    if kind != "town":
        return sorted(name.title() for name in (tables.countries if kind == "country" else tables.states))
    known = tables.large | tables.countries | tables.states | tables.first | tables.last | AMBIGUOUS
    return sorted(name.title() for name in tables.places - known if re.fullmatch("[a-z]{5,11}", name))


def _with_endings(names: Sequence[str], known: Collection[str]) -> list[str]:
    """The names, and each with every ending where that is nobody's name yet."""
    stems = {name.rstrip("aeiouy") for name in names if len(name) < 9}
    made = {stem + ending for stem in stems for ending in ENDINGS if stem[-1:] != ending[0]}
    return sorted({*names, *(made - set(known))})


def _names(table: Any, part: str, gender: str) -> Iterable[str]:
    """The names of a table of faker's: lists and weighted dictionaries under several attributes."""
    for attribute in sorted(vars(table)):
        if not attribute.startswith(f"{part}_name") or (gender and not attribute.endswith(f"_{gender}")):
            continue
        value = getattr(table, attribute)
        for entry in value if isinstance(value, tuple | list | dict | set) else ():
            name = entry if isinstance(entry, str) else entry[0]
            if name and " " not in name and "-" not in name:
                yield name
