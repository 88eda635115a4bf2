"""The parts of a postal address around its street: units, boxes, cities, postal codes, regions, countries.

They are read one after the other, over commas, dashes and line ends. What is read counts as far as the last sure part: a
postal code with its city, a country, a unit; words with capitals alone are not (they may begin another sentence).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tunesmith.privacy.names.tables import load_tables
from tunesmith.privacy.recognizers.address_words import (
    BOXES,
    CITY_WORDS,
    HOUSES,
    STRICT_UNIT_WORDS,
    UNIT_WORDS,
    countries,
    region_codes,
    regions,
)
from tunesmith.privacy.recognizers.page import WORD, Page, latin

_UPPER, _LETTER = "A-ZÀ-ÖØ-Þ", "A-Za-zÀ-ÖØ-öø-ÿ"
_END = rf"(?![{_LETTER}0-9])"
_CODE_LABEL = r"(?:(?:C\.?P\.?|T\.?K\.?|ÞÞ|CEP|PLZ|PIN(?: ?[Cc]ode)?|[Pp]incode|[Zz]ip(?: ?[Cc]ode)?|[Pp]ostal [Cc]ode|[Pp]ost ?code):? ?)?"
_POSTCODE = (
    r"(?:[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z][ -]?[0-9][A-Z][0-9]|[A-Z][0-9]{2} ?[A-Z0-9]{4}|[A-Z][0-9]{4}[A-Z]{3}|"
    r"[0-9]{5}-[0-9]{3,4}|[0-9]{7}|[0-9]{4}-[0-9]{3}|[0-9]{2}[-.][0-9]{3}(?:-[0-9]{3})?|[0-9]{3}-[0-9]{4}|[0-9]{4} ?[A-Z]{2}|[0-9]{3} [0-9]{2,3}|"
    r"(?:[A-Z]{1,3}[ -])?[0-9]{4,6}|[0-9]{8})"
)
_UNIT_VALUE = r"(?:[0-9]{1,5}[A-Za-z]?(?:[-/][0-9A-Za-z]{1,4})?|[A-Z][0-9]{0,3})"
UNIT = (
    rf"(?:(?i:{UNIT_WORDS})\.?:? ?(?:n[º°o.]\.? ?|No\.? ?|Nr\.? ?|# ?)?{_UNIT_VALUE}|# ?[0-9]{{1,5}}[A-Za-z]?|"
    rf"[0-9]{{1,3}}(?:st|nd|rd|th) [Ff]loor|[0-9]{{1,2}}[ºª°](?: ?[A-Z]{{1,3}})?|[0-9]{{1,2}}\. ?(?:OG|Stock|[ée]tage|emelet|em|sal|th|tv)|"
    r"(?:Ground|First|Second|Third|Top) [Ff]loor)"
)
STRICT_UNIT = rf"(?:(?i:{STRICT_UNIT_WORDS})\.?:? ?#? ?{_UNIT_VALUE}|# ?[0-9]{{1,5}}[A-Za-z]?)"
BOX = (
    rf"(?:(?:(?i:{BOXES})|B\.?P\.?|C\.?P\.?|R\.R\.) ?(?:#|[Nn][o°º]\.?|[Nn]r\.?)? ?[0-9]{{1,7}}(?:[ -][0-9]{{2,4}})?|"
    r"(?:PSC|CMR|HC|RR|Unit) [0-9]{1,5},? [Bb]ox [0-9]{1,6})"
)
_WORD = rf"(?:[{_UPPER}][a-z]{{1,2}}\.(?= ?[{_UPPER}])|[{_UPPER}][{_LETTER}']{{0,24}}(?:-[a-z]{{2,4}}(?![{_LETTER}]))?)"
PHRASE = rf"(?:(?:d[aeo]s?|l[ae]s?|el|los) )?{_WORD}(?:(?:[ -]{{1,2}}|')(?:{CITY_WORDS}[ -]){{0,2}}{_WORD}){{0,5}}"
_SEPARATOR = re.compile(
    r"\)?(?P<apart>\.? ?[,;] ?(?:\n|\\n)?[ >]*(?:, *)?|\.? *(?:\r?\n|\\n)[ \t>]*(?:, *)?(?!\n)| +[-/] +| ?\(|/(?=[A-ZÀ-Þ]))|\)?(?P<beside> +)|-(?=[0-9]{5})"
)
_PARTS = tuple(
    (name, re.compile(rf"(?P<part>{pattern}){_END}"))
    for name, pattern in (
        ("box", BOX),
        ("unit", STRICT_UNIT),
        ("region code", rf"(?:[A-Z]{{2,5}}|[A-Z]\. ?[A-Z]{{2,4}})\.?,? +{_CODE_LABEL}{_POSTCODE}"),
        ("code", _CODE_LABEL + _POSTCODE + "(?! ?[0-9])"),
        ("unit", UNIT),
        ("door", r"[0-9]{1,4}[A-Za-z]?(?= *(?:[,\n]|$))"),
        ("words", PHRASE),
    )
)
_AFTER_CITY = re.compile(r" [0-9]{1,2}(?= *(?:[,.\n)]|$))")
_LETTERED = re.compile(
    r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[A-Z][0-9]{2} ?[A-Z0-9]{4}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"
)
_PROVINCE = re.compile(r" ?\([A-Z]{2}\)")
_STRICT = re.compile(STRICT_UNIT)
_WINDOW, _MAX_PARTS = 200, 10
_REGION = re.compile(
    r"(?:regi[óo]n|provincia|estado|departamento|county|province|jude[țþ]ul|jud\.?|kab\.?|co\.?|kreis) \S"
)
_LABEL = re.compile(r" ?:")
# What may come after a city that no table knows.
_ENDS = re.compile(
    r"(?:$|[^\w ]| [^\w]| (?:and|before|by|on|in|to|for|from|with|is|are|was|at|or|the|if|when|since|until|where|that|as|we|i|hier|ist|und|est|et)\b)"
)


class Lines(NamedTuple):
    """Where the address ends, what proves it (``unit``, ``code``, ``box``, ``country``, ``region``), and whether a
    word with a capital follows the street without any sign between, so that it may be the name of something else.

    ``towns`` are named behind the address with no code, region or country: places by themselves, and no part of it."""

    end: int
    proof: frozenset[str]
    follows_capital: bool
    towns: tuple[tuple[int, int], ...] = ()


def read_lines(page: Page, start: int, *, is_free: bool) -> Lines:
    """The parts after a street that ends at ``start``; ``is_free`` where the street is only capital words and a number."""
    reader = _Reader(page, start, is_free)
    for _ in range(_MAX_PARTS):
        if not reader.read():
            break
    window = reader.window
    follows_capital = window[:1] == " " and window[1:2].isupper()
    towns = tuple((start + first, start + end) for first, end in reader.towns())
    return Lines(start + reader.sure, frozenset(reader.proof), follows_capital, towns)


class _Reader:
    """Reads part by part; ``sure`` is where the last sure part ended."""

    def __init__(self, page: Page, start: int, is_free: bool):
        self.page, self.start, self.is_free = page, start, is_free
        self.window = page.said(start, start + _WINDOW)
        self.at = self.sure = 0
        self.before = "core"
        self.proof: set[str] = set()
        self.num_cities = 0
        self.pending: list[tuple[int, int]] = []

    def read(self) -> bool:
        """Read one more part; False where none follows."""
        separator = _SEPARATOR.match(self.window, self.at)
        if separator is None or separator.end() >= len(self.window):
            return False
        is_apart = separator["beside"] is None
        for name, pattern in _PARTS:
            match = pattern.match(self.window, separator.end())
            if match is not None and self._take(name, match, is_apart):
                return True
        return False

    def towns(self) -> Iterator[tuple[int, int]]:
        """The cities that stand right behind the last sure part."""
        if self.is_free and not self.proof:
            return
        for number, city in enumerate(city for city in self.pending if city[0] >= self.sure):
            is_known = self._original(*city).lower() in load_tables().places
            if not is_known and (number > 0 or not self._stands_alone(*city)):
                return
            yield city

    def _stands_alone(self, start: int, end: int) -> bool:
        """Whether the words are set apart from the street, and nothing follows that they could belong to."""
        before = self.window[:start].rstrip(" >")[-1:]
        return before in (",", ";", "\n", "-", "/") and _ENDS.match(self.window, end) is not None

    def _original(self, start: int, end: int) -> str:
        return self.page.text[slice(*self.page.place(self.start + start, self.start + end))]

    def _take(self, name: str, match: re.Match[str], is_apart: bool) -> bool:
        start, end = match.span("part")
        take = getattr(self, f"_take_{name.replace(' ', '_')}")
        return take(start, end, is_apart)

    def _go_on(self, name: str, end: int, *, proof: str = "", is_sure: bool = True) -> bool:
        self.at, self.before = end, name
        if is_sure:
            self.sure = end
        if proof:
            self.proof.add(proof)
        return True

    def _take_box(self, start: int, end: int, is_apart: bool) -> bool:
        return self._go_on("box", end, proof="box")

    def _take_unit(self, start: int, end: int, is_apart: bool) -> bool:
        is_strict = _STRICT.match(self.window, start) is not None
        if self.is_free and self.before == "core" and not is_strict:
            return False
        return self._go_on("unit", end, proof="unit" if is_strict else "")

    def _take_door(self, start: int, end: int, is_apart: bool) -> bool:
        return self.before == "core" and not is_apart and not self.is_free and self._go_on("unit", end)

    def _take_region_code(self, start: int, end: int, is_apart: bool) -> bool:
        is_known = re.split(r"[ ,]", self.window[start:end])[0].rstrip(".") in region_codes()
        if not is_known and self.before not in ("city", "unit") and not is_apart:
            return False
        return self._go_on("code", end, proof="code")

    def _take_code(self, start: int, end: int, is_apart: bool) -> bool:
        if not self._is_code(start, end, is_apart):
            return False
        needs_city = self.is_free and self.before == "core"
        return self._go_on(
            "bare code" if needs_city else "code", end, proof="" if needs_city else "code", is_sure=not needs_city
        )

    def _is_code(self, start: int, end: int, is_apart: bool) -> bool:
        said = self.window[start:end]
        if self.before in ("code", "bare code", "city after code") or (
            self.before == "core" and not (is_apart or _LETTERED.fullmatch(said))
        ):
            return False
        is_before_city = re.match(r" [A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]", self.window[end : end + 3]) is not None
        is_year = said.isdigit() and len(said) == 4 and "1700" <= said <= "2035"
        if is_year:
            return (is_apart and is_before_city and not self.is_free) or bool(self.proof) or self.before == "region"
        is_short = said.isdigit() and len(said) == 4
        if self.is_free and re.fullmatch(r"[A-Z]+[0-9]{2,}[A-Z]{2}", said):  # a model: CB500XA
            return False
        return not is_short or is_before_city or not self.is_free or bool(self.proof)

    def _take_words(self, start: int, end: int, is_apart: bool) -> bool:
        if _LABEL.match(self.window, end):
            return False
        kind, end = self._kind_of(start, end)
        if kind == "country":
            return self._take_country(end, is_apart)
        if kind == "region":
            is_right = self.before in ("city", "city after code", "code", "unit") or (
                is_apart and self.before == "core" and not self.is_free
            )
            return is_right and self._go_on("region", end, is_sure=not self.is_free or bool(self.proof), proof="region")
        return self._take_city(start, end, is_apart)

    def _take_country(self, end: int, is_apart: bool) -> bool:
        is_behind = self.before in ("city", "city after code", "code", "region", "unit", "box")
        if not is_behind and (self.is_free or not is_apart):
            return False
        if self.is_free and not self.proof:
            return self._go_on("country", end, is_sure=False)
        return self._go_on("country", end, proof="country")

    def _take_city(self, start: int, end: int, is_apart: bool) -> bool:
        if self.before == "country" or (not is_apart and self.before in ("city", "city after code", "region")):
            return False
        if not is_apart and self.before == "core" and not self._may_follow(start, end):
            return False
        for more in (_AFTER_CITY, _PROVINCE):
            match = more.match(self.window, end)
            end = match.end() if match is not None else end
        if self.before == "bare code" or (self.before == "code" and (not is_apart or not self.num_cities)):
            return self._go_on("city after code", end, proof="code")
        if self.num_cities >= 3 or (
            self.before in ("code", "city after code") and "\n" in self.window[self.at : start]
        ):
            return False
        self.pending = [*(city for city in self.pending if city[0] >= self.sure), (start, end)]
        self.num_cities += 1
        return self._go_on("city", end, is_sure=False)

    def _may_follow(self, start: int, end: int) -> bool:
        """Whether a city may follow the street with but a space between: after a number, or all in capitals."""
        is_after_number = self.page.data[self.start - 1 : self.start].isdigit()
        return not self.is_free and (is_after_number or self.window[start:end].isupper())

    def _kind_of(self, start: int, end: int) -> tuple[str, int]:
        """What the words are, and where they end once a country or region at their end is left for the next part."""
        words = [
            (match.start() + start, match.end() + start) for match in re.finditer(r"[^ ]+", self.window[start:end])
        ]
        for first in range(len(words)):
            said = self._original(words[first][0], end).strip(".")
            kind = _kind(said)
            if kind:
                return (kind, end) if first == 0 else ("city", words[first - 1][1])
        first_alone = next(
            (n for n in range(len(words), 0, -1) if _kind(self._original(start, words[n - 1][1])) == "country"), 0
        )
        return ("country", words[first_alone - 1][1]) if first_alone else ("city", end)


def _kind(said: str) -> str:
    low = said.lower()
    if low in countries():
        return "country"
    if _REGION.match(low):
        return "region"
    return "region" if low in regions() or said in region_codes() else ""


# ── what stands before the street ─────────────────────────────────────────────────────────────────────────────────────
_BEFORE_WINDOW = 60
_BEFORE = tuple(
    latin(pattern + r"\z")
    for pattern in (
        rf"(?:\A|[^{WORD}])((?:{UNIT}|{BOX})(?:,? +| *\n[ >]*))",
        rf"(?:\A|[^{WORD}])((?:[{_UPPER}][{_LETTER}']{{0,24}} ){{1,3}}(?:{HOUSES})(?: [0-9]{{1,3}}| [A-Z])?(?:, ?\n?| *\n[ >]*))",
        rf"(?:\A|[^{WORD}.,$#/-])((?:[A-Z]{{1,2}}-)?[0-9]{{4,6}} [{_UPPER}][{_LETTER}'-]{{1,24}}(?: [{_UPPER}{_LETTER}'-]{{1,24}}){{0,2}},? ?\n?)",
        rf"(?:\A|[^{WORD}.,$#/-])([0-9]{{2,5}} )",
    )
)
_YEAR = re.compile(rb"(?:1[7-9]|20)[0-9]{2} ")
_BEFORE_YEAR = re.compile(rb"(?i:in|since|by|of|and|until|from|to) $")


def read_before(page: Page, start: int) -> int:
    """Where the address begins whose street begins at ``start``: a unit, a building, a number or "code city," before it."""
    for _ in range(2):
        window = page.data[max(0, start - _BEFORE_WINDOW) : start]
        if window[-1:] not in (b" ", b"\n", b">"):
            break
        match = next((match for pattern in _BEFORE if (match := pattern.search(window)) is not None), None)
        if match is None or (_YEAR.match(match[1]) and _BEFORE_YEAR.search(window[: match.start(1)])):
            break
        start -= len(match[1])
    return start
