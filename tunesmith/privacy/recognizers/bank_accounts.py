"""IBAN: a country, its length, and a remainder of 1 modulo 97 (ISO 13616)."""

from __future__ import annotations

from collections.abc import Iterator

from tunesmith.privacy.recognizers.page import WORD, Page, latin
from tunesmith.privacy.spans import Span

SCORE = 0.98
# Country and length, from the public registry.
LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FO FI GL NL FK SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG DZ",
        25: "LY PT ST",
        26: "IS TR IR",
        27: "BI DJ FR GR IT MC MR SM CF CG CM GA GQ TD",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV BF BJ CI MG ML MZ SN TG MA",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
} | {"AO": 25, "CV": 25, "GW": 25, "KM": 27, "NE": 28, "HN": 28}
GATE = (
    r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11}|[A-Za-z]{2}[ .\-]?[0-9]{2}[ .\-]{1,2}[A-Za-z0-9]{4}[ .\-]{1,2}[A-Za-z0-9]{4}[ .\-]|"
    r"[A-Za-z]{2}[ .\-]?[0-9]{2}(?:[ .\-]{0,2}[0-9]){8}"
)
_START = latin(rf"(?:^|[^{WORD}]|iban|IBAN)([A-Za-z]{{2}}[ .\-]?[0-9]{{2}}(?:[ .\-]{{0,2}}[A-Za-z0-9]){{11,32}})")


def find_iban(page: Page) -> Iterator[Span]:
    """Every IBAN, with spaces, dots or dashes or without, in either case."""
    at = 0
    while (match := _START.search(page.data, at)) is not None:
        start, end = match.span(1)
        end = _end_of_iban(page.data[start:end].upper(), page.data[end : end + 1])
        if end is not None:
            yield Span(*page.place(start, start + end), "IBAN_CODE", SCORE, "iban")
        at = start + (end or 2)


def _end_of_iban(said: bytes, follows: bytes) -> int | None:
    """Where the IBAN that begins here ends, if one does: after as many letters and digits as its country has."""
    length = LENGTHS.get(said[:2].decode("latin-1"))
    if length is None:
        return None
    places = [k for k, byte in enumerate(said) if chr(byte).isalnum()]
    if len(places) < length:
        return None
    end = places[length - 1] + 1
    joined = chr(said[end]) if end < len(said) else follows.decode("latin-1")
    if joined.isalnum() or not is_mod_97(bytes(said[k] for k in places[:length]).decode("latin-1")):
        return None
    return end


def is_mod_97(number: str) -> bool:
    """Whether letters (A = 10 … Z = 35) and digits, the first four moved to the end, leave 1 modulo 97."""
    rearranged = number[4:] + number[:4]
    return rearranged.isascii() and int("".join(str(int(letter, 36)) for letter in rearranged)) % 97 == 1
