"""Postal addresses: a street with its number in the shapes of many countries, and the lines around it, as one span.

The core is a house number beside something that names a street, or a box number; what follows it belongs to the address
as far as the last unit, postal code, region or country, over commas and line ends (`address_lines`). A town that is named
alone behind it ("12 High Street, Oxford") is a place by itself, a LOCATION. A core that is not much of a proof by itself
("12 Ashby Park", "Koclířova 52") needs such a line, or words such as "lives at" before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tunesmith.privacy.recognizers.address_lines import BOX, STRICT_UNIT, UNIT, Lines, read_before, read_lines
from tunesmith.privacy.recognizers.address_words import (
    FRENCH,
    PREFIXES,
    SHORT_PREFIXES,
    SHORT_TYPES,
    SIDE,
    SMALL_WORDS,
    STRICT_UNIT_WORDS,
    SUFFIXES,
    TYPES,
    UNIT_WORDS,
    WEAK_TYPES,
    WORD_SUFFIXES,
)
from tunesmith.privacy.recognizers.page import WORD, Page, any_of, latin, words
from tunesmith.privacy.recognizers.patterns import matches
from tunesmith.privacy.spans import Span

WITH_LINES, WHOLE, STRONG, LIKELY, WITH_CONTEXT, ALONE, WEAK, FREE = 0.84, 0.8, 0.7, 0.6, 0.75, 0.55, 0.3, 0.0
_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ÿ"
_CAPITAL = rf"[{_UPPER}][{_UPPER}{_LOWER}'.-]{{0,24}}"
_NUMBER = r"[0-9]{1,5}(?:[A-Za-z]?(?:[/-][0-9]{1,5}[A-Za-z]{0,2}){0,3}|[A-Za-z]|-[A-Z]| 1/2| bis| ter)"
_NAME = rf"(?:{_CAPITAL}|[0-9]{{1,3}}(?:st|nd|rd|th)|the) +(?:(?:{_CAPITAL}|[0-9]{{1,3}}(?:st|nd|rd|th)|of|the|and|&|de|la) +){{0,3}}"
_SPAN_NAME = rf"(?:(?:{SMALL_WORDS} ?|[dl]'|[0-9]{{1,2}} (?:(?:de|di) )?){{0,3}}{_CAPITAL} ?){{1,4}}"
_POINT = r"(?: (?:Sur|Norte|Este|Oeste|Oriente|Poniente)\b)?"
_NO = r"(?:,? ?(?:n[º°o.]{0,2}|N[º°]\.?|No[:.]?|Nr\.?|nr\.?|#|num\.?|n[uú]mero|s/n|km|house|Haus|h\.) ?:? ?)?"
_BEFORE = rf"(?:^|[^{WORD}.,$£#/-]|[,#/.-][^0-9{WORD}]|[A-Za-z][,:]|[^0-9{WORD}][.#/-])"
_AFTER = rf"[^{WORD}]|\z"
_FOLLOWED_BY_CODE = r" *[,\n][ \n]?(?:[A-Z]{1,2}[ -]?|ÞÞ )?(?:[0-9]{5,6}|[0-9]{3} [0-9]{2,3}|[0-9]{2}-[0-9]{3}|[0-9]{4}(?:-[0-9]{3}|,? ?[A-ZÀ-Þ]))"
_FOLLOWED_BY_LINES = rf" *[,\n] ?[{_UPPER}][^\n]{{0,40}}(?:\n[^\n]{{0,20}})?[A-Z0-9][0-9][A-Z0-9]"
_FOLLOWED_BY_UNIT = rf",? *\n?[ >]*{STRICT_UNIT}"
_YEAR = r"(?:1[7-9][0-9]{2}|20[0-3][0-9])(?![0-9A-Za-z])"


class Shape(NamedTuple):
    """One way to write a street with its number, and what it proves by itself."""

    name: str
    pattern: Any
    score: float


class Group(NamedTuple):
    """Shapes behind one or two patterns that are far cheaper to look for, and without which none of them stands."""

    gate: str
    shapes: tuple[Shape, ...]
    also: str = ""


def _shape(name: str, pattern: str, score: float, *, followed_by: str = _AFTER) -> Shape:
    return Shape(name, latin(f"{_BEFORE}({pattern})(?:{followed_by})"), score)


_PREFIX = rf"(?:(?:{PREFIXES}) +|(?:{SHORT_PREFIXES}) *)"
_DOOR = r"(?i:(?:h\. ?no|house no|d\. ?no|door no|plot no|flat no|no)\.?:? ?)"
_LOT = r"(?:B|B[Ll][Kk]\.? |Block )[0-9]{1,3},? (?:L|Lot )[0-9]{1,3}"
_NUMBERED = rf"(?:{_NUMBER},? +|(?:One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten) +|{_DOOR}{_NUMBER},? *\n?|[0-9]{{1,4}}/[0-9]{{1,4}},?\n|{_LOT},? +)(?:{SIDE} +)?"
_NUMBER_SIGN = rf"(?:[0-9][A-Za-z]?|One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten),?[ \n]+(?:[{_UPPER}]|[0-9]+[a-z]{{2}} |[NSEWnsew][a-z.]* [{_UPPER}0-9])"
_WEAK_CAPITAL = "|".join(name[0].upper() + name[1:] for name in WEAK_TYPES.split("|"))
_UNIT_SIGN = rf"[ \n>](?i:{STRICT_UNIT_WORDS})\.?:? ?#? ?[0-9A-Z]"
_UNIT_FIRST = r"(?i:flat|studio|apt|apartment|unit|suite)\.? [0-9]{1,4}[A-Za-z]?,? *\n? *"
GROUPS = (
    Group(
        rf" (?:(?i:{TYPES}|{SHORT_TYPES})|{_WEAK_CAPITAL}|[A-Z]{{4,}}|Broadway|Bowery)(?:[^{WORD}]|\z)|[0-9] {SIDE} +[0-9]",
        (
            _shape("english", rf"{_NUMBERED}{_NAME}(?i:{TYPES})(?: +{SIDE})?", STRONG),
            _shape("english_short", rf"{_NUMBERED}{_NAME}(?i:{SHORT_TYPES})\.?(?: +{SIDE})?", LIKELY),
            _shape("english_weak", rf"{_NUMBERED}{_NAME}(?i:{WEAK_TYPES})(?: +{SIDE})?", WEAK),
            _shape(
                "english_named",
                rf"{_NUMBERED}(?:Broadway|Bowery|Avenue [A-Z]|(?:Avenue|Road|Street|Boulevard) of the {_CAPITAL}|"
                r"(?:County Road|State Route|Highway|Route|Hwy) [0-9]{1,4})",
                STRONG,
            ),
            _shape("english_sides", rf"{_NUMBER} +{SIDE} +[0-9]{{2,5}} +{SIDE}", WEAK),
        ),
        _NUMBER_SIGN,
    ),
    Group(
        rf"[{WORD}][,\n] ?[{_UPPER}][^\n]*\n?[^\n]*[A-Z0-9][0-9][A-Z0-9]",
        (
            _shape("number_first", rf"{_NUMBER},? +{_CAPITAL}(?: +{_CAPITAL}){{0,3}}", FREE, followed_by=_FOLLOWED_BY_LINES),
        ),
        _NUMBER_SIGN,
    ),
    Group(
        _UNIT_SIGN,
        (
            _shape(
                "with_unit",
                rf"{_NUMBER},? +{_CAPITAL}(?: +(?:{_CAPITAL}|{SMALL_WORDS})){{0,4}}(?: +{_NUMBER})?",
                FREE,
                followed_by=_FOLLOWED_BY_UNIT,
            ),
            _shape(
                "number_and_unit",
                rf"{_CAPITAL}(?:[ -](?:{_CAPITAL}|{SMALL_WORDS})){{0,4}},? {_NO}{_NUMBER}",
                FREE,
                followed_by=_FOLLOWED_BY_UNIT,
            ),
        ),
    ),
    Group(
        rf" (?i:{TYPES})(?: Upper| Lower)?[,\n] ?[{_UPPER}]",
        (
            _shape(
                "english_unnumbered",
                rf"{_CAPITAL} +(?:{_CAPITAL} +)?(?i:{TYPES})(?: Upper| Lower)?",
                FREE,
                followed_by=rf"[,\n] ?[{_UPPER}][^\n]{{0,40}}\n?[^\n]{{0,16}}(?:[A-Z]{{2,3}} [0-9]{{4,5}}|[A-Z]{{1,2}}[0-9][0-9A-Z]? [0-9][A-Z]{{2}}|[A-Z][0-9]{{2}} [A-Z0-9]{{4}})",
            ),
        ),
    ),
    Group(
        r"(?i:flat|studio|apt|apartment|unit|suite)\.? [0-9]",
        (
            _shape("unit_first", rf"{_UNIT_FIRST}{_NAME}(?i:{TYPES}|{SHORT_TYPES}|{WEAK_TYPES})", LIKELY),
        ),
    ),
    Group(
        rf"[0-9](?:[A-Za-z]| bis| ter)?,? +{FRENCH} ",
        (
            _shape("french", rf"{_NUMBER},? {{1,2}}{FRENCH} +{_SPAN_NAME}", STRONG),
        ),
    ),
    Group(
        rf"(?:^|[^{WORD}]){_PREFIX}[A-Za-zÀ-ÿ0-9]",
        (
            _shape("prefixed", rf"{_PREFIX}{_SPAN_NAME},? ?{_NO}{_NUMBER}{_POINT}", STRONG),
            _shape("unnumbered", rf"{_PREFIX}{_SPAN_NAME}", FREE, followed_by=_FOLLOWED_BY_CODE),
            _shape("prefixed_number", rf"{_PREFIX}[0-9]{{1,3}}(?:[A-Z]|ª)?(?: [Bb]is)?{_POINT},? ?(?:#|N[º°o]\.?|No\.|km) ?{_NUMBER}(?: ?- ?[0-9]{{1,3}})?{_POINT}", STRONG),
        ),
    ),
    Group(
        rf"(?:(?i:{SUFFIXES})|-(?:Ring|Weg|Hof|Markt|Wall|Park)|str\.|[ {_LOWER}](?i:{WORD_SUFFIXES})),? ?(?i:n|#|s/n|km|h)?[º°or.]*:? ?[0-9]",
        (
            _shape(
                "suffixed",
                rf"(?:{_CAPITAL}[ -]){{0,3}}(?:{_CAPITAL}(?:{SUFFIXES})|{_CAPITAL}(?:[ -](?i:{SUFFIXES})|-(?i:ring|hof|markt|wall|park)"
                rf"| (?i:{WORD_SUFFIXES}))|[{_UPPER}][{_LOWER}-]{{2,20}}str\.),? ?{_NO}{_NUMBER}\.?",
                STRONG,
            ),
            _shape("compound", rf"(?:{_CAPITAL} )?[{_UPPER}][{_LOWER}]{{3,24}}(?:gade|gate|ntie|vei|utca) {_NUMBER}", LIKELY),
        ),
    ),
    Group(
        rf"[0-9A-Za-z]{_FOLLOWED_BY_CODE}",
        (
            _shape(
                "number_last",
                rf"{_CAPITAL}(?:[ -](?:{_CAPITAL}|{SMALL_WORDS})){{0,4}},? {_NO}{_NUMBER}",
                FREE,
                followed_by=_FOLLOWED_BY_CODE,
            ),
        ),
    ),
    Group(
        r"(?i:box|postfach|postbus|apartado|postal|pocztowa|postboks|bag|lokero|pþihr.dka|postafi.k)[ .#A-Za-zº°]*[0-9]|"
        r"[CR]\.?[PR]\.? ?[0-9]|(?:B\.?P\.?|PSC|CMR|HC|Unit) ?[0-9]|[AFD](?i:po),? ",
        (
            _shape("box", BOX, STRONG),
            _shape("military", rf"(?:U(?i:S[A-Z]{{1,3}}) {_CAPITAL},? *\n?[ >]*)?[AFD](?i:po,? +A[AEP]) +[0-9]{{5}}(?:-[0-9]{{4}})?", WHOLE),
        ),
    ),
)  # fmt: skip
_ANNOUNCING = (
    r"(?i:address(?: is| was|es)?|addr\.?|liv(?:e|es|ed|ing) (?:at|on|in)|resid(?:e|es|ed|ing) (?:at|on|in)|located (?:at|on|in)|"
    r"(?:ship|ships|shipped|deliver|delivered|delivery|send|sent|mail|mailed|moved?|moving|relocated?|go|come) (?:it |this |them |me |us )?(?:to|at)|"
    r"direcci[oó]n|indirizzo|adresse|endere[cç]o|adres|residence|(?:street|location|home|office|house):)"
)
ANNOUNCED = Shape(
    "announced",
    latin(
        rf"\b{_ANNOUNCING}[\s:=\"'-]{{1,4}}((?:{UNIT},? +)?{_NUMBER},? +{_CAPITAL}(?: +(?:{_CAPITAL}|{SMALL_WORDS})){{0,5}}?|"
        rf"{_CAPITAL}(?:[ -](?:{_CAPITAL}|{SMALL_WORDS})){{0,5}},? {_NO}{_NUMBER})(?:,? {UNIT}|[^{WORD} '.&-]|[.-](?:[^{WORD}]|\z)|\z| [^{_UPPER}])"
    ),
    STRONG,
)
_LOWER_CASE_BEGIN = r"(?:\bat|address(?: is| was)?:?|live on|lives on) "
_LOWER_CASE = latin(
    rf"{_LOWER_CASE_BEGIN}([0-9]{{1,5}}[a-z]? +(?:[a-z0-9]{{2,20}} +){{1,3}}(?:{TYPES}|st|rd|ave|ln|dr|blvd|way|place))(?:[^{WORD}]|\z)"
)
_NUM_NUMBERED = sum(group.also == _NUMBER_SIGN for group in GROUPS)
_OTHER_SIGNS = "|".join(f"(?:{group.gate})" for group in GROUPS[_NUM_NUMBERED:])
_NUMBERED_SIGN, _ANNOUNCING_SIGN, _LOWER_CASE_SIGN = range(len(GROUPS), len(GROUPS) + 3)
_signs_of = any_of(
    [*(group.gate for group in GROUPS), _NUMBER_SIGN, rf"\b{_ANNOUNCING}[\s:=\"'-]", f"{_LOWER_CASE_BEGIN}[0-9]"]
)
GATE = rf"{_NUMBER_SIGN}|{_OTHER_SIGNS}|(?:at|is|was|on|address:?) [0-9]+[a-z]? +[a-z0-9]+ "
_CONTEXT = words(
    r"address|\b(?:liv(?:e|es|ed|ing)|resid(?:e|es|ed|ing)|located|situated|moved?|moving|stay(?:s|ing)?|based|found|meet(?:ing)?|house|home|"
    r"apartment|office|store|shop|headquarters|visit(?:ed)?|branch|reach) (?:me |us |him |her |them |is |are |was )?(?:at|to|on|in|is)?\b|"
    r"\b(?:ship|deliver|send|mail|post|forward|deliveries|sent|delivered|shipped)\b|\bat:? *$|adress|direcci[oó]n|indirizzo|endere[cç]o|"
    r"wohn|domicil|domicile|habite|vive en|abita|mora|adres|osoite|residence|location|\bto:? *$"
)
_CROSSING = re.compile(rf" (?:and|&) {_CAPITAL}(?: {_CAPITAL}){{0,3}}")
# End like a Danish or Norwegian street and are none.
_ENGLISH_WORDS = re.compile(
    r"(?i)\b(?:brigade|renegade|auntie|(?:water|irri|propa|investi|navi|miti|dele|aggre|congre|segre|fri|corru|col|tail|vul|obli)gate)\b"
)
_FIRST_WORDS = re.compile(
    r"(?:(?i:is|in|at|on|near|from|to|see|visit|address|adresse|the|our|my|his|her|their|your|and|or|was|are|of|for|by|live|lives|"
    r"located|ship|send|mail|deliver|move|moved|meet|come|go|home|office)[:,]? +)+"
)
_UNIT_AT_END = re.compile(rf",? +(?i:{UNIT_WORDS})\.?$")
# "614 Ashby Hollow", as against "In 1972 the park", "3 Green Hills" and "79, VTA Light".
_LIKE_STREET = re.compile(rf"[0-9]{{2,5}}[A-Za-z]?(?:[/-][0-9]+)?(?: [{_UPPER}]\S*)+")


def find_addresses(page: Page) -> Iterator[Span]:
    """Street addresses with a house number, and post boxes."""
    page = page.titled() if page.text.islower() else page
    signs = _signs_of(page.data)
    for number, group in enumerate(GROUPS):
        if number in signs and (not group.also or _NUMBERED_SIGN in signs):
            yield from _find_shapes(page, group.shapes)
    if _ANNOUNCING_SIGN in signs:
        yield from _find_shapes(page, (ANNOUNCED,))
    for start, end in matches(_LOWER_CASE, page.data) if _LOWER_CASE_SIGN in signs else ():
        yield Span(*page.place(start, end), "STREET_ADDRESS", WITH_CONTEXT, "address_lower_case")


def _find_shapes(page: Page, shapes: tuple[Shape, ...]) -> Iterator[Span]:
    for shape in shapes:
        at = 0
        while (match := shape.pattern.search(page.data, at)) is not None:
            at = max(match.end(1), at + 1)
            found = _judge(page, shape, *match.span(1))
            if found.score > 0:
                yield Span(*page.place(found.start, found.end), "STREET_ADDRESS", found.score, f"address_{shape.name}")
                at = max(found.end, at)
                for town in found.towns:
                    yield Span(*page.place(*town), "LOCATION", found.score, "address_town")
                    at = max(town[1], at)


class _Found(NamedTuple):
    """How sure it is that there is an address, where it begins and ends, and the towns named behind it."""

    score: float
    start: int
    end: int
    towns: tuple[tuple[int, int], ...] = ()


def _judge(page: Page, shape: Shape, start: int, end: int) -> _Found:
    """The address that the street from ``start`` to ``end`` belongs to."""
    start, end = _trim(page, start, end)
    is_free = shape.score == FREE
    lines = read_lines(page, end, is_free=is_free) if shape.score != WHOLE else Lines(end, frozenset(), False)
    if lines.proof and (not is_free or not lines.proof.isdisjoint(("unit", "code"))):
        return _Found(WITH_LINES, read_before(page, start), lines.end, lines.towns)
    if is_free:
        return _Found(FREE, start, end)
    before, _ = page.around(start, end, before=45)
    if before.endswith("corner of "):
        crossing = _CROSSING.match(page.said(end, end + 80))
        return _Found(WITH_CONTEXT, start, end + (crossing.end() if crossing is not None else 0))
    score = _score_alone(page, shape, start, end, lines)
    return _Found(score, read_before(page, start), lines.end, lines.towns)


def _trim(page: Page, start: int, end: int) -> tuple[int, int]:
    """Without words before the name that only begin a sentence, a unit's word whose number comes after, a full stop."""
    said = page.said(start, end)
    first = _FIRST_WORDS.match(said)
    unit = _UNIT_AT_END.search(said)
    if unit is not None and page.said(end, end + 3).lstrip(". ")[:1].isdigit():
        end = start + unit.start()
    elif said.endswith("."):
        end -= 1
    return start + (first.end() if first is not None else 0), end


def _score_alone(page: Page, shape: Shape, start: int, end: int, lines: Lines) -> float:
    """How sure a street with a number is, without a line that proves it."""
    said = page.said(start, end)
    is_year = re.match(_YEAR, said) is not None or re.search(rf" {_YEAR}$", said) is not None
    if _ENGLISH_WORDS.search(said):
        return FREE
    before, _ = page.around(start, end, before=45)
    if _CONTEXT.search(before) and not is_year:
        return WITH_CONTEXT
    is_spelled_out = not any(map(str.isdigit, said))  # "One Week Road"
    if is_year or is_spelled_out or (lines.follows_capital and not said[-1].isdigit()):
        return min(shape.score, WEAK)
    is_written_as_street = shape.score == WEAK and _LIKE_STREET.fullmatch(said) is not None
    return ALONE if is_written_as_street else shape.score
