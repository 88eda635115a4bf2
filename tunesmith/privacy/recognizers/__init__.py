"""Everything that is found by shape, check digits and words around it; names are found elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tunesmith.privacy.recognizers import (
    address_scripts,
    addresses,
    bank_accounts,
    births,
    national_ids,
    network,
    numbers,
    phones,
    secrets,
)
from tunesmith.privacy.recognizers.cards import find_card
from tunesmith.privacy.recognizers.contact import find_contacts
from tunesmith.privacy.recognizers.numbers import NumberTable, windows
from tunesmith.privacy.recognizers.page import Page, any_of, latin
from tunesmith.privacy.recognizers.patterns import find_all
from tunesmith.privacy.spans import Span

_NUMBERS = NumberTable(national_ids.NUMBERS)


def find_numbers(page: Page) -> Iterator[Span]:
    """Cards, social security numbers and national numbers made of digits alone."""
    for window in windows(page):
        yield from find_card(page, window)
        yield from _NUMBERS.find(page, window)


class Family(NamedTuple):
    """What to look for behind a gate: a cheap pattern without which none of it can be there."""

    gate: str
    find: Callable[[Page], Iterable[Span]]


# Most texts hold not one of these, and then nothing else is looked for.
_DIGITS_AND_AT, _BRACKETS = b"0123456789@", b")]}"
_PLAIN = bytes(set(range(256)).difference(_DIGITS_AND_AT, _BRACKETS))
_SPELLED_AT = latin(r"(?i:at)[)\]}]")
_WORDED = (
    Family(secrets.ISSUED_GATE, find_all(secrets.ISSUED_KEYS)),
    Family(secrets.NAMED_GATE, secrets.find_named_keys),
    Family(births.GATE, births.find_births),
)
# These share one more gate, since few texts hold anything like them.
_NUMERIC = (
    Family(numbers.GATE, find_numbers),
    Family(numbers.GATE, phones.find_phones),
    Family(bank_accounts.GATE, bank_accounts.find_iban),
    Family(network.GATE, network.find_machines),
    Family(national_ids.GATE, find_all(national_ids.PATTERNS)),
)
_NUMERIC_GATE = "|".join(f"(?:{family.gate})" for family in _NUMERIC)
_OTHER_SCRIPTS = (births.find_births_in_other_scripts, address_scripts.find_in_other_scripts)


def find_patterns(text: str) -> list[Span]:
    """Every piece of personal data with a shape of its own; spans may overlap, and some are unlikely."""
    page = Page(text)
    spans: list[Span] = []
    if _has_sign(page.data):
        spans += find_contacts(page)
        spans += secrets.find_private_keys(page)
        for number in _open_gates(page.data):
            if number < len(_WORDED):
                spans += _WORDED[number].find(page)
            else:
                spans += _find_numeric(page)
        if _ADDRESS_GATE.search(page.data) is not None:
            spans += addresses.find_addresses(page)
    if page.has_other_script:
        spans += [span for find in _OTHER_SCRIPTS for span in find(page)]
    return spans


def _has_sign(data: bytes) -> bool:
    """Whether there is a digit, an "@", an "at)" or the beginning of a private key."""
    signs = data.translate(None, _PLAIN)
    if signs and (signs.strip(_BRACKETS) or _SPELLED_AT.search(data) is not None):
        return True
    return b"-----BEGIN" in data


def _find_numeric(page: Page) -> Iterator[Span]:
    for gate, find in _NUMERIC_GATES:
        if gate.search(page.data) is not None:
            yield from find(page)


# Addresses have a gate of their own: a joint pattern with as many states as theirs does not stay in the processor's cache.
_ADDRESS_GATE = latin(addresses.GATE)
_open_gates = any_of([*(family.gate for family in _WORDED), _NUMERIC_GATE])
_NUMERIC_GATES = tuple((latin(family.gate), family.find) for family in _NUMERIC)
