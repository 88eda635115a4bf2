"""Telephone numbers: shapes first, then the library of numbering plans (phonenumbers) on the few that are left."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from tunesmith.privacy.recognizers.numbers import is_labelled_otherwise
from tunesmith.privacy.recognizers.page import WORD, Page, latin, words
from tunesmith.privacy.recognizers.patterns import matches
from tunesmith.privacy.spans import Span

VALID_SCORE, SHAPE_SCORE, CONTEXT_SCORE, WEAK_SCORE = 0.8, 0.6, 0.75, 0.3
_EXTENSION = r"(?: ?(?:,? ?ext\.?|,? ?extension|x|#|,? ?Ext\.?) ?[0-9]{1,6})?"
_BEFORE = rf"(?:^|[^{WORD}+.,/_$£#%=*-]|[^0-9{WORD}][.,/=*-]|[A-Za-z][.:])"
_AFTER = rf"(?:[^{WORD}%$£/_@.,-]|[.,-](?:[^0-9{WORD}]|\z)|-[A-Z][a-z]|/[^0-9]|\z)"
INTERNATIONAL = latin(
    rf"(?:^|[^{WORD}+])(\(?\+ ?\(?[1-9][0-9]{{0,2}}\)?(?:[ .\-/()]{{0,3}}[0-9]){{5,14}}{_EXTENSION}){_AFTER}"
)
ZEROS = latin(rf"{_BEFORE}(00[1-9][0-9]{{0,2}}(?:[ .\-/()]{{0,3}}[0-9]){{6,13}}{_EXTENSION}){_AFTER}")
AMERICAN = latin(
    rf"{_BEFORE}((?:\+?1[ .-]?)?(?:\([0-9]{{3}}\)[ .-]?[0-9]{{3}}[ .-][0-9]{{4}}|\([0-9]{{3}}\) ?[0-9]{{7}}|"
    rf"[0-9]{{3}}-[0-9]{{3}}-[0-9]{{4}}|[0-9]{{3}}\.[0-9]{{3}}\.[0-9]{{4}}|[0-9]{{3}} [0-9]{{3}}[ -][0-9]{{4}}|[0-9]{{3}}/[0-9]{{3}}-[0-9]{{4}})"
    rf"{_EXTENSION}){_AFTER}"
)
NATIONAL = latin(rf"{_BEFORE}(\(?0[0-9]{{1,5}}\)?(?:[ .\-/]{{0,3}}[0-9]{{1,8}}){{1,5}}{_EXTENSION}){_AFTER}")
BRACKETED = latin(rf"{_BEFORE}(\([0-9]{{2,5}}\)[ -]?[0-9]{{3,5}}(?:[ .-]?[0-9]{{2,4}}){{1,3}}){_AFTER}")
MOBILE_CN = latin(rf"(?:^|[^{WORD}+.,/_$#%=*-])(1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}){_AFTER}")
ANY = latin(rf"{_BEFORE}(\(?[0-9](?:[ .\-/()]{{0,2}}[0-9]){{5,14}}{_EXTENSION}){_AFTER}")
_SHAPES = (
    ("phone_american", AMERICAN),
    ("phone_zeros", ZEROS),
    ("phone_national", NATIONAL),
    ("phone_bracketed", BRACKETED),
    ("phone_cn", MOBILE_CN),
)
_WORDS = (
    r"\b(?:tel|tels|phone|phones|telephone|telefon\w*|tel[eé]fonos?|t[eé]l[eé]phone|t[eé]l|telefoon\w*|telefone|puhelin|phone no|cell|"
    r"cellphone|cellular|cel|mobil\w*|m[oó]vil|celular|handy\w*|gsm|fax|telefax|whats ?app|telegram|viber|wechat|sms|"
    r"call|calls|called|calling|dial|dialing|reach|hotline|helpline|contact|landline|voicemail|pager|komórk\w*|telefonu)\b|"
    r"电话|電話|手机|手機|携帯|전화|휴대|тел|телефон|моб|звони|هاتف|फोन|☎|📞|📱"
)
CONTEXT = words(_WORDS)
NEAR = words(
    rf"(?:{_WORDS})[^0-9]{{0,24}}$|\b(?:t|m|f|p|ph|c)\.? ?: ?$|\b(?:my|his|her|your|our|their) (?:new |old |current )?number(?: is|:| was)? ?$"
)
ANNOUNCING = words(rf"{_WORDS}|\b(?:office|home|work|direct|büro|privat|bureau|domicile|casa)\b|number")
# As in an address book: "6668 5702 – office".
LABEL_AFTER = words(
    r"^[ (–-]{1,3}(?:office|mobile|cell|fax|home|work|tel|phone|direct|büro|privat|mobil|handy|portable|domicile|bureau|casa)\b"
)
# Asked in this order where a number has no country code.
REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "PL", "PT", "IE", "CZ",
           "HU", "GR", "RO", "TR", "IL", "AU", "NZ", "ZA", "IN", "PK", "JP", "KR", "CN", "HK", "TW", "SG", "MY", "PH",
           "ID", "TH", "VN", "BR", "AR", "MX", "CL", "CO", "PE", "NG", "KE", "EG", "UA", "RU")  # fmt: skip


def find_phones(page: Page) -> Iterator[Span]:
    """Numbers with a country code, in the American shape, with a trunk 0, or announced as a telephone number."""
    if b"+" in page.data:
        for start, end in matches(INTERNATIONAL, page.data):
            end = _end_of_international(page.said(start, end)) + start
            if end > start:
                yield from _judge(page, start, end, VALID_SCORE, "phone_international")
    for name, pattern in _SHAPES:
        for start, end in matches(pattern, page.data):
            yield from _judge(page, start, end, _score(name, page.said(start, end)), name)
    if ANNOUNCING.search(page.text.lower()) is not None:
        yield from _find_announced(page)


def _find_announced(page: Page) -> Iterator[Span]:
    for start, end in matches(ANY, page.data):
        said = page.said(start, end)
        before, after = page.around(start, end, before=50, after=20)
        if (
            (NEAR.search(before) or LABEL_AFTER.search(after))
            and is_plausible(said)
            and not is_labelled_otherwise(before)
        ):
            yield Span(*page.place(start, end), "PHONE_NUMBER", CONTEXT_SCORE, "phone_announced")


def is_plausible(said: str) -> bool:
    """Whether an announced number can be dialed: 6 to 15 digits, and not a date, a year span or thousands."""
    digits = "".join(filter(str.isdigit, said.lower().partition("x")[0]))
    groups = words_of(said)
    is_years = sum(len(group) == 4 and group[:2] in ("18", "19", "20") for group in groups) >= 2
    is_date = [len(group) for group in groups] in ([4, 2, 2], [2, 2, 4], [1, 2, 4], [2, 1, 4], [1, 1, 4])
    is_date = is_date and any(group[:2] in ("19", "20") for group in groups if len(group) == 4)
    return 6 <= len(digits) <= 15 and len(set(digits)) > 1 and not is_years and not is_date


def words_of(said: str) -> list[str]:
    """The groups of digits of a number."""
    return "".join(character if character.isdigit() else " " for character in said).split()


def _end_of_international(said: str) -> int:
    """How much of it is a number of its country; trailing groups that are too many (", 12 times") are left out."""
    while said:
        if _is_international(said):
            return len(said)
        shorter = max(said.rstrip("0123456789").rfind(sign) for sign in " .-/")
        cut = max(said.rfind(sign) for sign in " (")
        said = said[:cut].rstrip(" .-/(,") if cut > 7 and shorter > 0 else ""
    return 0


@lru_cache(maxsize=4096)
def _is_international(said: str) -> bool:
    try:
        number = phonenumbers.parse("+" + said.replace("+", "").lstrip(" ("), None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


@lru_cache(maxsize=4096)
def is_valid_somewhere(said: str) -> bool:
    """Whether one of `REGIONS` could give out the number, dialed at home."""
    for region in REGIONS:
        try:
            if phonenumbers.is_valid_number_for_region(phonenumbers.parse(said, region), region):
                return True
        except phonenumbers.NumberParseException:
            return False
    return False


def _score_american(said: str) -> float:
    is_spaced = "-" not in said and "(" not in said and "." not in said
    groups = words_of(said.partition("x")[0].partition("#")[0])
    body = groups[1:] if len(groups[0]) == 1 else groups
    is_served = body[0][0] >= "2" and body[1][0] >= "2"
    return SHAPE_SCORE if not is_spaced or (is_served and is_valid_somewhere(said)) else WEAK_SCORE


def _score(name: str, said: str) -> float:
    if name == "phone_american":
        return _score_american(said)
    digits = "".join(filter(str.isdigit, said.lower().partition("x")[0]))
    if not 8 <= len(digits) <= 15 or not is_plausible(said):
        return 0.0
    if name == "phone_zeros":
        return SHAPE_SCORE if _is_international(said[2:]) else 0.0
    if name == "phone_cn":
        return SHAPE_SCORE if len(said) > 11 or is_valid_somewhere(said) else WEAK_SCORE
    has_groups = len(words_of(said)) >= 2 and not said.startswith("0.")
    return SHAPE_SCORE if has_groups and is_valid_somewhere(said) else WEAK_SCORE


def _judge(page: Page, start: int, end: int, score: float, name: str) -> Iterator[Span]:
    if score <= 0.0:
        return
    before, after = page.around(start, end, before=50, after=20)
    if NEAR.search(before) or LABEL_AFTER.search(after):
        score = max(score, CONTEXT_SCORE)
    elif CONTEXT.search(before) or CONTEXT.search(after):
        score = min(score + 0.2, VALID_SCORE)
    if not is_labelled_otherwise(before):
        yield Span(*page.place(start, end), "PHONE_NUMBER", score, name)
