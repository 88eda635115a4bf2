"""Everything that is found by shape, check digits and words around it; names are found elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

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
from tunesmith.privacy.recognizers.page import Page, latin
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
_ANY_SIGN = latin(r"[0-9@]|(?i:at)[)\]}]|-----BEGIN")
_SIGNED = (find_contacts, secrets.find_private_keys)
_WORDED = (
    Family(secrets.ISSUED_GATE, find_all(secrets.ISSUED_KEYS)),
    Family(secrets.NAMED_GATE, secrets.find_named_keys),
    Family(births.GATE, births.find_births),
    Family(addresses.GATE, addresses.find_addresses),
)
# These share one more gate, since few texts hold anything like them.
_NUMERIC = (
    Family(numbers.GATE, find_numbers),
    Family(numbers.GATE, phones.find_phones),
    Family(bank_accounts.GATE, bank_accounts.find_iban),
    Family(network.GATE, network.find_machines),
    Family(national_ids.GATE, find_all(national_ids.PATTERNS)),
)
_OTHER_SCRIPTS = (births.find_births_in_other_scripts, address_scripts.find_in_other_scripts)


def find_patterns(text: str) -> list[Span]:
    """Every piece of personal data with a shape of its own; spans may overlap, and some are unlikely."""
    page = Page(text)
    spans: list[Span] = []
    if _ANY_SIGN.search(page.data) is not None:
        spans += [span for find in _SIGNED for span in find(page)]
        spans += _find_behind(_WORDED_GATES, page)
        if _NUMERIC_GATE.search(page.data) is not None:
            spans += _find_behind(_NUMERIC_GATES, page)
    if page.has_other_script:
        spans += [span for find in _OTHER_SCRIPTS for span in find(page)]
    return spans


def _find_behind(gates: Gates, page: Page) -> Iterator[Span]:
    for gate, find in gates:
        if gate.search(page.data) is not None:
            yield from find(page)


Gates = tuple[tuple[Any, Callable[[Page], Iterable[Span]]], ...]
_WORDED_GATES: Gates = tuple((latin(family.gate), family.find) for family in _WORDED)
_NUMERIC_GATES: Gates = tuple((latin(family.gate), family.find) for family in _NUMERIC)
_NUMERIC_GATE = latin("|".join(f"(?:{family.gate})" for family in _NUMERIC))
