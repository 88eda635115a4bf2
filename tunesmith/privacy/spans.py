"""What is found in a text: where it stands, what it is, how sure we are; and which of two that overlap stays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

TYPES = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "NATIONAL_ID",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "URL_CREDENTIALS",
    "API_KEY",
    "PRIVATE_KEY",
    "DATE_OF_BIRTH",
    "STREET_ADDRESS",
    "PERSON",
    "LOCATION",
    "ORGANIZATION",
)
NAMES = ("PERSON", "LOCATION", "ORGANIZATION")
# What a container says beats what stands inside it: a host in a URL with a password, a city in an address.
_CONTAINERS = ("PRIVATE_KEY", "URL_CREDENTIALS", "STREET_ADDRESS", "EMAIL_ADDRESS")
# From here on a checksum or an unmistakable shape spoke; below it is a guess.
SURE = 0.85


class Span(NamedTuple):
    """A piece of personal data in a text.

    Attributes:
        start, end: characters (code points), end exclusive.
        type: one of `TYPES`.
        score: from 0 to 1; what a checksum confirmed has at least `SURE`.
        recognizer: which rule found it, for example ``card`` or ``id_fr_nir``.
    """

    start: int
    end: int
    type: str
    score: float
    recognizer: str


def resolve_overlaps(spans: Iterable[Span]) -> list[Span]:
    """The spans that stay where some overlap, in order of their place.

    What is sure beats a guess, then the container beats its content, the longer the shorter, the surer the less sure.
    """
    kept: list[Span] = []
    for span in sorted(spans, key=_strength, reverse=True):
        at = bisect_right(kept, span.start, key=_start)
        is_free = (at == 0 or kept[at - 1].end <= span.start) and (at == len(kept) or span.end <= kept[at].start)
        if is_free:
            kept.insert(at, span)
    return kept


def _start(span: Span) -> int:
    return span.start


def _strength(span: Span) -> tuple[bool, bool, int, float, int]:
    is_sure = span.score >= SURE and span.type not in NAMES
    return (is_sure, span.type in _CONTAINERS, span.end - span.start, span.score, -span.start)
