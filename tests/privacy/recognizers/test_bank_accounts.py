"""IBAN."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found
from tunesmith.privacy.recognizers.bank_accounts import LENGTHS, is_mod_97


@pytest.mark.parametrize(
    "iban",
    [
        "GB82 WEST 1234 5698 7654 32",
        "GB82WEST12345698765432",
        "gb82west12345698765432",
        "DE89 3704 0044 0532 0130 00",
        "DE89-3704-0044-0532-0130-00",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "BE71 0961 2345 6769",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
        "BR15 0000 0000 0000 1093 2840 814P 2",
        "NL91\u200bABNA\u200b0417\u200b1643\u200b00",
    ],
)
def test_an_iban_is_found_however_it_is_grouped(iban):
    assert found(f"Pay to {iban} by Monday", "IBAN_CODE") == [iban]
    assert found(f"IBAN:{iban}.", "IBAN_CODE") == [iban]


@pytest.mark.parametrize(
    "text",
    [
        "GB83 WEST 1234 5698 7654 32",  # check digits
        "DE89 3704 0044 0532 0130 0",  # one too few
        "DE89370400440532013000123",  # too many
        "ZZ82 WEST 1234 5698 7654 32",  # no such country
        "in 1995 there were 1234 5698 7654 32",
        "covid19 vaccines were given to 1200 people",
    ],
)
def test_what_only_looks_like_an_iban_stays(text):
    assert found(text, "IBAN_CODE") == []


def test_the_remainder_is_that_of_the_standard():
    assert is_mod_97("GB82WEST12345698765432") and not is_mod_97("GB28WEST12345698765432")
    assert LENGTHS["NO"] == 15 and LENGTHS["MT"] == 31 and len(LENGTHS) > 80
